// A single-file (LDM) checkpoint of SD1.x or SD2.x as the components that pipelines know: entries under diffusers names,
// and the configurations that such a file does not have, told from keys and shapes.
// What weights cannot tell is chosen: 8 heads a level for SD1.x, heads of 64 for SD2.x; SD2.x predicts v at 768x768 (but
// epsilon at 512x512 with the nine channels of in-painting). A JSON file of the same name beside the checkpoint overrides
// the choice: { "prediction_type": "epsilon", "sample_size": 64 } for the SD2.x base models.

using System.Text.Json.Nodes;
using Brushfire.Models.Catalog;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

internal sealed class LdmCheckpoint
{
    private readonly Dictionary<string, Dictionary<string, WeightEntry>> _components = new(StringComparer.Ordinal);
    private readonly WeightFile _file;

    public LdmCheckpoint(WeightFile file, bool useEma)
    {
        _file = file;
        IReadOnlyDictionary<string, WeightEntry> entries = file.Entries;
        if (entries.Keys.Any(key => key.StartsWith("conditioner.embedders.", StringComparison.Ordinal)))
            throw new BrushfireException($"{file.Path} is a checkpoint of SDXL; SD1.x and SD2.x can be read from single files.");
        if (!entries.ContainsKey(LdmNames.UNet + "input_blocks.0.0.weight"))
            throw new BrushfireException($"{file.Path} is not a whole model: it has no '{LdmNames.UNet}input_blocks.0.0.weight' ({entries.Count} keys, such as {string.Join(", ", entries.Keys.Take(3))}). A model is a diffusers folder or a single-file checkpoint of SD1.x or SD2.x.");

        IsSd2 = entries.Keys.Any(key => key.StartsWith(LdmNames.OpenClip, StringComparison.Ordinal));
        var names = new LdmNames([.. entries.Keys]);
        var unknown = new List<string>();
        foreach ((string key, WeightEntry entry) in entries)
        {
            IReadOnlyList<LdmTarget> targets = names.Translate(key);
            if (targets.Count == 0 && !names.IsMeaningless(key)) unknown.Add(key);
            WeightEntry chosen = useEma && key.StartsWith(LdmNames.UNet, StringComparison.Ordinal) ? EmaOf(key) : entry;
            foreach (LdmTarget target in targets)
            {
                if (!Of(target.Component).TryAdd(target.Key, Part(chosen, target.Part)))
                    throw new BrushfireException($"{file.Path}: '{key}' and another key are both '{target.Key}' of {target.Component}.");
            }
        }

        UnknownKeys = unknown;
        Configs = Configure();
    }

    /// <summary>SD2.x (OpenCLIP text encoder) rather than SD1.x.</summary>
    public bool IsSd2 { get; }

    /// <summary>Keys that belong to no component.</summary>
    public IReadOnlyList<string> UnknownKeys { get; }

    /// <summary>Configuration by component: unet, vae, text_encoder, scheduler.</summary>
    public IReadOnlyDictionary<string, ConfigReader> Configs { get; }

    /// <summary>Entries of a component under diffusers names.</summary>
    public IReadOnlyDictionary<string, WeightEntry> Entries(string component) => Of(component);

    private Dictionary<string, WeightEntry> Of(string component)
    {
        if (!_components.TryGetValue(component, out Dictionary<string, WeightEntry>? entries)) _components[component] = entries = new(StringComparer.Ordinal);
        return entries;
    }

    private WeightEntry EmaOf(string key) =>
        _file.Entries.GetValueOrDefault(LdmNames.EmaOf(key)) ?? throw new BrushfireException($"{_file.Path} has no moving average of '{key}' (it would be '{LdmNames.EmaOf(key)}'); open it without averages.");

    private WeightEntry Part(WeightEntry entry, LdmPart part)
    {
        if (part == LdmPart.Whole) return entry;
        Shape shape = entry.Spec.Shape;
        if (part == LdmPart.Transposed)
        {
            if (shape.Rank != 2) throw new BrushfireException($"{_file.Path}: '{entry.Key}' is {entry.Spec}; a matrix was expected.");
            return new WeightEntry(entry.Key, entry.Spec with { Shape = [shape[1], shape[0]] }, () => View(entry, tensor => tensor.Transpose(0, 1)));
        }

        if (shape.Rank is not (1 or 2) || shape[0] % 3 != 0) throw new BrushfireException($"{_file.Path}: '{entry.Key}' is {entry.Spec}; three equal parts of a vector or matrix were expected.");
        int rows = shape[0] / 3;
        int start = rows * (part - LdmPart.FirstThird);
        return new WeightEntry(entry.Key, entry.Spec with { Shape = shape.With(0, rows) }, () => View(entry, tensor => tensor.Slice(0, start, rows)));
    }

    private static Tensor View(WeightEntry entry, Func<Tensor, Tensor> view)
    {
        using Tensor whole = entry.Load();
        return view(whole);
    }

    private Dictionary<string, ConfigReader> Configure()
    {
        JsonObject unet = UNetConfig();
        bool inpainting = unet["in_channels"]!.GetValue<int>() == 9;
        bool predictsV = IsSd2 && !inpainting;
        int sampleSize = predictsV ? 96 : 64;
        unet["sample_size"] = sampleSize;
        var configs = new Dictionary<string, ConfigReader>(StringComparer.Ordinal) { ["unet"] = Read(unet, "U-Net"), ["scheduler"] = FullSizeConfigs.Scheduler(predictsV ? "v_prediction" : "epsilon") };
        if (_components.ContainsKey("vae")) configs["vae"] = Read(VaeConfig(sampleSize), "VAE");
        if (_components.ContainsKey("text_encoder")) configs["text_encoder"] = Read(TextConfig(), "text encoder");

        string overrides = Path.ChangeExtension(_file.Path, ".json");
        if (!File.Exists(overrides)) return configs;
        ConfigReader chosen = ConfigReader.Open(overrides);
        configs["scheduler"] = configs["scheduler"].With(chosen);
        if (chosen.Has("sample_size")) configs["unet"] = configs["unet"].With(chosen);
        return configs;
    }

    private JsonObject UNetConfig()
    {
        IReadOnlyDictionary<string, WeightEntry> entries = Of("unet");
        int levels = 1;
        while (entries.ContainsKey($"down_blocks.{levels - 1}.downsamplers.0.conv.weight")) levels++;
        int[] channels = [.. Enumerable.Range(0, levels).Select(level => Size("unet", $"down_blocks.{level}.resnets.0.conv1.weight", 0))];
        string attention = entries.Keys.Order(StringComparer.Ordinal).FirstOrDefault(key => key.EndsWith(".attentions.0.proj_in.weight", StringComparison.Ordinal)) ?? "attentions.0.proj_in.weight";
        string block = attention[..^"proj_in.weight".Length];
        bool linear = Shape("unet", attention).Rank == 2;
        return new JsonObject
        {
            ["in_channels"] = Size("unet", "conv_in.weight", 1),
            ["out_channels"] = Size("unet", "conv_out.weight", 0),
            ["block_out_channels"] = new JsonArray([.. channels]),
            ["layers_per_block"] = Count(entries, index => $"down_blocks.0.resnets.{index}.conv1.weight"),
            ["cross_attention_dim"] = Size("unet", $"{block}transformer_blocks.0.attn2.to_k.weight", 1),
            ["transformer_layers_per_block"] = Count(entries, index => $"{block}transformer_blocks.{index}.attn2.to_k.weight"),
            ["use_linear_projection"] = linear,
            ["attention_head_dim"] = linear ? new JsonArray([.. channels.Select(count => count / 64)]) : 8,
            ["down_block_types"] = BlockTypes("down", "CrossAttnDownBlock2D", "DownBlock2D"),
            ["up_block_types"] = BlockTypes("up", "CrossAttnUpBlock2D", "UpBlock2D"),
        };

        JsonArray BlockTypes(string direction, string withAttention, string without) =>
            [.. Enumerable.Range(0, levels).Select(level => (JsonNode)(entries.ContainsKey($"{direction}_blocks.{level}.attentions.0.proj_in.weight") ? withAttention : without))];
    }

    private JsonObject VaeConfig(int sampleSize)
    {
        IReadOnlyDictionary<string, WeightEntry> entries = Of("vae");
        int levels = Count(entries, index => $"encoder.down_blocks.{index}.resnets.0.conv1.weight");
        return new JsonObject
        {
            ["in_channels"] = Size("vae", "encoder.conv_in.weight", 1),
            ["out_channels"] = Size("vae", "decoder.conv_out.weight", 0),
            ["latent_channels"] = Size("vae", "decoder.conv_in.weight", 1),
            ["block_out_channels"] = new JsonArray([.. Enumerable.Range(0, levels).Select(level => (JsonNode)Size("vae", $"encoder.down_blocks.{level}.resnets.0.conv1.weight", 0))]),
            ["layers_per_block"] = Count(entries, index => $"encoder.down_blocks.0.resnets.{index}.conv1.weight"),
            ["down_block_types"] = Repeat("DownEncoderBlock2D"),
            ["up_block_types"] = Repeat("UpDecoderBlock2D"),
            ["sample_size"] = sampleSize * 8,
            ["scaling_factor"] = 0.18215,
        };

        JsonArray Repeat(string blockType) => [.. Enumerable.Range(0, levels).Select(_ => (JsonNode)blockType)];
    }

    private JsonObject TextConfig()
    {
        const string embeddings = "text_model.embeddings.";
        IReadOnlyDictionary<string, WeightEntry> entries = Of("text_encoder");
        int vocabulary = Size("text_encoder", embeddings + "token_embedding.weight", 0);
        int width = Size("text_encoder", embeddings + "token_embedding.weight", 1);
        return new JsonObject
        {
            ["vocab_size"] = vocabulary,
            ["hidden_size"] = width,
            ["intermediate_size"] = Size("text_encoder", "text_model.encoder.layers.0.mlp.fc1.weight", 0),
            ["num_hidden_layers"] = Count(entries, index => $"text_model.encoder.layers.{index}.layer_norm1.weight"),
            ["num_attention_heads"] = width / 64,
            ["max_position_embeddings"] = Size("text_encoder", embeddings + "position_embedding.weight", 0),
            ["hidden_act"] = IsSd2 ? "gelu" : "quick_gelu",
            ["projection_dim"] = IsSd2 ? 512 : 768,
            ["bos_token_id"] = vocabulary - 2,
            ["eos_token_id"] = vocabulary - 1,
            ["pad_token_id"] = IsSd2 ? 0 : vocabulary - 1,
        };
    }

    private ConfigReader Read(JsonObject config, string what) => ConfigReader.Parse(config.ToJsonString(), $"{what} configuration told from {_file.Path}");

    private static int Count(IReadOnlyDictionary<string, WeightEntry> entries, Func<int, string> key)
    {
        int count = 0;
        while (entries.ContainsKey(key(count))) count++;
        return count;
    }

    private Shape Shape(string component, string key) =>
        _components.GetValueOrDefault(component)?.GetValueOrDefault(key)?.Spec.Shape ?? throw new BrushfireException($"{_file.Path} is a checkpoint of Stable Diffusion but lacks '{key}' of {component}, from which its configuration is told.");

    private int Size(string component, string key, int axis)
    {
        Shape shape = Shape(component, key);
        return shape.Rank > axis && shape[axis] > 0 ? shape[axis] : throw new BrushfireException($"{_file.Path}: '{key}' of {component} has the shape {shape}, from which no configuration can be told.");
    }
}
