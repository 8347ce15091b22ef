// Pixels must fill the picture.

using Brushfire.Diffusion.Imaging;

namespace Brushfire.Tests.Diffusion.Imaging;

public class RgbImageTests
{
    [Fact]
    public void Pixels_must_fit_the_size()
    {
        Assert.Equal((2, 1), (new RgbImage(2, 1, new byte[6]).Width, new RgbImage(2, 1, new byte[6]).Height));
        Assert.Equal("A picture of 2x2 takes 12 bytes of red, green and blue; got 16.", Assert.Throws<ArgumentException>(() => new RgbImage(2, 2, new byte[16])).Message);
        Assert.Equal("A picture of 0x2 has no pixels; both sizes must be 1 or more.", Assert.Throws<ArgumentException>(() => new RgbImage(0, 2, [])).Message);
    }
}
