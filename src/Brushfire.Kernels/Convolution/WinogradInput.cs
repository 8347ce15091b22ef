// The input of a Winograd convolution, transformed and packed: V = Bᵀ d B for each tile and channel, as panels of MR tiles
// for each position, which is what the register tile reads. Columns of pixels are transformed on their way from the image
// (neighbouring tiles share two columns), then rows tile by tile, sixteen channels at a time, all in the first-level cache.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>An item is a panel of tiles and a block of channels.</summary>
internal unsafe struct WinogradInput<TTransform, TOperands, TPrologue> : IWork where TTransform : struct, IWinogradTransform where TOperands : struct, IOperands where TPrologue : struct, IPrologue
{
    // Channels that are taken through both transforms at once: one cache line of a pixel.
    private const int Stretch = 16;

    public ConvolutionShape Shape;
    public WinogradBlocks Blocks;
    public TPrologue Prologue;
    public float* Input;
    public float* Transformed;
    public int FirstPanel;

    [SkipLocalsInit]
    public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int panel = item % Blocks.ChunkPanels, block = item / Blocks.ChunkPanels;
        int channel = block * Blocks.KC, channels = Math.Min(Blocks.KC, Shape.Channels - channel);
        int start = (FirstPanel + panel) * Blocks.MR, end = Math.Min(start + Blocks.MR, Blocks.Tiles);
        if (start >= end) return;
        float* to = Transformed + block * Blocks.InputBlockStride + (nint)panel * channels * Blocks.MR / TOperands.Together;

        // columns: [Inputs, pixels of MR tiles, Stretch]; tiles: [MR, Positions, Stretch]
        int width = Blocks.MR * TTransform.Outputs + 2;
        float* columns = stackalloc float[TTransform.Inputs * width * Stretch + Blocks.MR * Blocks.Positions * Stretch];
        float* tiles = columns + TTransform.Inputs * width * Stretch;
        for (int done = 0; done < channels; done += Stretch, to += Stretch * Blocks.MR / TOperands.Together)
        {
            int count = Math.Min(Stretch, channels - done);
            TileRun run;
            for (int tile = start; tile < end; tile += run.Tiles)
            {
                run = Blocks.Run(tile, end);
                TransformColumns<TSimd, TVector>(run, channel + done, count, columns, width * Stretch);
                for (int i = 0; i < run.Tiles; i++)
                    TransformRows<TSimd, TVector>(columns + i * TTransform.Outputs * Stretch, width * Stretch, count, tiles + (tile - start + i) * Blocks.Positions * Stretch);
            }

            Pack<TSimd, TVector>(tiles, end - start, count, to);
        }
    }

    private readonly void TransformColumns<TSimd, TVector>(TileRun run, int channel, int count, float* columns, nint rowStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int y = run.Y - Shape.Top, x = run.X - Shape.Left;
        bool inside = typeof(TPrologue) == typeof(NoPrologue) && y >= 0 && y + TTransform.Inputs <= Shape.Height;
        nint lineStride = (nint)Shape.Width * Shape.Channels;
        float* staged = stackalloc float[6 * Stretch];
        for (int end = x + run.Tiles * TTransform.Outputs + 2; x < end; x++, columns += Stretch)
        {
            if ((uint)x >= (uint)Shape.Width)
            {
                for (int i = 0; i < TTransform.Inputs; i++) new Span<float>(columns + i * rowStride, count).Clear();
                continue;
            }

            nint pixel = ((nint)run.Image * Shape.Height + y) * Shape.Width + x;
            float* from = Input + pixel * Shape.Channels + channel;
            if (inside)
            {
                TransformColumn<TSimd, TVector>(from, lineStride, count, columns, rowStride);
                continue;
            }

            for (int i = 0; i < TTransform.Inputs; i++)
            {
                float* row = staged + i * Stretch;
                if ((uint)(y + i) < (uint)Shape.Height) Apply<TSimd, TVector>(from + i * lineStride, pixel + (nint)i * Shape.Width, channel, count, row);
                else new Span<float>(row, count).Clear();
            }

            TransformColumn<TSimd, TVector>(staged, Stretch, count, columns, rowStride);
        }
    }

    private static void TransformColumn<TSimd, TVector>(float* from, nint lineStride, int count, float* column, nint rowStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int c = 0;
        for (; c + TSimd.Count <= count; c += TSimd.Count) TTransform.Input<TSimd, TVector>(from + c, lineStride, column + c, rowStride);
        for (; c < count; c++) TTransform.Input<SimdScalar, float>(from + c, lineStride, column + c, rowStride);
    }

    private readonly void Apply<TSimd, TVector>(float* from, nint pixel, int channel, int count, float* to) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        nint state = Prologue.Row(0, pixel);
        int c = 0;
        for (; c + TSimd.Count <= count; c += TSimd.Count) TSimd.Store(to + c, Prologue.Apply<TSimd, TVector>(TSimd.Load(from + c), state, channel + c));
        for (; c < count; c++) to[c] = Prologue.Apply<SimdScalar, float>(from[c], state, channel + c);
    }

    // Lanes beyond the channels hold what the buffer held: they are not packed.
    private static void TransformRows<TSimd, TVector>(float* columns, nint rowStride, int count, float* tile) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        for (int i = 0; i < TTransform.Inputs; i++, columns += rowStride, tile += TTransform.Inputs * Stretch)
            for (int c = 0; c < count; c += TSimd.Count) TTransform.Input<TSimd, TVector>(columns + c, Stretch, tile + c, Stretch);
    }

    private readonly void Pack<TSimd, TVector>(float* tiles, int used, int count, float* to) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float** rows = stackalloc float*[8];
        for (int position = 0; position < Blocks.Positions; position++, to += Blocks.InputPositionStride)
        {
            for (int r = 0; r < Blocks.MR; r++) rows[r] = r < used ? tiles + (r * Blocks.Positions + position) * Stretch : PanelPacking.Zeros;
            TOperands.Interleave<TSimd, TVector>(rows, count, to);
        }
    }
}
