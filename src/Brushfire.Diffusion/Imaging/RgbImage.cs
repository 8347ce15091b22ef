// A picture as programs hand it around: 8 bits a channel, red green blue interleaved, rows from the top, no padding.

namespace Brushfire.Diffusion.Imaging;

public sealed class RgbImage
{
    public RgbImage(int width, int height, byte[] pixels)
    {
        if (width < 1 || height < 1) throw new ArgumentException($"A picture of {width}x{height} has no pixels; both sizes must be 1 or more.");
        if (pixels.Length != (long)width * height * 3) throw new ArgumentException($"A picture of {width}x{height} takes {(long)width * height * 3} bytes of red, green and blue; got {pixels.Length}.");
        (Width, Height, Pixels) = (width, height, pixels);
    }

    public int Width { get; }
    public int Height { get; }

    /// <summary>Height x Width x 3 bytes.</summary>
    public byte[] Pixels { get; }
}
