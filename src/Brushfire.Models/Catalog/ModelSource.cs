// What is at a path or under a catalogue name: the components of a model, their configurations, and where their weights
// come from. Before it: what the user named; after it: the modules that pipelines build from it.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Catalog;

/// <summary>A part of a model, such as "unet": its configuration, its folder where it has one, and its weights.</summary>
public sealed class ModelComponent
{
    private readonly ConfigReader? _config;
    private readonly Func<WeightScope>? _weights;
    private readonly string _model;

    internal ModelComponent(string name, string model, string? className, string? folder, ConfigReader? config, Func<WeightScope>? weights) =>
        (Name, _model, ClassName, Folder, _config, _weights) = (name, model, className, folder, config, weights);

    public string Name { get; }

    /// <summary>The class that model_index.json names for it, such as UNet2DConditionModel; null outside of diffusers folders.</summary>
    public string? ClassName { get; }

    /// <summary>The component's folder; null outside of diffusers folders.</summary>
    public string? Folder { get; }

    public bool HasConfig => _config is not null;

    /// <exception cref="BrushfireException">The component has no configuration file.</exception>
    public ConfigReader Config => _config ?? throw new BrushfireException($"{_model}: {Name} has no configuration; {string.Join(", ", ModelFolder.ConfigNames)} were looked for in {Folder}.");

    /// <summary>A new scope over the component's weights, under diffusers names.</summary>
    /// <exception cref="BrushfireException">The component has no weights, or their file cannot be read.</exception>
    public WeightScope OpenWeights() => _weights is { } open ? open() : throw new BrushfireException($"{_model}: {Name} has no weights.");
}

/// <summary>A model: a catalogue entry, a diffusers folder, or a single-file checkpoint.</summary>
public sealed class ModelSource
{
    /// <summary>Names that <see cref="Open"/> takes beside paths: the model that comes with the program, and full-size models with weights by formula.</summary>
    public static IReadOnlyList<string> CatalogueNames { get; } = ["emoji", "sd15", "sd21"];

    internal ModelSource(string name, string kind, IReadOnlyList<ModelComponent> components) => (Name, Kind, Components) = (name, kind, components);

    /// <summary>The catalogue name or path that it was opened by.</summary>
    public string Name { get; }

    /// <summary>What it is, for people.</summary>
    public string Kind { get; }

    public IReadOnlyList<ModelComponent> Components { get; }

    /// <summary>Keys of a single-file checkpoint that belong to no component.</summary>
    public IReadOnlyList<string> UnknownKeys { get; private init; } = [];

    /// <exception cref="BrushfireException">The model has no such component.</exception>
    public ModelComponent this[string component] =>
        Find(component) ?? throw new BrushfireException($"{Name} has no component '{component}'; it has {string.Join(", ", Components.Select(other => other.Name))}.");

    public ModelComponent? Find(string component) => Components.FirstOrDefault(other => other.Name == component);

    /// <summary>Opens a catalogue entry by name, or the folder or checkpoint at a path.</summary>
    /// <param name="nameOrPath">A name of <see cref="CatalogueNames"/>, a folder with model_index.json, or a weight file.</param>
    /// <param name="useEma">Takes the moving averages that a single-file checkpoint has beside the U-Net's weights.</param>
    /// <exception cref="BrushfireException">There is no such model, or it cannot be read.</exception>
    public static ModelSource Open(string nameOrPath, bool useEma = false)
    {
        if (nameOrPath.Length == 0) throw new BrushfireException($"The model has no name; give a folder, a checkpoint, or one of {string.Join(", ", CatalogueNames)}.");
        if (FullSizeConfigs.Find(nameOrPath) is { } configs) return ByFormula(nameOrPath, configs);
        string path = nameOrPath == "emoji" ? Path.Combine(AppContext.BaseDirectory, "models", "emoji") : nameOrPath;
        if (!Directory.Exists(path) && !File.Exists(path))
            throw new BrushfireException($"There is no model '{nameOrPath}': it is neither a folder nor a file ({Path.GetFullPath(path)}), nor one of {string.Join(", ", CatalogueNames)}.");
        if (File.Exists(path)) return SingleFile(path, useEma);
        return useEma ? throw new BrushfireException($"{path} is a diffusers folder, whose weights already are the averages; moving averages beside them exist only in single-file checkpoints.") : ModelFolder.Open(path);
    }

    private static ModelSource ByFormula(string name, IReadOnlyDictionary<string, ConfigReader> configs) =>
        new(name, $"catalogue entry {name} with weights by formula",
            [.. configs.Select(config => new ModelComponent(config.Key, name, null, null, config.Value, config.Key == "scheduler" ? null : () => WeightScope.Formula()))]);

    private static ModelSource SingleFile(string path, bool useEma)
    {
        WeightFile file = WeightFile.Open(path);
        var checkpoint = new LdmCheckpoint(file, useEma);
        return new ModelSource(path, $"single-file checkpoint of SD{(checkpoint.IsSd2 ? 2 : 1)}.x ({file.Format})",
            [.. checkpoint.Configs.Select(config => new ModelComponent(config.Key, path, null, null, config.Value, config.Key == "scheduler" ? null : () => WeightScope.Of(checkpoint.Entries(config.Key), path)))])
        {
            UnknownKeys = checkpoint.UnknownKeys,
        };
    }
}
