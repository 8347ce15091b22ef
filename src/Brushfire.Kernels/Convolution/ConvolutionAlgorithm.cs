// Which way a convolution is computed, chosen by its shape; docs/kernels.md has the numbers behind the rule.

namespace Brushfire.Kernels;

/// <summary>
/// An implicit Gemm, or Winograd's minimal filtering by tiles of 2x2, 3x3 or 4x4 output pixels. Operands are rounded to the filter's type, those of tiles
/// after their transforms; Winograd4 multiplies in float32.
/// </summary>
public enum ConvolutionAlgorithm { Direct, Winograd2, Winograd3, Winograd4, Winograd4Rounded }

public static class ConvolutionAlgorithms
{
    // With fewer channels than this, transforms cost more than products.
    private const int MinChannels = 16;

    // Where tiles may not multiply in bfloat16, and where 4x4 tiles may: see NeedsFloat32 and BearsRounding.
    private const int NarrowChannels = 64, FirstPixels = 64 * 64, FirstChannels = 512;
    private const int DeepPixels = 48 * 48, DeepChannels = 640, LatePixels = 256 * 256, LateChannels = 256;

    private static readonly ConvolutionAlgorithm? s_forced = Knobs.Convolution.Value is { } text ? Parse(text) : null;

    /// <summary>The one that BRUSHFIRE_CONVOLUTION forces, if any.</summary>
    public static ConvolutionAlgorithm? Forced => s_forced;

    /// <summary>
    /// The algorithm for a shape and the element type of the packed filter, unless BRUSHFIRE_CONVOLUTION forces one.
    /// </summary>
    public static ConvolutionAlgorithm Choose(in ConvolutionShape shape, ElementKind filter) =>
        Choose(shape, filter, pairs: filter == ElementKind.BFloat16 && BFloat16Kernels.IsNative);

    internal static ConvolutionAlgorithm Choose(in ConvolutionShape shape, ElementKind filter, bool pairs)
    {
        if (shape is not { KernelHeight: 3, KernelWidth: 3, StrideY: 1, StrideX: 1, Channels: > 0 }) return ConvolutionAlgorithm.Direct;
        if (filter == ElementKind.BFloat16 && shape.Channels % 2 != 0) return ConvolutionAlgorithm.Direct; // pairs reach across taps
        if (s_forced is { } forced) return forced;
        if (Math.Min(shape.Channels, shape.OutputChannels) < MinChannels) return ConvolutionAlgorithm.Direct;
        // Direct products of bfloat16 pairs are twice as fast, where the processor has them: 4x4 tiles have to save more.
        bool saves = Saving(shape, WinogradF4.Outputs) >= (pairs ? 3 : 2);
        if (!pairs || NeedsFloat32(shape)) return saves ? ConvolutionAlgorithm.Winograd4 : ConvolutionAlgorithm.Direct;
        if (saves && BearsRounding(shape)) return ConvolutionAlgorithm.Winograd4Rounded;
        return Saving(shape, WinogradF3.Outputs) >= 2 ? ConvolutionAlgorithm.Winograd3 : ConvolutionAlgorithm.Direct;
    }

    // Any tiles amplify the rounding of their operands. Sums over few channels average little of it away, and what a decoder's first layers err, all its
    // others pass on: those have AutoencoderKL's 512 channels at a latent's size, where they cost little.
    private static bool NeedsFloat32(in ConvolutionShape shape)
    {
        long pixels = (long)shape.OutputHeight * shape.OutputWidth;
        return Math.Min(shape.Channels, shape.OutputChannels) <= NarrowChannels || (pixels <= FirstPixels && shape is { Channels: FirstChannels, OutputChannels: FirstChannels });
    }

    // 4x4 tiles amplify the rounding of their operands, twice as much as 3x3 tiles. Where it hardly shows in the models' outputs: in the deep layers of a
    // U-Net, and in the last ones of a decoder. The layers around, at a latent's size, and the first of an encoder take most of what error is allowed.
    private static bool BearsRounding(in ConvolutionShape shape)
    {
        long pixels = (long)shape.OutputHeight * shape.OutputWidth;
        return (pixels <= DeepPixels && Math.Min(shape.Channels, shape.OutputChannels) >= DeepChannels) || (pixels >= LatePixels && shape.Channels >= LateChannels);
    }

    // How many times as many products the direct algorithm has, of whole register tiles, by input and output channel: small and narrow images fill tiles
    // badly. Counted for one image, so that the same image has the same result in any batch.
    private static double Saving(in ConvolutionShape shape, int outputs)
    {
        int rows = Tiling.CurrentRows, pixels = checked(shape.OutputHeight * shape.OutputWidth);
        int tiles = Blocks.Count(shape.OutputHeight, outputs) * Blocks.Count(shape.OutputWidth, outputs);
        return 9.0 * Blocks.RoundUp(pixels, rows) / ((outputs + 2.0) * (outputs + 2) * Blocks.RoundUp(tiles, rows));
    }

    internal static ConvolutionAlgorithm Parse(string text) => text.ToLowerInvariant() switch
    {
        "direct" => ConvolutionAlgorithm.Direct,
        "winograd2" => ConvolutionAlgorithm.Winograd2,
        "winograd3" => ConvolutionAlgorithm.Winograd3,
        "winograd4" => ConvolutionAlgorithm.Winograd4,
        "winograd4rounded" => ConvolutionAlgorithm.Winograd4Rounded,
        _ => throw new ArgumentException($"'{text}' is not an algorithm of convolution; {Knobs.Convolution.Name} takes {Knobs.Convolution.Values}."),
    };
}
