// The diffusers folder layout: model_index.json names the components; each has a folder with its configuration and,
// where it has weights, a file under one of the usual names, in one piece or in shards.

using System.Text.Json;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Catalog;

internal static class ModelFolder
{
    private const string Index = "model_index.json";

    /// <summary>Names of a component's configuration, in the order in which they are looked for.</summary>
    public static IReadOnlyList<string> ConfigNames { get; } = ["config.json", "scheduler_config.json", "tokenizer_config.json", "preprocessor_config.json"];

    // Classes whose components have no weights end with these.
    private static readonly string[] s_withoutWeights = ["Scheduler", "Tokenizer", "TokenizerFast", "Processor", "FeatureExtractor"];

    /// <summary>Names of weight files, the most wanted first: safetensors before pickles, the main file before variants, and
    /// the weights without averaging only where there are no others.</summary>
    public static IReadOnlyList<string> WeightFileNames { get; } =
    [
        .. from ending in (string[])["safetensors", "bin"]
           from variant in (string[])["", ".fp16", ".bf16", ".non_ema", ".fp16.non_ema"]
           from stem in ending == "bin" ? (string[])["diffusion_pytorch_model", "pytorch_model"] : ["diffusion_pytorch_model", "model"]
           from name in (string[])[$"{stem}{variant}.{ending}", $"{stem}.{ending}.index{variant}.json"]
           select name,
    ];

    public static ModelSource Open(string path)
    {
        string indexPath = Path.Combine(path, Index);
        if (!File.Exists(indexPath)) throw new BrushfireException($"{path} is no model folder: it has no {Index}. Name the folder that holds it, or a single-file checkpoint.");
        ConfigReader index = ConfigReader.Open(indexPath);
        var components = new List<ModelComponent>();
        foreach (string name in index.Keys)
        {
            // Settings of the pipeline lie between the components, each [library, class]; an absent one is [null, null].
            if (!index.TryGet(name, out JsonElement value) || value.ValueKind != JsonValueKind.Array || name.StartsWith('_')) continue;
            JsonElement[] pair = [.. value.EnumerateArray()];
            if (pair is not [{ ValueKind: JsonValueKind.String }, { ValueKind: JsonValueKind.String } className]) continue;
            // A folder may be missing: published models are often fetched without the parts that a program does not need.
            components.Add(Component(path, indexPath, name, className.GetString()!));
        }

        return components.Count > 0
            ? new ModelSource(path, $"diffusers folder ({index.String("_class_name", "no class named")})", components)
            : throw new BrushfireException($"{indexPath} names no components.");
    }

    private static ModelComponent Component(string model, string indexPath, string name, string className)
    {
        if (!PlainName.IsPlain(name)) throw new BrushfireException($"{indexPath} names the component '{name}'; components must be folders beside it.");
        string folder = Path.Combine(model, name);
        string? configName = ConfigNames.FirstOrDefault(file => File.Exists(Path.Combine(folder, file)));
        ConfigReader? config = configName is null ? null : ConfigReader.Open(Path.Combine(folder, configName));
        bool hasWeights = !s_withoutWeights.Any(ending => className.EndsWith(ending, StringComparison.Ordinal));
        return new ModelComponent(name, model, className, folder, config, hasWeights ? () => OpenWeights(folder) : null);
    }

    private static WeightScope OpenWeights(string folder)
    {
        string? file = WeightFileNames.FirstOrDefault(name => File.Exists(Path.Combine(folder, name)));
        return file is null
            ? throw new BrushfireException($"{folder} has no weights: none of {string.Join(", ", WeightFileNames)} is there.")
            : WeightScope.Of(WeightFile.Open(Path.Combine(folder, file)));
    }
}
