// Settings that would change pictures and are not served are refused by name.

using Brushfire.Models.Vae;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Vae;

public sealed class VaeConfigTests
{
    [Theory]
    [InlineData("shift_factor", "0.1159")]
    [InlineData("latents_mean", "[0, 0, 0, 0]")]
    [InlineData("latents_std", "[1, 1, 1, 1]")]
    [InlineData("scaling_factor", "0")]
    [InlineData("scaling_factor", "-1")]
    [InlineData("act_fn", "\"relu\"")]
    public void What_would_change_pictures_is_refused(string key, string value)
    {
        Assert.Equal(0.5f, Read("scaling_factor", "0.5").ScalingFactor);
        Assert.Contains($"'{key}'", Assert.Throws<BrushfireException>(() => Read(key, value)).Message, StringComparison.Ordinal);
    }

    private static VaeConfig Read(string key, string value) => VaeConfig.Read(ConfigReader.Parse($$"""{ "{{key}}": {{value}} }""", "test"));
}
