// The products of a Winograd convolution and what comes after them: the transformed input is multiplied with the transformed
// filter of one panel of output channels position by position, block of channels by block, and the sums are transformed
// back, Y = Aᵀ M A, and handed to the epilogue. Filter and sums stay in the second-level cache. Transforms are float32 in
// any precision: operands are rounded once, after them.

namespace Brushfire.Kernels;

/// <summary>An item is a block of tiles and a panel of output channels.</summary>
internal unsafe struct WinogradProducts<TTransform, TOperands, TEpilogue> : IWork where TTransform : struct, IWinogradTransform where TOperands : struct, IOperands where TEpilogue : struct, IEpilogue
{
    public ConvolutionShape Shape;
    public WinogradBlocks Blocks;
    public TEpilogue Epilogue;
    public WinogradFilter<TTransform, TOperands> Filter;
    public float* Transformed;
    public int FirstPanel;

    // One dimension done of a tile (4 x 6 vectors).
    private const int StageFloats = 24 * 16;

    public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int outputPanel = item % Blocks.OutputPanels, firstPanel = item / Blocks.OutputPanels * Blocks.BlockPanels;
        int panels = Math.Min(Blocks.BlockPanels, Math.Min(Blocks.ChunkPanels, Kernels.Blocks.Count(Blocks.Tiles, Blocks.MR) - FirstPanel) - firstPanel);
        if (panels <= 0) return;
        float* products = (float*)Scratch.Take((Blocks.ProductFloats + Blocks.OutputFloats + StageFloats + Filter.ScratchFloats) * sizeof(float));
        float* output = products + Blocks.ProductFloats, stage = output + Blocks.OutputFloats, filterScratch = stage + StageFloats;
        for (int block = 0; block < Blocks.KBlocks; block++)
        {
            int channels = Blocks.ChannelsOf(block);
            float* input = Transformed + block * Blocks.InputBlockStride + (nint)firstPanel * channels * Blocks.MR / TOperands.Together;
            for (int row = 0; row < TTransform.Inputs; row++)
            {
                float* filter = Filter.Row<TSimd, TVector>(outputPanel, block, row, filterScratch);
                Multiply<TSimd, TVector>(panels, outputPanel, block, row, input, filter, products);
            }
        }

        Prefetch(FirstPanel + firstPanel, outputPanel);
        for (int i = 0; i < panels; i++)
        {
            if (i + 1 < panels) Prefetch(FirstPanel + firstPanel + i + 1, outputPanel);
            Finish<TSimd, TVector>(FirstPanel + firstPanel + i, outputPanel, products + i * Blocks.ProductPanelStride, output, stage);
        }
    }

    // A row of positions.
    private readonly void Multiply<TSimd, TVector>(int panels, int outputPanel, int block, int row, float* input, float* filter, float* products) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        nint tile = Blocks.MR * Blocks.NR;
        int columns = Blocks.ColumnsOf(outputPanel), channels = Blocks.ChannelsOf(block), first = row * TTransform.Inputs;
        input += first * Blocks.InputPositionStride;
        products += first * tile;
        for (int position = first; position < first + TTransform.Inputs; position++, input += Blocks.InputPositionStride, filter += Blocks.FilterPositionStride, products += tile)
        {
            byte* ahead = Filter.Ahead(outputPanel, block, position, filter, out int aheadBytes);
            int share = Kernels.Blocks.Count(aheadBytes, panels);
            for (int i = 0; i < panels; i++, ahead += share)
                TOperands.Multiply<TSimd, TVector>(channels, APanel.Packed(input + (nint)i * channels * Blocks.MR / TOperands.Together, Blocks.MR), (byte*)filter, products + i * Blocks.ProductPanelStride, Blocks.NR, accumulate: block > 0, columns, new Ahead(ahead, share));
        }
    }

    // Asks for the memory that a panel of tiles will be written to.
    private readonly void Prefetch(int panel, int outputPanel)
    {
        int start = panel * Blocks.MR, end = Math.Min(start + Blocks.MR, Blocks.Tiles), columns = Blocks.ColumnsOf(outputPanel);
        TileRun run;
        for (int tile = start; tile < end; tile += run.Tiles)
        {
            run = Blocks.Run(tile, end);
            (nint row, int pixels, int lines) = OutputOf(run);
            for (int y = 0; y < lines; y++, row += Shape.OutputWidth) Epilogue.Prefetch(0, row, outputPanel * Blocks.NR, pixels, columns);
        }
    }

    private readonly void Finish<TSimd, TVector>(int panel, int outputPanel, float* products, float* output, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int start = panel * Blocks.MR, end = Math.Min(start + Blocks.MR, Blocks.Tiles);
        int columns = Blocks.ColumnsOf(outputPanel);
        for (int r = 0; r < end - start; r++)
            for (int c = 0; c < columns; c += TSimd.Count) TransformTile<TSimd, TVector>(products + r * Blocks.NR + c, output + (nint)r * TTransform.Outputs * Blocks.NR + c, stage);

        TileRun run;
        for (int tile = start; tile < end; tile += run.Tiles)
        {
            run = Blocks.Run(tile, end);
            (nint row, int pixels, int lines) = OutputOf(run);
            float* line = output + (nint)(tile - start) * TTransform.Outputs * Blocks.NR;
            for (int y = 0; y < lines; y++, line += Blocks.OutputRowStride, row += Shape.OutputWidth)
                Epilogue.Store<TSimd, TVector>(line, Blocks.NR, 0, row, outputPanel * Blocks.NR, pixels, columns);
        }
    }

    // Where the pixels of tiles side by side lie: the first one's row of the output matrix, and how many there are in a line and lines.
    private readonly (nint Row, int Pixels, int Lines) OutputOf(TileRun run) =>
        (((nint)run.Image * Shape.OutputHeight + run.Y) * Shape.OutputWidth + run.X,
        Math.Min(run.Tiles * TTransform.Outputs, Shape.OutputWidth - run.X), Math.Min(TTransform.Outputs, Shape.OutputHeight - run.Y));

    private readonly void TransformTile<TSimd, TVector>(float* products, float* output, float* rows) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        nint positionStride = Blocks.MR * Blocks.NR;
        for (int x = 0; x < TTransform.Inputs; x++)
            TTransform.Output<TSimd, TVector>(products + x * positionStride, TTransform.Inputs * positionStride, rows + x * TSimd.Count, TTransform.Inputs * TSimd.Count);
        for (int y = 0; y < TTransform.Outputs; y++)
            TTransform.Output<TSimd, TVector>(rows + y * TTransform.Inputs * TSimd.Count, TSimd.Count, output + y * Blocks.OutputRowStride, Blocks.NR);
    }
}
