// The filter of a Winograd convolution, U = G g Gᵀ, for one panel of output channels, one block of input channels and one row
// of positions at a time. Where many blocks of tiles are multiplied with it, all of it is transformed once and kept (36 numbers
// for 9); else each item of the products transforms what it needs, into the second-level cache, as reading four times the
// numbers from memory would take longer. A row at a time, as all positions of a block would fill that cache, and push out what
// they are multiplied with.

namespace Brushfire.Kernels;

/// <summary>As work, an item is a panel of output channels and a block of channels, transformed into <see cref="Kept"/>.</summary>
internal unsafe struct WinogradFilter<TTransform, TOperands> : IWork where TTransform : struct, IWinogradTransform where TOperands : struct, IOperands
{
    // Numbers of each tap that are asked for ahead of use.
    private const int PrefetchAhead = 128;

    // One dimension done: a row of three taps.
    private const int StageFloats = 3 * 16;
    private const int Taps = 9;

    // G, [m + 2, 3], as the transform applies it to each tap alone.
    private static readonly float[] s_g = Coefficients();

    public WinogradBlocks Blocks;
    public PackedMatrix Filter;

    /// <summary>All blocks transformed, for each panel one after the other; null where items transform them.</summary>
    public float* Kept;

    /// <summary>What <see cref="Row"/> needs; the transformed row stands in it.</summary>
    public readonly nint ScratchFloats => (Kept == null ? Blocks.FilterRowFloats : 0) + Blocks.TapFloats + StageFloats;

    public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* scratch = (float*)Scratch.Take(ScratchFloats * sizeof(float)), transformed = Kept + item * Blocks.FilterFloats;
        for (int row = 0; row < TTransform.Inputs; row++, transformed += Blocks.FilterRowFloats)
            Transform<TSimd, TVector>(item / Blocks.KBlocks, item % Blocks.KBlocks, row, transformed, scratch);
    }

    /// <summary>A row of the transformed block: for each of its positions [channels, NR]. A block's rows are asked for in order, with the same scratch.</summary>
    public readonly float* Row<TSimd, TVector>(int outputPanel, int block, int row, float* scratch) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        if (Kept != null) return Kept + ((nint)outputPanel * Blocks.KBlocks + block) * Blocks.FilterFloats + row * Blocks.FilterRowFloats;
        Transform<TSimd, TVector>(outputPanel, block, row, scratch, scratch + Blocks.FilterRowFloats);
        return scratch;
    }

    /// <summary>What the products of a position shall bring into the second-level cache: the next position's filter, or a part of the next block's taps.</summary>
    public readonly byte* Ahead(int outputPanel, int block, int position, float* filter, out int bytes)
    {
        if (Kept != null)
        {
            bytes = Blocks.ChannelsOf(block) * Blocks.NR * sizeof(float) / TOperands.Together;
            return (byte*)(filter + Blocks.FilterPositionStride);
        }

        bytes = 0;
        if (block + 1 == Blocks.KBlocks) return null;
        int numberBytes = Filter.Element == ElementKind.Float32 ? sizeof(float) : sizeof(ushort);
        int tapBytes = Blocks.ChannelsOf(block + 1) * Blocks.NR * numberBytes;
        bytes = Kernels.Blocks.Count(Taps * tapBytes, Blocks.Positions);
        (int tap, int start) = Math.DivRem(position * bytes, tapBytes);
        return Filter.Panels + ((nint)outputPanel * Filter.K + (nint)tap * Blocks.Channels + (block + 1) * Blocks.KC) * Blocks.NR * numberBytes + start;
    }

    // The first row leaves what the others need in the scratch: the taps, where they are packed in another type.
    private readonly void Transform<TSimd, TVector>(int outputPanel, int block, int row, float* transformed, float* scratch) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int channel = block * Blocks.KC, channels = Blocks.ChannelsOf(block), columns = Blocks.ColumnsOf(outputPanel);
        float* stage = scratch, taps = scratch + StageFloats;
        nint tapStride = (nint)Blocks.Channels * Blocks.NR, positionStride = Blocks.FilterPositionStride;
        nint first = ((nint)outputPanel * Filter.K + channel) * Blocks.NR;
        float* filter = (float*)Filter.Panels + first;
        if (Filter.Element == ElementKind.BFloat16)
        {
            for (int tap = 0; row == 0 && tap < Taps; tap++)
                BFloat16Panels.Widen<TSimd, TVector>((uint*)Filter.Panels + (first + tap * tapStride) / 2, channels, Blocks.NR, taps + (nint)tap * channels * Blocks.NR);
            filter = taps;
            tapStride = (nint)channels * Blocks.NR;
        }

        TVector g0 = TSimd.Broadcast(s_g[3 * row]), g1 = TSimd.Broadcast(s_g[3 * row + 1]), g2 = TSimd.Broadcast(s_g[3 * row + 2]);
        for (int start = 0; start < channels * Blocks.NR; start += Blocks.NR)
        {
            for (int i = start; i < start + columns; i += TSimd.Count)
            {
                if (row == 0) Prefetch(filter + i + PrefetchAhead, tapStride);
                for (int x = 0; x < 3; x++)
                {
                    float* tap = filter + i + x * tapStride;
                    TVector sum = TSimd.MultiplyAdd(TSimd.Load(tap + 3 * tapStride), g1, TSimd.Multiply(TSimd.Load(tap), g0));
                    TSimd.Store(stage + x * TSimd.Count, TSimd.MultiplyAdd(TSimd.Load(tap + 6 * tapStride), g2, sum));
                }

                TTransform.Filter<TSimd, TVector>(stage, TSimd.Count, transformed + i, positionStride);
            }
        }

        for (int x = 0; x < TTransform.Inputs; x++) TOperands.Convert<TSimd, TVector>(transformed + x * positionStride, channels);
    }

    // The filter comes from memory in nine streams; behind the last number nothing is read: a prefetch is only a hint.
    private static void Prefetch(float* filter, nint tapStride)
    {
        for (int tap = 0; tap < Taps; tap++) CacheLines.Prefetch(filter + tap * tapStride);
    }

    private static float[] Coefficients()
    {
        float[] coefficients = new float[3 * TTransform.Inputs];
        float* taps = stackalloc float[3];
        for (int tap = 0; tap < 3; tap++)
        {
            new Span<float>(taps, 3).Clear();
            taps[tap] = 1;
            fixed (float* column = &coefficients[tap]) TTransform.Filter<SimdScalar, float>(taps, 1, column, 3);
        }

        return coefficients;
    }
}
