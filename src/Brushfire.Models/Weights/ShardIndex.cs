// A weight file in several parts: the index (*.safetensors.index.json, *.bin.index.json) names the shard of each key.
// Index and shards must agree both ways; shards lie beside the index.

using System.Text.Json;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

internal static class ShardIndex
{
    public static WeightFile Open(string path)
    {
        ConfigReader index = ConfigReader.Open(path);
        if (!index.TryGet("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
            throw new BrushfireException($"{path} is JSON but no index of shards: it has no object 'weight_map'.");

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var shards = new Dictionary<string, WeightFile>(StringComparer.Ordinal);
        var placed = new Dictionary<string, string>(StringComparer.Ordinal);
        var entries = new OrderedDictionary<string, WeightEntry>(StringComparer.Ordinal);
        foreach (JsonProperty property in map.EnumerateObject())
        {
            string key = property.Name;
            string name = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : throw new BrushfireException($"{path}: weight_map '{key}' is not a file name.");
            if (!shards.TryGetValue(name, out WeightFile? shard)) shards[name] = shard = OpenShard(path, folder, name);
            if (!shard.Entries.TryGetValue(key, out WeightEntry? entry)) throw new BrushfireException($"{path} says that '{key}' is in {name}, but it is not there.");
            if (!placed.TryAdd(key, name)) throw new BrushfireException($"{path}: weight_map has the key '{key}' twice.");
            entries.Add(key, entry);
        }

        foreach ((string name, WeightFile shard) in shards)
        {
            foreach (string key in shard.Entries.Keys)
                if (placed.GetValueOrDefault(key) != name) throw new BrushfireException($"{name} holds '{key}', which {path} does not place there.");
        }

        return new WeightFile(path, $"{shards.Values.FirstOrDefault()?.Format ?? "nothing"} in {shards.Count} shards", entries);
    }

    private static WeightFile OpenShard(string index, string folder, string name)
    {
        if (!PlainName.IsPlain(name)) throw new BrushfireException($"{index} names the shard '{name}'; shards must be files beside the index.");
        string path = Path.Combine(folder, name);
        return File.Exists(path) ? WeightFile.Open(path, mayBeIndex: false) : throw new BrushfireException($"{index} names the shard {name}, which is not in {folder}.");
    }
}

/// <summary>Names of files and folders that a file hands over.</summary>
internal static class PlainName
{
    /// <summary>True where the name cannot lead out of its folder, on any system.</summary>
    public static bool IsPlain(string name) =>
        name.Length is > 0 and < 256 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\:\0") < 0;
}
