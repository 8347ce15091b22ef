// Which algorithm a convolution takes.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed class ConvolutionAlgorithmTests
{
    private static readonly ConvolutionShape s_shape = new() { Batch = 2, Height = 64, Width = 64, Channels = 320, OutputChannels = 320, KernelHeight = 3, KernelWidth = 3, Top = 1, Left = 1, Bottom = 1, Right = 1 };

    [Fact]
    public void Images_of_many_channels_take_tiles_of_four()
    {
        Expect(ConvolutionAlgorithm.Winograd4, s_shape);
        Expect(ConvolutionAlgorithm.Winograd4, s_shape with { Height = 8, Width = 8, Channels = 2560, OutputChannels = 1280 });
    }

    [Fact]
    public void Few_channels_and_small_images_stay_direct()
    {
        Expect(ConvolutionAlgorithm.Direct, s_shape with { Channels = 4 });
        Expect(ConvolutionAlgorithm.Direct, s_shape with { OutputChannels = 3 });
        Expect(ConvolutionAlgorithm.Direct, s_shape with { Height = 2, Width = 2 });
        Expect(ConvolutionAlgorithm.Direct, s_shape with { Width = 1 });
    }

    [Fact]
    public void Other_kernels_and_strides_and_bfloat16_pairs_that_reach_across_taps_stay_direct()
    {
        Expect(ConvolutionAlgorithm.Direct, s_shape with { StrideX = 2 });
        Expect(ConvolutionAlgorithm.Direct, s_shape with { KernelHeight = 1 });
        Assert.Equal(ConvolutionAlgorithm.Direct, ConvolutionAlgorithms.Choose(s_shape with { Channels = 321 }, ElementKind.BFloat16));
    }

    [Fact]
    public void A_forced_algorithm_is_named_as_in_the_table_of_knobs()
    {
        foreach (ConvolutionAlgorithm algorithm in Enum.GetValues<ConvolutionAlgorithm>())
        {
            Assert.Contains(algorithm.ToString().ToLowerInvariant(), Knobs.Convolution.Values.Split(" | "));
            Assert.Equal(algorithm, ConvolutionAlgorithms.Parse(algorithm.ToString()));
        }

        ArgumentException error = Assert.Throws<ArgumentException>(() => ConvolutionAlgorithms.Parse("fft"));
        Assert.Equal("'fft' is not an algorithm of convolution; BRUSHFIRE_CONVOLUTION takes direct | winograd2 | winograd4.", error.Message);
    }

    private static void Expect(ConvolutionAlgorithm expected, ConvolutionShape shape)
    {
        if (Knobs.Convolution.Value is null) Assert.Equal(expected, ConvolutionAlgorithms.Choose(shape, ElementKind.Float32));
    }
}
