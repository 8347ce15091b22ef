// The sizes of a two-dimensional convolution over channels-last images.

namespace Brushfire.Kernels;

/// <summary>Input [Batch, Height, Width, Channels], filter [OutputChannels, KernelHeight, KernelWidth, Channels], a padding for each side.</summary>
public readonly record struct ConvolutionShape
{
    public required int Batch { get; init; }
    public required int Height { get; init; }
    public required int Width { get; init; }
    public required int Channels { get; init; }
    public required int OutputChannels { get; init; }
    public required int KernelHeight { get; init; }
    public required int KernelWidth { get; init; }
    public int StrideY { get; init; } = 1;
    public int StrideX { get; init; } = 1;
    public int Top { get; init; }
    public int Left { get; init; }
    public int Bottom { get; init; }
    public int Right { get; init; }

    public ConvolutionShape() { }

    public int OutputHeight => (Height + Top + Bottom - KernelHeight) / StrideY + 1;
    public int OutputWidth => (Width + Left + Right - KernelWidth) / StrideX + 1;

    /// <summary>Inner size of the product that the convolution is: taps times channels.</summary>
    public int K => KernelHeight * KernelWidth * Channels;

    /// <summary>Whether each output pixel is a product of the input pixel at the same place.</summary>
    public bool IsPointwise => KernelHeight == 1 && KernelWidth == 1 && StrideY == 1 && StrideX == 1 && Top == 0 && Left == 0 && Bottom == 0 && Right == 0;
}
