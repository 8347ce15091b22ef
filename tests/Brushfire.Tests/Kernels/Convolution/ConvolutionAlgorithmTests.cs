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
        Expect(ConvolutionAlgorithm.Direct, s_shape with { Channels = 321 }, ElementKind.BFloat16);
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
        Assert.Equal("'fft' is not an algorithm of convolution; BRUSHFIRE_CONVOLUTION takes direct | winograd2 | winograd3 | winograd4 | winograd4rounded.", error.Message);
    }

    [Fact]
    public void Bfloat16_takes_tiles_of_four_deep_in_a_unet_and_late_in_a_decoder_and_tiles_of_three_elsewhere()
    {
        Expect(ConvolutionAlgorithm.Winograd4Rounded, s_shape with { Height = 16, Width = 16, Channels = 2560, OutputChannels = 1280 }, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Direct, s_shape with { Height = 8, Width = 8, Channels = 2560, OutputChannels = 1280 }, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Winograd4Rounded, s_shape with { Batch = 1, Height = 512, Width = 512, Channels = 256, OutputChannels = 128 }, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Winograd3, s_shape, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Winograd3, s_shape with { Batch = 1, Height = 512, Width = 512, Channels = 128, OutputChannels = 128 }, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Winograd3, s_shape with { Channels = 960, OutputChannels = 640 }, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Winograd3, s_shape with { Batch = 1, Height = 128, Width = 128, Channels = 512, OutputChannels = 512 }, ElementKind.BFloat16);
    }

    [Fact]
    public void Bfloat16_multiplies_in_float32_in_narrow_layers_and_in_a_decoders_first()
    {
        Expect(ConvolutionAlgorithm.Winograd4, s_shape with { OutputChannels = 64 }, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Winograd3, s_shape with { OutputChannels = 96 }, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Winograd4, s_shape with { Batch = 1, Height = 64, Width = 64, Channels = 512, OutputChannels = 512 }, ElementKind.BFloat16);
        Expect(ConvolutionAlgorithm.Direct, s_shape with { Height = 8, Width = 8, Channels = 32, OutputChannels = 32 }, ElementKind.BFloat16);
    }

    [Fact]
    public void Without_native_products_of_bfloat16_the_choice_is_that_of_float32()
    {
        foreach (int side in (int[])[7, 8, 16, 64, 256])
        {
            ConvolutionShape shape = s_shape with { Height = side, Width = side, Channels = 640, OutputChannels = 640 };
            Expect(ConvolutionAlgorithms.Choose(shape, ElementKind.Float32), shape, ElementKind.BFloat16, pairs: false);
        }
    }

    private static void Expect(ConvolutionAlgorithm expected, ConvolutionShape shape, ElementKind filter = ElementKind.Float32, bool? pairs = null)
    {
        if (Knobs.Convolution.Value is null) Assert.Equal(expected, ConvolutionAlgorithms.Choose(shape, filter, pairs ?? filter == ElementKind.BFloat16));
    }
}
