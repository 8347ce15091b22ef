// The input of a Winograd convolution, transformed and packed: V = Bᵀ d B for each tile and channel, as panels of MR tiles
// for each position, which is what the register tile reads. Columns of pixels are transformed on their way from the image,
// all channels of the block at once, so that the image is read in few long streams (neighbouring tiles share two columns);
// then rows tile by tile, sixteen channels at a time, into a buffer in the first-level cache that is packed from there.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>An item is a panel of tiles and a block of channels.</summary>
internal unsafe struct WinogradInput<TTransform, TOperands, TPrologue> : IWork where TTransform : struct, IWinogradTransform where TOperands : struct, IOperands where TPrologue : struct, IPrologue
{
    // Channels whose rows are transformed and packed at once: the tiles of MR x Positions lines stay in the nearest cache.
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
        int channel = block * Blocks.KC, channels = Blocks.ChannelsOf(block);
        int start = (FirstPanel + panel) * Blocks.MR, end = Math.Min(start + Blocks.MR, Blocks.Tiles);
        if (start >= end) return;
        float* to = Transformed + block * Blocks.InputBlockStride + (nint)panel * channels * Blocks.MR / TOperands.Together;

        // columns: [Inputs, pixels, channels]; staged: [Inputs, channels]; tiles: [MR, Positions, Stretch]
        int stride = Kernels.Blocks.RoundUp(channels, Stretch) + WinogradBlocks.Padding, line = Blocks.MR * TTransform.Inputs * stride;
        float* columns = (float*)Scratch.Take((TTransform.Inputs * (line + stride) + Blocks.MR * Blocks.Positions * Stretch) * sizeof(float));
        float* staged = columns + TTransform.Inputs * line, tiles = staged + TTransform.Inputs * stride;
        float** tileColumns = stackalloc float*[8];
        float* next = columns;
        TileRun run;
        for (int tile = start; tile < end; tile += run.Tiles)
        {
            run = Blocks.Run(tile, end);
            int pixels = run.Tiles * TTransform.Outputs + 2;
            for (int i = 0; i < pixels; i++) TransformColumn<TSimd, TVector>(run, i, channel, channels, staged, stride, next + i * stride, line);
            for (int i = 0; i < run.Tiles; i++) tileColumns[tile - start + i] = next + i * TTransform.Outputs * stride;
            next += pixels * stride;
        }

        for (int done = 0; done < channels; done += Stretch, to += Stretch * Blocks.MR / TOperands.Together)
        {
            int count = Math.Min(Stretch, channels - done);
            for (int r = 0; r < end - start; r++) TransformRows<TSimd, TVector>(tileColumns[r] + done, stride, line, count, tiles + r * Blocks.Positions * Stretch);
            Pack<TSimd, TVector>(tiles, end - start, count, to);
        }
    }

    // Column x of the tiles' pixels; pixels beyond the border are zeros.
    private readonly void TransformColumn<TSimd, TVector>(TileRun run, int x, int channel, int channels, float* staged, nint stageStride, float* column, nint line) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int inputY = run.Y - Shape.Top, inputX = run.X - Shape.Left + x;
        if ((uint)inputX >= (uint)Shape.Width)
        {
            for (int i = 0; i < TTransform.Inputs; i++) new Span<float>(column + i * line, channels).Clear();
            return;
        }

        nint pixel = ((nint)run.Image * Shape.Height + inputY) * Shape.Width + inputX, lineStride = (nint)Shape.Width * Shape.Channels;
        float* from = Input + pixel * Shape.Channels + channel;
        if (typeof(TPrologue) != typeof(NoPrologue) || inputY < 0 || inputY + TTransform.Inputs > Shape.Height)
        {
            for (int i = 0; i < TTransform.Inputs; i++, inputY++)
            {
                if ((uint)inputY < (uint)Shape.Height) Prologue.Apply<TSimd, TVector>(from + i * lineStride, channels, 0, pixel + (nint)i * Shape.Width, channel, staged + i * stageStride);
                else new Span<float>(staged + i * stageStride, channels).Clear();
            }

            from = staged;
            lineStride = stageStride;
        }

        int c = 0;
        for (; c + TSimd.Count <= channels; c += TSimd.Count) TTransform.Input<TSimd, TVector>(from + c, lineStride, column + c, line);
        for (; c < channels; c++) TTransform.Input<SimdScalar, float>(from + c, lineStride, column + c, line);
    }

    // Lanes beyond the channels hold what the buffer held: they are not packed.
    private static void TransformRows<TSimd, TVector>(float* columns, nint stride, nint line, int count, float* tile) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        for (int i = 0; i < TTransform.Inputs; i++, columns += line, tile += TTransform.Inputs * Stretch)
            for (int c = 0; c < count; c += TSimd.Count) TTransform.Input<TSimd, TVector>(columns + c, stride, tile + c, Stretch);
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
