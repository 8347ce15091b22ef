// Weights over several files: the index is checked both ways and stays in its folder.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public sealed class ShardIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ShardIndexTests()
    {
        _folder.Write("model-1.safetensors", FileBytes.Safetensors(("a", [2]), ("b", [3])));
        _folder.Write("model-2.safetensors", FileBytes.Safetensors(("c", [4])));
    }

    public void Dispose() => _folder.Dispose();

    private WeightFile Open(string map) => WeightFile.Open(_folder.Write("model.safetensors.index.json", $$"""{"metadata":{"total_size":36},"weight_map":{{map}}}"""));

    [Fact]
    public void Shards_are_one_file()
    {
        WeightFile file = Open("""{"a":"model-1.safetensors","b":"model-1.safetensors","c":"model-2.safetensors"}""");
        Assert.Equal("safetensors in 2 shards", file.Format);
        Assert.Equal([0f, 1, 2, 3], file.Entries["c"].Load().ToArray<float>());
    }

    [Theory]
    [InlineData("""{"a":"model-1.safetensors","c":"model-2.safetensors"}""", "model-1.safetensors holds 'b', which")]
    [InlineData("""{"a":"model-1.safetensors","b":"model-2.safetensors","c":"model-2.safetensors"}""", "says that 'b' is in model-2.safetensors, but it is not there")]
    [InlineData("""{"a":"model-1.safetensors","b":"model-1.safetensors","c":"model-3.safetensors"}""", "names the shard model-3.safetensors, which is not in")]
    [InlineData("""{"a":"model-1.safetensors","a":"model-1.safetensors"}""", "weight_map has the key 'a' twice")]
    [InlineData("""{"a":"../model-1.safetensors"}""", "names the shard '../model-1.safetensors'; shards must be files beside the index")]
    [InlineData("""{"a":"/etc/passwd"}""", "shards must be files beside the index")]
    [InlineData("""{"a":"C:\\model"}""", "shards must be files beside the index")]
    [InlineData("""{"a":".."}""", "shards must be files beside the index")]
    [InlineData("""{"a":"model.safetensors.index.json"}""", "is no weight file that can be read")]
    [InlineData("""{"a":1}""", "weight_map 'a' is not a file name")]
    [InlineData("[]", "it has no object 'weight_map'")]
    public void Index_and_shards_must_agree(string map, string message) =>
        Assert.Contains(message, Assert.Throws<BrushfireException>(() => Open(map)).Message, StringComparison.Ordinal);
}
