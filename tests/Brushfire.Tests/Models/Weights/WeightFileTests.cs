// The format of a weight file is told by its content; the reference files agree bit for bit.

using System.Text.Json;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public class WeightFileTests
{
    private const string Folder = "files";
    private const string Expected = "expected.safetensors";

    public static IEnumerable<TheoryDataRow<string>> WholeFiles() => Golden.Files(Folder, "*")
        .Where(name => !name.Contains("hostile", StringComparison.Ordinal) && !name.EndsWith(".safetensors", StringComparison.Ordinal) || name.EndsWith(Expected, StringComparison.Ordinal))
        .Select(name => new TheoryDataRow<string>(name))
        .DefaultIfEmpty(new TheoryDataRow<string>(Path.Combine(Folder, Expected)));

    public static IEnumerable<TheoryDataRow<string>> HostileFiles() => Golden.Files(Folder, "*hostile*")
        .Select(name => new TheoryDataRow<string>(name))
        .DefaultIfEmpty(new TheoryDataRow<string>(Path.Combine(Folder, "hostile.ckpt")));

    [Theory]
    [MemberData(nameof(WholeFiles))]
    public void Reference_files_of_every_format_hold_the_expected_bytes(string name)
    {
        Golden expected = Golden.Open(Path.Combine(Folder, Expected));
        foreach (string shard in ShardsOf(name)) Golden.PathOf(Path.Combine(Folder, shard));
        WeightFile file = WeightFile.Open(Golden.PathOf(name));
        Assert.Equal(expected.Names.Order(StringComparer.Ordinal), file.Entries.Keys.Order(StringComparer.Ordinal));
        foreach ((string key, WeightEntry entry) in file.Entries)
        {
            Assert.Equal(expected.Shape(key), entry.Spec.Shape.Sizes.ToArray());
            Assert.Equal(expected.DType(key), entry.Spec.DType.Name().ToUpperInvariant());
            using Tensor tensor = entry.Load();
            Assert.Equal(entry.Spec, tensor.Spec);
            Assert.Equal(expected.Bytes(key).ToArray(), BytesOf(tensor));
        }
    }

    [Theory]
    [MemberData(nameof(HostileFiles))]
    public void Hostile_reference_files_are_refused_by_name_and_run_nothing(string name)
    {
        string created = Path.Combine(Path.GetTempPath(), "brushfire-was-here");
        bool before = File.Exists(created);
        string message = Assert.Throws<BrushfireException>(() => WeightFile.Open(Golden.PathOf(name))).Message;
        Assert.StartsWith(Golden.PathOf(name), message, StringComparison.Ordinal);
        if (!name.EndsWith(".safetensors", StringComparison.Ordinal)) Assert.Matches("it asks for '.*nothing was executed", message);
        Assert.Equal(before, File.Exists(created));
    }

    [Fact]
    public void The_format_is_told_by_content_and_not_by_name()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal("safetensors", WeightFile.Open(folder.Write("a.ckpt", FileBytes.Safetensors(("x", [2])))).Format);
        byte[] pickle = new PickleWriter().Dictionary("x", p => p.Tensor("FloatStorage", "0", 2, 0, [2], [1])).ToArray();
        Assert.Equal("PyTorch checkpoint", WeightFile.Open(folder.Write("b.safetensors", FileBytes.Torch(pickle, ("0", new byte[8])))).Format);
    }

    [Theory]
    [InlineData("", "is empty, and no weight file; copy or fetch it again.")]
    [InlineData("hello, world", "its first bytes, 68656C6C6F2C2077, begin neither")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00", "is a Git LFS pointer, not the weight file itself")]
    [InlineData("""{ "hello": 1 }""", "is JSON but no index of shards")]
    public void Other_content_is_refused(string content, string message)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.safetensors", content);
        Assert.Contains(message, Assert.Throws<BrushfireException>(() => WeightFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_and_missing_files_are_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("is a folder, not a weight file", Assert.Throws<BrushfireException>(() => WeightFile.Open(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("Cannot read", Assert.Throws<BrushfireException>(() => WeightFile.Open(Path.Combine(folder.Path, "none"))).Message, StringComparison.Ordinal);
    }

    private static string[] ShardsOf(string name)
    {
        if (!name.EndsWith(".index.json", StringComparison.Ordinal)) return [];
        using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(Golden.PathOf(name)));
        return [.. index.RootElement.GetProperty("weight_map").EnumerateObject().Select(entry => entry.Value.GetString()!).Distinct(StringComparer.Ordinal)];
    }

    private static byte[] BytesOf(Tensor tensor) => tensor.DType.Size() switch
    {
        1 => tensor.ToArray<byte>(),
        2 => [.. tensor.ToArray<ushort>().SelectMany(BitConverter.GetBytes)],
        4 => [.. tensor.ToArray<int>().SelectMany(BitConverter.GetBytes)],
        _ => [.. tensor.ToArray<long>().SelectMany(BitConverter.GetBytes)],
    };
}
