// Copies between any two strided layouts of the same sizes: permutations, slices, broadcasts made real, concatenation by parts.
// Contiguous rows are block copies; where the source is contiguous along another dimension than the destination
// (a transposition, as NCHW to NHWC), tiles that fit in L1 are copied so that each cache line is used whole.

namespace Brushfire.Kernels;

public static unsafe class StridedCopy
{
    /// <summary>Copies elements of 1, 2, 4 or 8 bytes over up to 8 dimensions. Strides in elements; no two elements of the destination overlap.</summary>
    public static void Run(int elementSize, ReadOnlySpan<int> sizes, void* source, ReadOnlySpan<nint> sourceStrides, void* destination, ReadOnlySpan<nint> destinationStrides)
    {
        var nest = new StridedNest(sizes);
        nest.SetStrides(0, destinationStrides, elementSize);
        nest.SetStrides(1, sourceStrides, elementSize);
        nest.Collapse();
        if (nest.Count == 0) return;

        // Reads wait for memory and writes do not, so rows come in the source's order.
        nest.OrderRows(1);
        switch (elementSize)
        {
            case 1: Run<byte>(in nest, source, destination); break;
            case 2: Run<ushort>(in nest, source, destination); break;
            case 4: Run<uint>(in nest, source, destination); break;
            case 8: Run<ulong>(in nest, source, destination); break;
            default: throw new ArgumentOutOfRangeException(nameof(elementSize), elementSize, "A strided copy takes elements of 1, 2, 4 or 8 bytes.");
        }
    }

    private static void Run<T>(in StridedNest nest, void* source, void* destination) where T : unmanaged
    {
        int across = TransposedDimension(in nest, sizeof(T));
        if (across < 0) nest.Run([(nint)destination, (nint)source], default(Row<T>));
        else Transposition<T>.Run(in nest, across, (byte*)source, (byte*)destination);
    }

    // The dimension along which the source is contiguous where the destination is along the row; -1 where there is none.
    private static int TransposedDimension(in StridedNest nest, int elementSize)
    {
        int row = nest.Rank - 1;
        if (nest.Stride(0, row) != elementSize || nint.Abs(nest.Stride(1, row)) <= elementSize) return -1;
        for (int d = 0; d < row; d++)
        {
            if (nest.Stride(1, d) == elementSize) return d;
        }

        return -1;
    }

    private readonly struct Row<T> : IRow where T : unmanaged
    {
        public void Run<TSimd, TVector>(nint count, byte** operands, nint* byteStrides) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            byte* destination = operands[0];
            byte* source = operands[1];
            nint destinationStride = byteStrides[0], sourceStride = byteStrides[1];
            if (destinationStride == sizeof(T) && sourceStride == sizeof(T))
                Buffer.MemoryCopy(source, destination, count * sizeof(T), count * sizeof(T));
            else if (destinationStride == sizeof(T) && sourceStride == 0)
                new Span<T>(destination, (int)count).Fill(*(T*)source);
            else
                Elements(count, destination, destinationStride, source, sourceStride);
        }

        private static void Elements(nint count, byte* destination, nint destinationStride, byte* source, nint sourceStride)
        {
            for (; count > 0; count--, destination += destinationStride, source += sourceStride) *(T*)destination = *(T*)source;
        }
    }
}
