// Settings of published text encoders that do not mean what they say.

using Brushfire.Models.Clip;
using Brushfire.Models.Weights;

namespace Brushfire.Tests.Models.Clip;

public sealed class ClipConfigTests
{
    [Theory]
    [InlineData("""{ "vocab_size": 100, "eos_token_id": 2 }""", 99)]
    [InlineData("""{ "vocab_size": 100, "eos_token_id": 98 }""", 98)]
    [InlineData("{}", 49407)]
    public void An_end_token_of_2_means_the_last_of_the_vocabulary(string json, int token) =>
        Assert.Equal(token, ClipConfig.Read(ConfigReader.Parse(json, "test"), withProjection: false).EndToken);
}
