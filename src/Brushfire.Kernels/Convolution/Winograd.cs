// 3x3 convolution with stride 1 by Winograd's minimal filtering. Tiles of the input overlap by two pixels; each is
// transformed once for all output channels. For a chunk of tiles two launches: the input's transform into shared memory,
// then the products with their filter's and their sums' transforms.

namespace Brushfire.Kernels;

internal static unsafe class Winograd
{
    public static void Run<TTransform, TPrologue, TEpilogue>(in ConvolutionShape shape, float* input, PackedMatrix filter, in TPrologue prologue, in TEpilogue epilogue)
        where TTransform : struct, IWinogradTransform where TPrologue : struct, IPrologue where TEpilogue : struct, IEpilogue
    {
        var blocks = new WinogradBlocks(shape, TTransform.Outputs, Tiling.CurrentRows, Tiling.CurrentColumns);
        float* transformed = (float*)Scratch.TakeShared(blocks.InputFloats * sizeof(float));
        var transform = new WinogradInput<TTransform, TPrologue> { Shape = shape, Blocks = blocks, Prologue = prologue, Input = input, Transformed = transformed };
        var products = new WinogradProducts<TTransform, TEpilogue> { Shape = shape, Blocks = blocks, Epilogue = epilogue, Filter = filter, Transformed = transformed };
        for (int chunk = 0; chunk < blocks.Chunks; chunk++)
        {
            transform.FirstPanel = products.FirstPanel = chunk * blocks.ChunkPanels;
            WorkerPool.Run(checked(blocks.ChunkPanels * blocks.KBlocks), ref transform);
            WorkerPool.Run(checked(Blocks.Count(blocks.ChunkPanels, blocks.BlockPanels) * blocks.OutputPanels), ref products);
        }
    }
}
