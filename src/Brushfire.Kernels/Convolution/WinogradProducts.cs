// The products of a Winograd convolution and what stands around them: the filter of one panel of output channels is
// transformed block by block, U = G g Gᵀ, multiplied with the transformed input position by position, and the sums are
// transformed back, Y = Aᵀ M A, and handed to the epilogue. Filter and sums stay in the second-level cache. Transforms are
// float32 in any precision: operands are rounded once, after them.

using System.Runtime.Intrinsics.X86;

namespace Brushfire.Kernels;

/// <summary>An item is a block of tiles and a panel of output channels.</summary>
internal unsafe struct WinogradProducts<TTransform, TOperands, TEpilogue> : IWork where TTransform : struct, IWinogradTransform where TOperands : struct, IOperands where TEpilogue : struct, IEpilogue
{
    public ConvolutionShape Shape;
    public WinogradBlocks Blocks;
    public TEpilogue Epilogue;
    public PackedMatrix Filter;
    public float* Transformed;
    public int FirstPanel;

    // One dimension done of a filter (6 x 3 vectors) or of a tile (4 x 6).
    private const int StageFloats = 24 * 16;

    // Numbers of each tap that are asked for ahead of use.
    private const int PrefetchAhead = 128;

    public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int outputPanel = item % Blocks.OutputPanels, firstPanel = item / Blocks.OutputPanels * Blocks.BlockPanels;
        int panels = Math.Min(Blocks.BlockPanels, Math.Min(Blocks.ChunkPanels, Kernels.Blocks.Count(Blocks.Tiles, Blocks.MR) - FirstPanel) - firstPanel);
        if (panels <= 0) return;
        float* filter = (float*)Scratch.Take((Blocks.FilterFloats + Blocks.ProductFloats + Blocks.OutputFloats + Blocks.TapFloats + StageFloats) * sizeof(float));
        float* products = filter + Blocks.FilterFloats, output = products + Blocks.ProductFloats, taps = output + Blocks.OutputFloats, stage = taps + Blocks.TapFloats;
        for (int block = 0; block < Blocks.KBlocks; block++)
        {
            int channel = block * Blocks.KC, channels = Math.Min(Blocks.KC, Shape.Channels - channel);
            TransformFilter<TSimd, TVector>(outputPanel, channel, channels, filter, taps, stage);
            float* input = Transformed + block * Blocks.InputBlockStride + (nint)firstPanel * channels * Blocks.MR / TOperands.Together;
            Multiply<TSimd, TVector>(panels, channels, input, filter, products, accumulate: block > 0);
        }

        for (int i = 0; i < panels; i++) Finish<TSimd, TVector>(FirstPanel + firstPanel + i, outputPanel, products + i * Blocks.ProductPanelStride, output, stage);
    }

    private readonly void TransformFilter<TSimd, TVector>(int outputPanel, int channel, int channels, float* transformed, float* taps, float* rows) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        nint tapStride = (nint)Shape.Channels * Blocks.NR, positionStride = Blocks.FilterPositionStride;
        nint first = ((nint)outputPanel * Filter.K + channel) * Blocks.NR;
        float* filter = (float*)Filter.Panels + first;
        if (Filter.Element == ElementKind.BFloat16)
        {
            for (int tap = 0; tap < 9; tap++)
                BFloat16Panels.Widen<TSimd, TVector>((uint*)Filter.Panels + (first + tap * tapStride) / 2, channels, Blocks.NR, taps + (nint)tap * channels * Blocks.NR);
            filter = taps;
            tapStride = (nint)channels * Blocks.NR;
        }

        for (int i = 0; i < channels * Blocks.NR; i += TSimd.Count)
        {
            Prefetch(filter + i + PrefetchAhead, tapStride);
            for (int x = 0; x < 3; x++) TTransform.Filter<TSimd, TVector>(filter + i + x * tapStride, 3 * tapStride, rows + x * TSimd.Count, 3 * TSimd.Count);
            for (int y = 0; y < TTransform.Inputs; y++)
                TTransform.Filter<TSimd, TVector>(rows + y * 3 * TSimd.Count, TSimd.Count, transformed + i + y * TTransform.Inputs * positionStride, positionStride);
        }

        for (int position = 0; position < Blocks.Positions; position++) TOperands.Convert<TSimd, TVector>(transformed + position * positionStride, channels);
    }

    // The filter comes from memory in nine streams; behind the last number nothing is read: a prefetch is only a hint.
    private static void Prefetch(float* filter, nint tapStride)
    {
        if (!Sse.IsSupported) return;
        for (int tap = 0; tap < 9; tap++) Sse.Prefetch0(filter + tap * tapStride);
    }

    private readonly void Multiply<TSimd, TVector>(int panels, int channels, float* input, float* filter, float* products, bool accumulate) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        nint tile = Blocks.MR * Blocks.NR;
        for (int position = 0; position < Blocks.Positions; position++, input += Blocks.InputPositionStride, filter += Blocks.FilterPositionStride, products += tile)
        {
            for (int i = 0; i < panels; i++)
                TOperands.Multiply<TSimd, TVector>(channels, (byte*)(input + (nint)i * channels * Blocks.MR / TOperands.Together), (byte*)filter, products + i * Blocks.ProductPanelStride, Blocks.NR, accumulate, null, 0);
        }
    }

    private readonly void Finish<TSimd, TVector>(int panel, int outputPanel, float* products, float* output, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int start = panel * Blocks.MR, end = Math.Min(start + Blocks.MR, Blocks.Tiles);
        for (int r = 0; r < end - start; r++)
            for (int c = 0; c < Blocks.NR; c += TSimd.Count) TransformTile<TSimd, TVector>(products + r * Blocks.NR + c, output + (nint)r * TTransform.Outputs * Blocks.NR + c, stage);

        int column = outputPanel * Blocks.NR, columns = Math.Min(Blocks.NR, Shape.OutputChannels - column);
        TileRun run;
        for (int tile = start; tile < end; tile += run.Tiles)
        {
            run = Blocks.Run(tile, end);
            int pixels = Math.Min(run.Tiles * TTransform.Outputs, Shape.OutputWidth - run.X), lines = Math.Min(TTransform.Outputs, Shape.OutputHeight - run.Y);
            float* line = output + (nint)(tile - start) * TTransform.Outputs * Blocks.NR;
            for (int y = 0; y < lines; y++, line += Blocks.OutputRowStride)
            {
                nint row = ((nint)run.Image * Shape.OutputHeight + run.Y + y) * Shape.OutputWidth + run.X;
                Epilogue.Store<TSimd, TVector>(line, Blocks.NR, 0, row, column, pixels, columns);
            }
        }
    }

    private readonly void TransformTile<TSimd, TVector>(float* products, float* output, float* rows) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        nint positionStride = Blocks.MR * Blocks.NR;
        for (int x = 0; x < TTransform.Inputs; x++)
            TTransform.Output<TSimd, TVector>(products + x * positionStride, TTransform.Inputs * positionStride, rows + x * TSimd.Count, TTransform.Inputs * TSimd.Count);
        for (int y = 0; y < TTransform.Outputs; y++)
            TTransform.Output<TSimd, TVector>(rows + y * TTransform.Inputs * TSimd.Count, TSimd.Count, output + y * Blocks.OutputRowStride, Blocks.NR);
    }
}
