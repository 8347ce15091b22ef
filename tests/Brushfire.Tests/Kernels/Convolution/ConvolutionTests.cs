// Convolution as an implicit Gemm against a double loop: kernels, strides, a padding for each side, few and many channels, hooks.

using Brushfire.Kernels;
using CsCheck;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class ConvolutionTests
{
    [Theory]
    [InlineData(1, 8, 8, 20, 24, 3, 1, 1)]
    [InlineData(2, 5, 7, 33, 17, 3, 1, 1)]
    [InlineData(2, 8, 6, 40, 20, 3, 2, 1)]
    [InlineData(1, 6, 6, 4, 33, 3, 1, 1)]
    [InlineData(1, 9, 9, 3, 16, 3, 1, 1)]
    [InlineData(2, 7, 9, 9, 21, 3, 1, 1)]
    [InlineData(1, 9, 8, 24, 3, 3, 1, 1)]
    [InlineData(1, 9, 8, 24, 4, 3, 1, 1)]
    [InlineData(2, 7, 5, 40, 30, 1, 1, 0)]
    [InlineData(2, 7, 5, 40, 30, 1, 2, 0)]
    [InlineData(1, 4, 4, 30, 8, 1, 1, 1)]
    [InlineData(1, 11, 12, 5, 8, 5, 3, 2)]
    [InlineData(1, 2, 1, 3, 5, 3, 1, 1)]
    [InlineData(1, 6, 5, 50, 9, 3, 1, 1)]
    [InlineData(1, 13, 12, 8, 7, 7, 1, 3)]
    public void Square_kernels_agree_with_a_double_loop(int batch, int height, int width, int channels, int outputs, int kernel, int stride, int padding) => Check(new ConvolutionShape
    {
        Batch = batch,
        Height = height,
        Width = width,
        Channels = channels,
        OutputChannels = outputs,
        KernelHeight = kernel,
        KernelWidth = kernel,
        StrideY = stride,
        StrideX = stride,
        Top = padding,
        Left = padding,
        Bottom = padding,
        Right = padding,
    });

    [Fact]
    public void Padding_on_the_right_and_bottom_only_agrees_with_a_double_loop() => Check(new ConvolutionShape
    {
        Batch = 2,
        Height = 8,
        Width = 10,
        Channels = 18,
        OutputChannels = 19,
        KernelHeight = 3,
        KernelWidth = 3,
        StrideY = 2,
        StrideX = 2,
        Bottom = 1,
        Right = 1,
    });

    [Fact]
    public void Random_shapes_agree_with_a_double_loop() =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 9], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[0, 255], Gen.Int[1, 3], Gen.Int[1, 4]).Sample((height, width, channels, outputs, padding, stride, kernel) =>
        {
            var shape = new ConvolutionShape
            {
                Batch = 1 + padding % 2,
                Height = height,
                Width = width,
                Channels = channels,
                OutputChannels = outputs,
                KernelHeight = kernel,
                KernelWidth = 1 + padding % 5,
                StrideY = stride,
                StrideX = 1 + padding / 3 % 2,
                Top = padding & 3,
                Left = padding >> 2 & 3,
                Bottom = padding >> 4 & 3,
                Right = padding >> 6 & 3,
            };
            if (shape.Height + shape.Top + shape.Bottom >= shape.KernelHeight && shape.Width + shape.Left + shape.Right >= shape.KernelWidth) Check(shape);
        }, iter: 150, threads: 1);

    [Theory]
    [InlineData(40, 20, 2)]
    [InlineData(33, 17, 1)] // an odd number of channels: pairs reach across taps
    [InlineData(3, 16, 1)]
    [InlineData(80, 33, 1)]
    public void Operands_in_bfloat16_agree_with_a_double_loop(int channels, int outputs, int stride)
    {
        var shape = new ConvolutionShape { Batch = 2, Height = 7, Width = 6, Channels = channels, OutputChannels = outputs, KernelHeight = 3, KernelWidth = 3, StrideY = stride, StrideX = stride, Top = 1, Left = 1, Bottom = 1, Right = 1 };
        using var rounded = new Guarded(ConvolutionRuns.Input(shape), 1);
        ConvolutionRuns.Round(rounded);
        float[] expected = ConvolutionRuns.Expected(shape, rounded.Pointer, ElementKind.BFloat16);
        Close.Relative(expected, ConvolutionRuns.Run(shape, new NoPrologue(), ConvolutionAlgorithm.Direct, ElementKind.BFloat16), 2e-6);
    }

    [Theory]
    [InlineData(20)]
    [InlineData(3)]
    public void A_prologue_maps_pixels_and_leaves_the_padding_zero(int channels)
    {
        var shape = new ConvolutionShape { Batch = 2, Height = 5, Width = 6, Channels = channels, OutputChannels = 18, KernelHeight = 3, KernelWidth = 3, Top = 1, Left = 1, Bottom = 1, Right = 1 };
        using var mapped = new Guarded(ConvolutionRuns.Input(shape), 1);
        ScaledChannels.Apply(mapped.Span, channels);
        float[] expected = ConvolutionRuns.Expected(shape, mapped.Pointer);
        Close.Relative(expected, ConvolutionRuns.Run(shape, new ScaledChannels(), ConvolutionAlgorithm.Direct), 1e-6);
    }

    [Fact]
    public void Any_number_of_threads_gives_the_same_bytes()
    {
        var shape = new ConvolutionShape { Batch = 2, Height = 12, Width = 12, Channels = 48, OutputChannels = 100, KernelHeight = 3, KernelWidth = 3, Top = 1, Left = 1, Bottom = 1, Right = 1 };
        KernelRuns.SameForAnyThreads(() => ConvolutionRuns.Run(shape, new NoPrologue(), ConvolutionAlgorithm.Direct));
    }

    private static void Check(in ConvolutionShape shape)
    {
        using var input = new Guarded(ConvolutionRuns.Input(shape), 1);
        Close.Absolute(ConvolutionRuns.Expected(shape, input.Pointer), ConvolutionRuns.Run(shape, new NoPrologue(), ConvolutionAlgorithm.Direct), 1e-6 * (shape.K + 4), shape.ToString());
    }
}
