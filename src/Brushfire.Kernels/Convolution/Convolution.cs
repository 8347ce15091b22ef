// Two-dimensional convolution over channels-last images as an implicit Gemm: M = output pixels, N = output channels,
// K = taps x input channels. The filter comes packed with K = (ky, kx, channel), see MatrixSource.Filter.

namespace Brushfire.Kernels;

public static unsafe class Convolution
{
    /// <summary>
    /// Convolves input [N, H, W, C]. The epilogue gets output pixels, counted over all images, as rows, and output channels as columns;
    /// the prologue gets input pixels counted likewise, and channels.
    /// </summary>
    public static void Run<TPrologue, TEpilogue>(in ConvolutionShape shape, float* input, PackedMatrix filter, in TPrologue prologue, in TEpilogue epilogue, ConvolutionAlgorithm? algorithm = null)
        where TPrologue : struct, IPrologue where TEpilogue : struct, IEpilogue
    {
        int pixels = checked(shape.Batch * shape.OutputHeight * shape.OutputWidth);
        if (pixels == 0) return;
        switch (algorithm ?? ConvolutionAlgorithms.Choose(shape, filter.Element))
        {
            case ConvolutionAlgorithm.Winograd2:
                Rounded<WinogradF2, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Winograd3:
                Rounded<WinogradF3, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Winograd4Rounded:
                Rounded<WinogradF4, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Winograd4:
                Winograd.Run<WinogradF4, Float32Operands, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Direct when shape.IsPointwise:
                Gemm.Run(1, pixels, new MatrixPanels<TPrologue>(input, 0, shape.Channels, 1, prologue), filter, epilogue);
                break;
            case ConvolutionAlgorithm.Direct:
                Gemm.Run(1, pixels, new ConvolutionPanels<TPrologue>(shape, input, prologue), filter, epilogue);
                break;
        }
    }

    // Products of the filter's type: the processor's own ones of bfloat16 pairs, or the same numbers widened.
    private static void Rounded<TTransform, TPrologue, TEpilogue>(in ConvolutionShape shape, float* input, PackedMatrix filter, in TPrologue prologue, in TEpilogue epilogue)
        where TTransform : struct, IWinogradTransform where TPrologue : struct, IPrologue where TEpilogue : struct, IEpilogue
    {
        if (filter.Element != ElementKind.BFloat16) Winograd.Run<TTransform, Float32Operands, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
        else if (BFloat16Kernels.IsNative) Winograd.Run<TTransform, PairOperands<BFloat16Kernels.Native>, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
        else Winograd.Run<TTransform, WidenedOperands, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
    }
}
