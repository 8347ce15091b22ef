// Noise is drawn picture by picture in the order channels, height, width, each from its own seed.

using Brushfire.Diffusion.Samplers;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Tests.Diffusion.Samplers;

public sealed class NoiseSourceTests
{
    [Theory]
    [InlineData(NoiseSource.TorchCpu)]
    [InlineData(NoiseSource.Philox)]
    public void Pictures_have_consecutive_seeds_and_channels_come_first(string generator)
    {
        using var scope = new TensorScope();
        var noise = new NoiseSource(generator, 41, 2);
        noise.Draw([2, 2, 3, 4]);
        float[] second = noise.Draw([2, 2, 3, 4]).ToArray(); // [N, H, W, C]
        for (int image = 0; image < 2; image++)
        {
            float[] expected = SecondDraw(generator, (ulong)(41 + image), 24); // [C, H, W]
            for (int channel = 0; channel < 4; channel++)
                for (int pixel = 0; pixel < 6; pixel++)
                    Assert.Equal(expected[channel * 6 + pixel], second[(image * 6 + pixel) * 4 + channel]);
        }
    }

    [Fact]
    public void Mistakes_are_told()
    {
        Assert.Contains("no noise generator 'dice'; choose one of torch-cpu, philox", Assert.Throws<BrushfireException>(() => new NoiseSource("dice", 1, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("[3,2,2,4]", Assert.Throws<BrushfireException>(() => new NoiseSource(NoiseSource.Philox, 1, 2).Draw([3, 2, 2, 4])).Message, StringComparison.Ordinal);
    }

    private static float[] SecondDraw(string generator, ulong seed, int count)
    {
        float[] values = new float[count];
        if (generator == NoiseSource.Philox)
        {
            var philox = new Philox(seed);
            philox.Normal(values);
            philox.Normal(values);
        }
        else
        {
            var torch = new TorchGenerator(seed);
            torch.Normal(values);
            torch.Normal(values);
        }

        return values;
    }
}
