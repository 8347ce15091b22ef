// Which way a convolution is computed, chosen by its shape; docs/kernels.md has the numbers behind the rule.

namespace Brushfire.Kernels;

/// <summary>
/// An implicit Gemm, or Winograd's minimal filtering by tiles of 2x2 or 4x4 output pixels. Winograd2 and Winograd4Rounded round both operands to
/// the filter's type after their transforms; Winograd4 multiplies in float32.
/// </summary>
public enum ConvolutionAlgorithm { Direct, Winograd2, Winograd4, Winograd4Rounded }

public static class ConvolutionAlgorithms
{
    // With fewer channels than this, transforms cost more than products.
    private const int MinChannels = 16;

    // Where 4x4 tiles may multiply in bfloat16, see BearsRounding.
    private const int DeepChannels = 640, LatePixels = 256 * 256, LateChannels = 256;

    private static readonly ConvolutionAlgorithm? s_forced = Knobs.Convolution.Value is { } text ? Parse(text) : null;

    /// <summary>The one that BRUSHFIRE_CONVOLUTION forces, if any.</summary>
    public static ConvolutionAlgorithm? Forced => s_forced;

    /// <summary>
    /// The algorithm for a shape and the element type of the packed filter, unless BRUSHFIRE_CONVOLUTION forces one.
    /// </summary>
    public static ConvolutionAlgorithm Choose(in ConvolutionShape shape, ElementKind filter)
    {
        if (shape is not { KernelHeight: 3, KernelWidth: 3, StrideY: 1, StrideX: 1, Channels: > 0 }) return ConvolutionAlgorithm.Direct;
        if (filter == ElementKind.BFloat16 && shape.Channels % 2 != 0) return ConvolutionAlgorithm.Direct; // pairs reach across taps
        if (s_forced is { } forced) return forced;
        if (Math.Min(shape.Channels, shape.OutputChannels) < MinChannels) return ConvolutionAlgorithm.Direct;
        // Direct products of bfloat16 pairs are twice as fast: tiles have to save more.
        if (Saving(shape) < (filter == ElementKind.BFloat16 ? 3 : 2)) return ConvolutionAlgorithm.Direct;
        return filter == ElementKind.BFloat16 && BearsRounding(shape) ? ConvolutionAlgorithm.Winograd4Rounded : ConvolutionAlgorithm.Winograd4;
    }

    // 4x4 tiles amplify the rounding of their operands. Where it hardly shows in the models' outputs: in the deep layers of a U-Net, and in the last ones
    // of a decoder. The layers around, at a latent's size, and the first of an encoder take most of what error is allowed; their products stay float32.
    private static bool BearsRounding(in ConvolutionShape shape) =>
        Math.Min(shape.Channels, shape.OutputChannels) >= DeepChannels || ((long)shape.OutputHeight * shape.OutputWidth >= LatePixels && shape.Channels >= LateChannels);

    // How many times as many products the direct algorithm has, of whole register tiles, by input and output channel: small and narrow images fill tiles
    // of 4x4 pixels badly. Counted for one image, so that the same image has the same result in any batch.
    private static double Saving(in ConvolutionShape shape)
    {
        int rows = Tiling.CurrentRows, pixels = checked(shape.OutputHeight * shape.OutputWidth);
        int tiles = Blocks.Count(shape.OutputHeight, WinogradF4.Outputs) * Blocks.Count(shape.OutputWidth, WinogradF4.Outputs);
        return 9.0 * Blocks.RoundUp(pixels, rows) / (36.0 * Blocks.RoundUp(tiles, rows));
    }

    internal static ConvolutionAlgorithm Parse(string text) => text.ToLowerInvariant() switch
    {
        "direct" => ConvolutionAlgorithm.Direct,
        "winograd2" => ConvolutionAlgorithm.Winograd2,
        "winograd4" => ConvolutionAlgorithm.Winograd4,
        "winograd4rounded" => ConvolutionAlgorithm.Winograd4Rounded,
        _ => throw new ArgumentException($"'{text}' is not an algorithm of convolution; {Knobs.Convolution.Name} takes {Knobs.Convolution.Values}."),
    };
}
