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
            case ConvolutionAlgorithm.Winograd2 when filter.Element == ElementKind.BFloat16 && BFloat16Kernels.IsNative:
                Winograd.Run<WinogradF2, PairOperands<BFloat16Kernels.Native>, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Winograd2 when filter.Element == ElementKind.BFloat16: // the same numbers, for processors without those products
                Winograd.Run<WinogradF2, WidenedOperands, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Winograd2:
                Winograd.Run<WinogradF2, Float32Operands, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Winograd4Rounded when filter.Element == ElementKind.BFloat16 && BFloat16Kernels.IsNative:
                Winograd.Run<WinogradF4, PairOperands<BFloat16Kernels.Native>, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Winograd4Rounded when filter.Element == ElementKind.BFloat16:
                Winograd.Run<WinogradF4, WidenedOperands, TPrologue, TEpilogue>(shape, input, filter, prologue, epilogue);
                break;
            case ConvolutionAlgorithm.Winograd4 or ConvolutionAlgorithm.Winograd4Rounded:
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
}
