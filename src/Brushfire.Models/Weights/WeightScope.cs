// Where a model takes its parameters from, by key: a scope is a place in the tree of keys (scope["down_blocks"]["0"]) of a
// weight file or of weights by formula. Every key is taken once; what nobody took is reported. Values are loaded, and
// converted to float32, when they are first used.

using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

/// <summary>The parameters below a prefix of a component's keys.</summary>
public sealed class WeightScope
{
    private readonly Source _source;
    private readonly string _prefix;

    private WeightScope(Source source, string prefix) => (_source, _prefix) = (source, prefix);

    /// <summary>All keys of a file.</summary>
    public static WeightScope Of(WeightFile file) => Of(file.Entries, file.Path);

    /// <summary>Entries under the names that models ask for; <paramref name="name"/> (a path) stands for them in errors.</summary>
    public static WeightScope Of(IReadOnlyDictionary<string, WeightEntry> entries, string name)
    {
        var modern = new Dictionary<string, WeightEntry>(entries.Count, StringComparer.Ordinal);
        foreach ((string key, WeightEntry entry) in entries)
        {
            if (!modern.TryAdd(WeightNames.Modern(key), entry)) throw new BrushfireException($"{name} has '{WeightNames.Modern(key)}' under its old and under its new name.");
        }

        return new WeightScope(new Source(name, modern, null), "");
    }

    /// <summary>Weights by formula: every key exists, in every shape. <paramref name="prefix"/> is put before each name.</summary>
    public static WeightScope Formula(string prefix = "") => new(new Source("weights by formula", null, prefix), "");

    /// <summary>The scope one name (or several, with dots) further down.</summary>
    public WeightScope this[string name] => new(_source, Key(name) + ".");

    /// <summary>The file's path, or what the weights come from.</summary>
    public string Name => _source.Name;

    /// <summary>The place in the tree of keys, such as down_blocks.0.resnets.1; empty at the top.</summary>
    public string Path => _prefix.TrimEnd('.');

    /// <summary>True where a file has this key and nobody took it yet, and always for weights by formula.</summary>
    public bool Has(string name) => _source.Entries is not { } entries || (entries.ContainsKey(Key(name)) && !_source.Taken.Contains(Key(name)));

    /// <summary>The parameter, float32; loaded at first use.</summary>
    /// <exception cref="BrushfireException">The key is missing, was taken before, or has another shape.</exception>
    public Tensor Take(string name, Shape shape)
    {
        string key = Key(name);
        Func<Tensor> load = Loader(key, shape);
        if (!_source.Taken.Add(key)) throw new BrushfireException($"{_source.Name}: the key '{key}' is taken twice; two modules would share it.");
        _source.TakenElements += shape.Count;
        return Parameter.Create(key, shape, load);
    }

    /// <summary>Elements of all parameters that were taken from this component's weights, through any scope.</summary>
    public long TakenElements => _source.TakenElements;

    /// <summary>Keys below this scope that nobody took and that mean something, in order.</summary>
    public IReadOnlyList<string> Unused =>
        [.. (_source.Entries?.Keys ?? []).Where(key => key.StartsWith(_prefix, StringComparison.Ordinal) && !_source.Taken.Contains(key) && !WeightNames.IsMeaningless(key)).Order(StringComparer.Ordinal)];

    private string Key(string name) => _prefix + name;

    private Func<Tensor> Loader(string key, Shape shape)
    {
        if (_source.Entries is not { } entries) return () => FormulaWeights.Create(_source.FormulaPrefix + key, shape);
        if (!entries.TryGetValue(key, out WeightEntry? entry)) throw new BrushfireException($"{_source.Name} has no '{key}' of the shape {shape}{Nearest(entries, key)}.");
        string stored = entry.Key == key ? "" : $" (in the file '{entry.Key}')";
        if (!WeightShapes.EqualButForTrailingOnes(shape, entry.Spec.Shape))
            throw new BrushfireException($"{_source.Name}: '{key}'{stored} is {entry.Spec}, but the model's configuration asks for the shape {shape}; do the weights belong to this configuration?");
        return entry.Load;
    }

    // What a missing key's scope does have tells a wrong prefix from a file of another model.
    private string Nearest(IReadOnlyDictionary<string, WeightEntry> entries, string key)
    {
        string[] siblings = [.. entries.Keys.Where(other => other.StartsWith(_prefix, StringComparison.Ordinal) && other != key).Order(StringComparer.Ordinal).Take(3)];
        return siblings.Length > 0 ? $"; below '{_prefix}' it has {string.Join(", ", siblings)}, …" : $"; it has nothing below '{_prefix}'";
    }

    private sealed record Source(string Name, IReadOnlyDictionary<string, WeightEntry>? Entries, string? FormulaPrefix)
    {
        public HashSet<string> Taken { get; } = new(StringComparer.Ordinal);
        public long TakenElements { get; set; }
    }
}
