// A model's JSON configuration with typed getters: a value that is missing or null is the default, one of another type
// or outside of the sane range is an error that names file and key. Readers of U-Net, VAE, CLIP and schedule
// configurations are written with it.

using System.Text.Json;
using System.Text.Json.Nodes;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

/// <summary>A JSON object with typed access. Values of an override lie over those of the file.</summary>
public sealed class ConfigReader
{
    private const int MaxBytes = 64 << 20;

    private readonly JsonElement _root;
    private readonly ConfigReader? _below;

    private ConfigReader(JsonElement root, string name, ConfigReader? below)
    {
        _root = root;
        Name = name;
        _below = below;
    }

    /// <summary>The file's path, or what the configuration was told from; begins every error.</summary>
    public string Name { get; }

    /// <exception cref="BrushfireException">The file cannot be read or is not one JSON object.</exception>
    public static ConfigReader Open(string path)
    {
        MappedFile file = MappedFile.Open(path);
        if (file.Length > MaxBytes) throw new BrushfireException($"{path} has {file.Length} bytes, too many for a JSON file of settings (at most {MaxBytes}).");
        byte[] bytes = file.Slice(0, (int)file.Length).ToArray();
        GC.KeepAlive(file);
        return Parse(bytes, path);
    }

    /// <summary>Reads a JSON text; <paramref name="name"/> stands for the file in errors.</summary>
    public static ConfigReader Parse(string json, string name) => Parse(System.Text.Encoding.UTF8.GetBytes(json), name);

    private static ConfigReader Parse(byte[] bytes, string name)
    {
        ReadOnlyMemory<byte> json = bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsMemory(3) : bytes;
        try
        {
            using JsonDocument document = JsonDocument.Parse(WithoutInfinities(json.Span));
            CheckText(document.RootElement);
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new BrushfireException($"{name} holds a JSON {document.RootElement.ValueKind}, not an object of settings.");
            return new ConfigReader(document.RootElement.Clone(), name, null);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new BrushfireException($"{name} is not valid JSON: {exception.Message}", exception);
        }
    }

    /// <summary>The same settings with those of <paramref name="overrides"/> in front.</summary>
    public ConfigReader With(ConfigReader overrides) => new(overrides._root, overrides.Name, _below is null ? this : new ConfigReader(_root, Name, _below));

    /// <summary>The names of all settings.</summary>
    public IEnumerable<string> Keys => _root.EnumerateObject().Select(property => property.Name).Union(_below?.Keys ?? [], StringComparer.Ordinal);

    /// <summary>All settings that have a value, as one JSON object.</summary>
    public JsonObject ToJson() => new(
        from key in Keys
        where Has(key)
        select KeyValuePair.Create(key, TryGet(key, out JsonElement value) ? JsonNode.Parse(value.GetRawText()) : null));

    /// <summary>True where the key has a value other than null.</summary>
    public bool Has(string key) => TryGet(key, out _);

    /// <summary>True where the setting is missing, null or false.</summary>
    public bool IsOff(string key) => !TryGet(key, out JsonElement value) || value.ValueKind == JsonValueKind.False;

    /// <summary>The value as the file has it, for messages; cut where it is long.</summary>
    public string Raw(string key) => TryGet(key, out JsonElement value) ? Short(value) : "null";

    public int Int(string key, int? defaultValue = null, int min = 0, int max = 1_000_000) =>
        TryGet(key, out JsonElement value) ? ToInt(value, key, min, max) : defaultValue ?? throw Missing(key, "a whole number");

    public double Double(string key, double? defaultValue = null, double min = -1e12, double max = 1e12)
    {
        if (!TryGet(key, out JsonElement value)) return defaultValue ?? throw Missing(key, "a number");
        if (value.ValueKind != JsonValueKind.Number) throw Wrong(key, value, "a number");
        double number = value.GetDouble();
        return number >= min && number <= max ? number : throw Wrong(key, value, $"a number from {min} to {max}");
    }

    public bool Bool(string key, bool? defaultValue = null)
    {
        if (!TryGet(key, out JsonElement value)) return defaultValue ?? throw Missing(key, "true or false");
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, value, "true or false");
    }

    public string String(string key, string? defaultValue = null)
    {
        if (!TryGet(key, out JsonElement value)) return defaultValue ?? throw Missing(key, "a text");
        return ToText(value, key);
    }

    public int[] Ints(string key, int[]? defaultValue = null, int min = 0, int max = 1_000_000)
    {
        if (!TryGet(key, out JsonElement value)) return defaultValue ?? throw Missing(key, "a list of whole numbers");
        return Items(value, key, "a list of whole numbers", item => ToInt(item, key, min, max));
    }

    public double[] Doubles(string key) =>
        TryGet(key, out JsonElement value)
            ? Items(value, key, "a list of numbers", item => item.ValueKind == JsonValueKind.Number ? item.GetDouble() : throw Wrong(key, item, "a list of numbers"))
            : throw Missing(key, "a list of numbers");

    public string[] Strings(string key, string[]? defaultValue = null)
    {
        if (!TryGet(key, out JsonElement value)) return defaultValue ?? throw Missing(key, "a list of texts");
        return Items(value, key, "a list of texts", item => ToText(item, key));
    }

    /// <summary>A list of <paramref name="count"/> numbers; one number in the file stands for all of them.</summary>
    public int[] IntOrList(string key, int count, int? defaultValue = null, int min = 0, int max = 1_000_000)
    {
        if (TryGet(key, out JsonElement value) && value.ValueKind == JsonValueKind.Array)
        {
            int[] list = Ints(key, null, min, max);
            return list.Length == count ? list : throw Wrong(key, value, $"one number or a list of {count}");
        }

        int[] numbers = new int[count];
        Array.Fill(numbers, Int(key, defaultValue, min, max));
        return numbers;
    }

    /// <summary>The error for a value that a model cannot be made with; names file and key.</summary>
    public BrushfireException Error(string key, string problem) => new($"{NameOf(key)}: '{key}': {problem}.");

    internal bool TryGet(string key, out JsonElement value)
    {
        if (_root.TryGetProperty(key, out value)) return value.ValueKind != JsonValueKind.Null;
        return _below is not null && _below.TryGet(key, out value);
    }

    private int ToInt(JsonElement value, string key, int min, int max)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number) || number != Math.Floor(number)) throw Wrong(key, value, "a whole number");
        return number >= min && number <= max ? (int)number : throw Wrong(key, value, $"a whole number from {min} to {max}");
    }

    private string ToText(JsonElement value, string key) => value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(key, value, "a text");

    private T[] Items<T>(JsonElement value, string key, string expected, Func<JsonElement, T> read)
    {
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(key, value, expected);
        var items = new T[value.GetArrayLength()];
        for (int i = 0; i < items.Length; i++) items[i] = read(value[i]);
        return items;
    }

    // Malformed escapes pass the parser and fail when a text is read: read all of them once.
    private static void CheckText(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.String) element.GetString();
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray()) CheckText(item);
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in element.EnumerateObject())
            {
                _ = property.Name;
                CheckText(property.Value);
            }
        }
    }

    private BrushfireException Missing(string key, string expected) => new($"{NameOf(key)} has no '{key}'; it should be {expected}.");

    private BrushfireException Wrong(string key, JsonElement value, string expected) => new($"{NameOf(key)}: '{key}' should be {expected}, not {Short(value)}.");

    private static string Short(JsonElement value)
    {
        string text = value.GetRawText();
        return text.Length > 60 ? text[..60] + "…" : text;
    }

    // Python writes infinities and NaN, which are not JSON, as bare words: read as null. Published schedulers have such settings.
    private static byte[] WithoutInfinities(ReadOnlySpan<byte> json)
    {
        var output = new List<byte>(json.Length);
        bool inText = false;
        for (int i = 0; i < json.Length; i++)
        {
            if (json[i] == '"' && !(inText && IsEscaped(json, i))) inText = !inText;
            int word = inText ? 0 : json[i..].StartsWith("-Infinity"u8) ? 9 : json[i..].StartsWith("Infinity"u8) ? 8 : json[i..].StartsWith("NaN"u8) ? 3 : 0;
            if (word == 0) output.Add(json[i]);
            else output.AddRange("null"u8);
            i += Math.Max(0, word - 1);
        }

        return [.. output];
    }

    // True where an odd number of backslashes stands before the quote.
    private static bool IsEscaped(ReadOnlySpan<byte> json, int quote)
    {
        int start = quote;
        while (start > 0 && json[start - 1] == '\\') start--;
        return (quote - start) % 2 == 1;
    }

    // The reader that has the key; the lowest one where none has it.
    private string NameOf(string key) => _below is null || _root.TryGetProperty(key, out _) ? Name : _below.NameOf(key);
}
