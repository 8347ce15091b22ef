// The filter of a Winograd convolution, U = G g Gᵀ, for one panel of output channels and one block of input channels at a
// time. Where many blocks of tiles are multiplied with it, all of it is transformed once and kept (36 numbers for 9); else
// each item of the products transforms what it needs, into the second-level cache, as reading four times the numbers from
// memory would take longer.


namespace Brushfire.Kernels;

/// <summary>As work, an item is a panel of output channels and a block of channels, transformed into <see cref="Kept"/>.</summary>
internal unsafe struct WinogradFilter<TTransform, TOperands> : IWork where TTransform : struct, IWinogradTransform where TOperands : struct, IOperands
{
    // Numbers of each tap that are asked for ahead of use.
    private const int PrefetchAhead = 128;

    // One dimension done (6 x 3 vectors).
    private const int StageFloats = 18 * 16;
    private const int Taps = 9;

    public WinogradBlocks Blocks;
    public PackedMatrix Filter;

    /// <summary>All blocks transformed, for each panel one after the other; null where items transform them.</summary>
    public float* Kept;

    /// <summary>What <see cref="Block"/> needs; the transformed block stands in it.</summary>
    public readonly nint ScratchFloats => (Kept == null ? Blocks.FilterFloats : 0) + Blocks.TapFloats + StageFloats;

    public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        Transform<TSimd, TVector>(item / Blocks.KBlocks, item % Blocks.KBlocks, Kept + item * Blocks.FilterFloats, (float*)Scratch.Take(ScratchFloats * sizeof(float)));

    /// <summary>The transformed block: for each position [channels, NR].</summary>
    public readonly float* Block<TSimd, TVector>(int outputPanel, int block, float* scratch) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        if (Kept != null) return Kept + ((nint)outputPanel * Blocks.KBlocks + block) * Blocks.FilterFloats;
        Transform<TSimd, TVector>(outputPanel, block, scratch, scratch + Blocks.FilterFloats);
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

    private readonly void Transform<TSimd, TVector>(int outputPanel, int block, float* transformed, float* scratch) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int channel = block * Blocks.KC, channels = Blocks.ChannelsOf(block), columns = Blocks.ColumnsOf(outputPanel);
        float* rows = scratch, taps = scratch + StageFloats;
        nint tapStride = (nint)Blocks.Channels * Blocks.NR, positionStride = Blocks.FilterPositionStride;
        nint first = ((nint)outputPanel * Filter.K + channel) * Blocks.NR;
        float* filter = (float*)Filter.Panels + first;
        if (Filter.Element == ElementKind.BFloat16)
        {
            for (int tap = 0; tap < Taps; tap++)
                BFloat16Panels.Widen<TSimd, TVector>((uint*)Filter.Panels + (first + tap * tapStride) / 2, channels, Blocks.NR, taps + (nint)tap * channels * Blocks.NR);
            filter = taps;
            tapStride = (nint)channels * Blocks.NR;
        }

        for (int row = 0; row < channels * Blocks.NR; row += Blocks.NR)
        {
            for (int i = row; i < row + columns; i += TSimd.Count)
            {
                Prefetch(filter + i + PrefetchAhead, tapStride);
                for (int x = 0; x < 3; x++) TTransform.Filter<TSimd, TVector>(filter + i + x * tapStride, 3 * tapStride, rows + x * TSimd.Count, 3 * TSimd.Count);
                for (int y = 0; y < TTransform.Inputs; y++)
                    TTransform.Filter<TSimd, TVector>(rows + y * 3 * TSimd.Count, TSimd.Count, transformed + i + y * TTransform.Inputs * positionStride, positionStride);
            }
        }

        for (int position = 0; position < Blocks.Positions; position++) TOperands.Convert<TSimd, TVector>(transformed + position * positionStride, channels);
    }

    // The filter comes from memory in nine streams; behind the last number nothing is read: a prefetch is only a hint.
    private static void Prefetch(float* filter, nint tapStride)
    {
        for (int tap = 0; tap < Taps; tap++) CacheLines.Prefetch(filter + tap * tapStride);
    }
}
