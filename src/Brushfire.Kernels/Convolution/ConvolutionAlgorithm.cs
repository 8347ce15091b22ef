// Which way a convolution is computed, chosen by its shape; docs/kernels.md has the numbers behind the rule.

namespace Brushfire.Kernels;

/// <summary>An implicit Gemm, or Winograd's minimal filtering by tiles of 2x2 or 4x4 output pixels.</summary>
public enum ConvolutionAlgorithm { Direct, Winograd2, Winograd4 }

public static class ConvolutionAlgorithms
{
    // With fewer channels than this, transforms cost more than products.
    private const int MinChannels = 16;

    private static readonly ConvolutionAlgorithm? s_forced = Knobs.Convolution.Value is { } text ? Parse(text) : null;

    /// <summary>The one that BRUSHFIRE_CONVOLUTION forces, if any.</summary>
    public static ConvolutionAlgorithm? Forced => s_forced;

    /// <summary>
    /// The algorithm for a shape and the element type of the packed filter, unless BRUSHFIRE_CONVOLUTION forces one. 4x4 tiles amplify the rounding of
    /// their operands too much for bfloat16: their products stay float32, which also outruns bfloat16 products of 2x2 tiles.
    /// </summary>
    public static ConvolutionAlgorithm Choose(in ConvolutionShape shape, ElementKind filter)
    {
        if (shape is not { KernelHeight: 3, KernelWidth: 3, StrideY: 1, StrideX: 1, Channels: > 0 }) return ConvolutionAlgorithm.Direct;
        if (filter == ElementKind.BFloat16 && shape.Channels % 2 != 0) return ConvolutionAlgorithm.Direct; // pairs reach across taps
        if (s_forced is { } forced) return forced;
        if (Math.Min(shape.Channels, shape.OutputChannels) < MinChannels) return ConvolutionAlgorithm.Direct;
        return HalvesProducts(shape) ? ConvolutionAlgorithm.Winograd4 : ConvolutionAlgorithm.Direct;
    }

    // Products of whole register tiles, by input and output channel: small and narrow images fill tiles of 4x4 pixels badly. Counted for
    // one image, so that the same image has the same result in any batch.
    private static bool HalvesProducts(in ConvolutionShape shape)
    {
        int rows = Tiling.CurrentRows, pixels = checked(shape.OutputHeight * shape.OutputWidth);
        int tiles = Blocks.Count(shape.OutputHeight, WinogradF4.Outputs) * Blocks.Count(shape.OutputWidth, WinogradF4.Outputs);
        return 2L * 36 * Blocks.RoundUp(tiles, rows) <= 9L * Blocks.RoundUp(pixels, rows);
    }

    internal static ConvolutionAlgorithm Parse(string text) => text.ToLowerInvariant() switch
    {
        "direct" => ConvolutionAlgorithm.Direct,
        "winograd2" => ConvolutionAlgorithm.Winograd2,
        "winograd4" => ConvolutionAlgorithm.Winograd4,
        _ => throw new ArgumentException($"'{text}' is not an algorithm of convolution; {Knobs.Convolution.Name} takes {Knobs.Convolution.Values}."),
    };
}
