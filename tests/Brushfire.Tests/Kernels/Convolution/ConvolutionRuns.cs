// What tests of convolution share: a run between fences, the double loop that it must agree with, and a prologue.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public static unsafe class ConvolutionRuns
{
    /// <summary>Numbers of an input.</summary>
    public static int Input(in ConvolutionShape shape) => shape.Batch * shape.Height * shape.Width * shape.Channels;

    /// <summary>The output for the input of seed 1, the filter of seed 2 and the bias of seed 3.</summary>
    public static float[] Run<TPrologue>(in ConvolutionShape shape, TPrologue prologue, ConvolutionAlgorithm? algorithm, ElementKind element = ElementKind.Float32) where TPrologue : struct, IPrologue =>
        Run(shape, element, (shape, input, filter, epilogue) => Brushfire.Kernels.Convolution.Run(shape, input, filter, prologue, epilogue, algorithm));

    /// <summary>A convolution of a packed filter.</summary>
    public delegate void Kernel(ConvolutionShape shape, float* input, PackedMatrix filter, StoreEpilogue epilogue);

    /// <summary>The output for the same numbers by any kernel.</summary>
    public static float[] Run(in ConvolutionShape shape, ElementKind element, Kernel kernel)
    {
        using var input = new Guarded(Input(shape), 1, 3);
        using var filter = new Guarded(shape.OutputChannels * shape.K, 2, 1);
        using var bias = new Guarded(shape.OutputChannels, 3);
        using var output = new Guarded(shape.Batch * shape.OutputHeight * shape.OutputWidth * shape.OutputChannels, 4, 5);
        using var panels = new Guarded((int)PackedMatrix.Bytes(shape.K, shape.OutputChannels, element) / sizeof(float), 5);
        PackedMatrix packed = PackedMatrix.Pack(panels.Pointer, MatrixSource.Filter(filter.Pointer, shape.OutputChannels, shape.Channels, shape.KernelHeight * shape.KernelWidth), element);
        panels.AssertFences();
        kernel(shape, input.Pointer, packed, new StoreEpilogue(output.Pointer, 0, shape.OutputChannels, bias.Pointer));
        output.AssertFences();
        return output.Span.ToArray();
    }

    /// <summary>Rounds to bfloat16.</summary>
    public static void Round(Guarded numbers)
    {
        foreach (ref float value in numbers.Span) value = KernelRuns.BFloat16(value);
    }

    /// <summary>What <see cref="Run"/> should give, with a filter rounded to its element type.</summary>
    public static float[] Expected(in ConvolutionShape shape, float* input, ElementKind element = ElementKind.Float32)
    {
        using var filter = new Guarded(shape.OutputChannels * shape.K, 2);
        if (element == ElementKind.BFloat16) Round(filter);
        using var bias = new Guarded(shape.OutputChannels, 3);
        float[] output = new float[shape.Batch * shape.OutputHeight * shape.OutputWidth * shape.OutputChannels];
        for (int i = 0; i < output.Length; i++)
        {
            int o = i % shape.OutputChannels, pixel = i / shape.OutputChannels;
            int x = pixel % shape.OutputWidth * shape.StrideX - shape.Left, y = pixel / shape.OutputWidth % shape.OutputHeight * shape.StrideY - shape.Top;
            int image = pixel / shape.OutputWidth / shape.OutputHeight;
            double sum = bias.Pointer[o];
            for (int ky = Math.Max(0, -y); ky < shape.KernelHeight && y + ky < shape.Height; ky++)
                for (int kx = Math.Max(0, -x); kx < shape.KernelWidth && x + kx < shape.Width; kx++)
                    for (int c = 0; c < shape.Channels; c++)
                        sum += (double)input[((image * shape.Height + y + ky) * shape.Width + x + kx) * shape.Channels + c] * filter.Pointer[((o * shape.Channels + c) * shape.KernelHeight + ky) * shape.KernelWidth + kx];
            output[i] = (float)sum;
        }

        return output;
    }
}

/// <summary>A pixel's values times their channel's number plus the pixel's number: tells whether a prologue gets the right places.</summary>
public unsafe struct ScaledChannels : IPrologue
{
    /// <summary>The same mapping of a whole image.</summary>
    public static void Apply(Span<float> image, int channels)
    {
        for (int i = 0; i < image.Length; i++) image[i] = image[i] * (i % channels) + i / channels;
    }

    public readonly void Apply<TSimd, TVector>(float* source, int count, int batch, nint row, int column, float* destination) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        for (int i = 0; i < count; i++) destination[i] = source[i] * (column + i) + row;
    }
}
