// Two-dimensional convolution over channels-last images as an implicit Gemm: M = output pixels, N = output channels,
// K = taps x input channels. The filter comes packed with K = (ky, kx, channel), see MatrixSource.Filter.

namespace Brushfire.Kernels;

public static unsafe class Convolution
{
    /// <summary>
    /// Convolves input [N, H, W, C]. The epilogue gets output pixels, counted over all images, as rows, and output channels as columns;
    /// the prologue gets input pixels counted likewise, and channels.
    /// </summary>
    public static void Run<TPrologue, TEpilogue>(in ConvolutionShape shape, float* input, PackedMatrix filter, in TPrologue prologue, in TEpilogue epilogue)
        where TPrologue : struct, IPrologue where TEpilogue : struct, IEpilogue
    {
        int pixels = checked(shape.Batch * shape.OutputHeight * shape.OutputWidth);
        if (shape.IsPointwise) Gemm.Run(1, pixels, new MatrixPanels<TPrologue>(input, 0, shape.Channels, 1, prologue), filter, epilogue);
        else Gemm.Run(1, pixels, new ConvolutionPanels<TPrologue>(shape, input, prologue), filter, epilogue);
    }
}
