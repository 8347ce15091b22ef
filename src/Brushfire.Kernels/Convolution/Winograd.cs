// 3x3 convolution with stride 1 by Winograd's minimal filtering. Tiles of the input overlap by two pixels; each is
// transformed once for all output channels. For a chunk of tiles two launches: the input's transform into shared memory,
// then the products and their sums' transforms. The filter is transformed before them, or on the way where it serves few tiles.

namespace Brushfire.Kernels;

internal static unsafe class Winograd
{
    /// <summary>TOperands are those of the products; a bfloat16 filter wants an even number of channels, and serves float32 products too.</summary>
    public static void Run<TTransform, TOperands, TPrologue, TEpilogue>(in ConvolutionShape shape, float* input, PackedMatrix filter, in TPrologue prologue, in TEpilogue epilogue)
        where TTransform : struct, IWinogradTransform where TOperands : struct, IOperands where TPrologue : struct, IPrologue where TEpilogue : struct, IEpilogue
    {
        var blocks = new WinogradBlocks(shape, TTransform.Outputs, Tiling.CurrentRows, Tiling.CurrentColumns, filter.Element, TOperands.Together);
        nint keptFloats = blocks.KeepsFilter ? blocks.KeptFilterFloats : 0;
        float* kept = (float*)Scratch.TakeShared((keptFloats + blocks.InputFloats) * sizeof(float)), transformed = kept + keptFloats;
        var transformedFilter = new WinogradFilter<TTransform, TOperands> { Blocks = blocks, Filter = filter };
        if (blocks.KeepsFilter)
        {
            transformedFilter.Kept = kept;
            WorkerPool.Run(checked(blocks.OutputPanels * blocks.KBlocks), ref transformedFilter);
        }

        var transform = new WinogradInput<TTransform, TOperands, TPrologue> { Shape = shape, Blocks = blocks, Prologue = prologue, Input = input, Transformed = transformed };
        var products = new WinogradProducts<TTransform, TOperands, TEpilogue> { Shape = shape, Blocks = blocks, Epilogue = epilogue, Filter = transformedFilter, Transformed = transformed };
        for (int chunk = 0; chunk < blocks.Chunks; chunk++)
        {
            transform.FirstPanel = products.FirstPanel = chunk * blocks.ChunkPanels;
            WorkerPool.Run(checked(blocks.ChunkPanels * blocks.KBlocks), ref transform);
            WorkerPool.Run(checked(blocks.TileBlocks * blocks.OutputPanels), ref products);
        }
    }
}
