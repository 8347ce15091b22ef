// Every destination pixel is the source pixel that lies under it.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class NearestUpsamplingTests
{
    [Theory]
    [InlineData(2, 3, 5, 7, 2)]
    [InlineData(1, 8, 8, 320, 2)]
    [InlineData(1, 4, 3, 1, 3)]
    [InlineData(1, 2, 2, 4, 1)]
    public void A_pixel_is_the_one_that_lies_under_it(int batch, int height, int width, int channels, int factor)
    {
        float[] source = [.. Enumerable.Range(0, batch * height * width * channels).Select(i => (float)i)];
        float[] destination = new float[source.Length * factor * factor];
        fixed (float* from = source, to = destination) NearestUpsampling.Run(batch, height, width, channels, factor, from, to);
        for (int i = 0; i < destination.Length; i++)
        {
            (int rest, int c) = Math.DivRem(i, channels);
            (rest, int x) = Math.DivRem(rest, width * factor);
            (int n, int y) = Math.DivRem(rest, height * factor);
            Assert.Equal(source[((n * height + y / factor) * width + x / factor) * channels + c], destination[i]);
        }
    }
}
