// One weight file of any supported format: keys, and for each its element type, shape and a way to load it.
// The format is told by content, never by the file's name. Before it: a path; after it: WeightScope.

using System.Text;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

/// <summary>A stored tensor: its key in the file, its spec, and its values in the file's own element type.</summary>
public sealed record WeightEntry(string Key, TensorSpec Spec, Func<Tensor> Load);

/// <summary>The entries of a safetensors file, of its shards through their index, or of a PyTorch checkpoint.</summary>
public sealed class WeightFile
{
    internal WeightFile(string path, string format, IReadOnlyDictionary<string, WeightEntry> entries, IReadOnlyDictionary<string, string>? metadata = null)
    {
        Path = path;
        Format = format;
        Entries = entries;
        Metadata = metadata ?? new Dictionary<string, string>(StringComparer.Ordinal);
    }

    public string Path { get; }

    /// <summary>The format's name, for people.</summary>
    public string Format { get; }

    /// <summary>Stored tensors by key, in the file's order.</summary>
    public IReadOnlyDictionary<string, WeightEntry> Entries { get; }

    /// <summary>What a safetensors file says of itself; empty for other formats.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <exception cref="BrushfireException">The file cannot be read, is of no known format, damaged, or hostile.</exception>
    public static WeightFile Open(string path) => Open(path, mayBeIndex: true);

    internal static WeightFile Open(string path, bool mayBeIndex)
    {
        if (Directory.Exists(path)) throw new BrushfireException($"{path} is a folder, not a weight file.");
        MappedFile file = MappedFile.Open(path);
        if (file.Length == 0) throw new BrushfireException($"{path} is empty, and no weight file; copy or fetch it again.");
        byte[] start = file.Slice(0, (int)Math.Min(64, file.Length)).ToArray();
        if (start.AsSpan().StartsWith("PK\u0003\u0004"u8)) return TorchFile.OpenZip(file);
        if (start.AsSpan().StartsWith(TorchFile.LegacyMagic)) return TorchFile.OpenLegacy(file);
        if (start.Length > 8 && start[8] == '{' && !IsText(start)) return Safetensors.Open(file);
        if (mayBeIndex && start.AsSpan().TrimStart(" \t\r\n"u8).StartsWith("{"u8)) return ShardIndex.Open(path);
        if (start.AsSpan().StartsWith("version https://git-lfs"u8))
            throw new BrushfireException($"{path} is a Git LFS pointer, not the weight file itself; fetch it with 'git lfs pull'.");
        throw new BrushfireException($"{path} is no weight file that can be read: its first bytes, {Convert.ToHexString(start.AsSpan(0, Math.Min(8, start.Length)))}, begin neither a safetensors file, nor a PyTorch checkpoint, nor an index of shards.");
    }

    // A safetensors file begins with eight bytes of a length, of which the upper ones are 0; an index is all text.
    private static bool IsText(ReadOnlySpan<byte> start) => start[0] is (byte)'{' or (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t'
        && start[..8].IndexOfAnyInRange((byte)0, (byte)8) < 0 && Ascii.IsValid(start[..8]);
}
