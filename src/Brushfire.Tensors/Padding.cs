// Zeros around an image.

namespace Brushfire.Tensors;

/// <summary>Zeros around an image before a convolution, in pixels.</summary>
public readonly record struct Padding(int Top, int Left, int Bottom, int Right)
{
    public Padding(int all) : this(all, all, all, all) { }
}
