// The reference values that tests compare with: every file of a folder of the form told in its README, read by a small
// reader of our own so that the product's reader is tested against something else.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Brushfire.Kernels;

namespace Brushfire.Tests;

/// <summary>One safetensors file of the reference folder: float32 arrays by name, and its metadata.</summary>
public sealed class Golden
{
    private readonly string _path;
    private readonly byte[] _bytes;
    private readonly Dictionary<string, (string DType, int[] Shape, int Start, int Length)> _entries = [];

    private Golden(string path)
    {
        _path = path;
        _bytes = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(_bytes);
        using JsonDocument document = JsonDocument.Parse(_bytes.AsMemory(8, header));
        foreach (JsonProperty entry in document.RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__")
            {
                foreach (JsonProperty item in entry.Value.EnumerateObject()) Metadata[item.Name] = item.Value.GetString()!;
                continue;
            }

            int[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(n => n.GetInt32())];
            int[] offsets = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(n => n.GetInt32())];
            _entries[entry.Name] = (entry.Value.GetProperty("dtype").GetString()!, shape, 8 + header + offsets[0], offsets[1] - offsets[0]);
        }
    }

    /// <summary>BRUSHFIRE_REFERENCE, or shared/golden beside the repository, or null where neither exists.</summary>
    public static string? Root { get; } = FindRoot();

    public Dictionary<string, string> Metadata { get; } = [];
    public IEnumerable<string> Names => _entries.Keys;
    public bool Has(string name) => _entries.ContainsKey(name);

    /// <summary>The element type as the file names it: F32, BF16, ….</summary>
    public string DType(string name) => Entry(name).DType;

    public int[] Shape(string name) => Entry(name).Shape;

    /// <summary>The values of an F32 or F64 entry.</summary>
    public double[] Doubles(string name) => DType(name) switch
    {
        "F32" => [.. Floats(name).Select(value => (double)value)],
        "F64" => MemoryMarshal.Cast<byte, double>(Bytes(name)).ToArray(),
        string other => throw new NotSupportedException($"{name} is of type {other}."),
    };

    public float[] Floats(string name) =>
        DType(name) == "F32" ? MemoryMarshal.Cast<byte, float>(Bytes(name)).ToArray() : throw new NotSupportedException($"{name} is of type {DType(name)}, not F32.");

    public ReadOnlySpan<byte> Bytes(string name) => _bytes.AsSpan(Entry(name).Start, Entry(name).Length);

    /// <summary>Opens a file of the reference folder, or skips the test, saying so, where it is missing.</summary>
    public static Golden Open(string relativePath) => new(PathOf(relativePath));

    /// <summary>The full path of a file of the reference folder, or the test is skipped, saying so.</summary>
    public static string PathOf(string relativePath)
    {
        if (Root is null) Assert.Skip($"No reference values: neither {Knobs.Reference.Name} nor ../shared/golden names a folder.");
        string path = Path.Combine(Root, relativePath);
        if (!File.Exists(path)) Assert.Skip($"The reference folder {Root} has no {relativePath}.");
        return path;
    }

    /// <summary>The names, relative to the folder, of files that match; empty where the folder is missing.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Root is { } root && Directory.Exists(Path.Combine(root, folder))
            ? Directory.GetFiles(Path.Combine(root, folder), pattern).Order(StringComparer.Ordinal).Select(path => Path.GetRelativePath(root, path))
            : [];

    // A folder of the same form may leave out what this one has.
    private (string DType, int[] Shape, int Start, int Length) Entry(string name)
    {
        if (!Has(name)) Assert.Skip($"{_path} has no {name}.");
        return _entries[name];
    }

    private static string? FindRoot()
    {
        if (Knobs.Reference.Value is { } path)
            return Directory.Exists(path) ? Path.GetFullPath(path) : throw new DirectoryNotFoundException($"{Knobs.Reference.Name}={path} is not a folder.");
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "golden");
            if (Directory.Exists(candidate)) return candidate;
        }

        return null;
    }
}
