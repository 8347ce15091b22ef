// The layout of a conditional U-Net, as its config.json tells it; what the file leaves out is diffusers' default.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.UNet;

/// <summary>One level of the U-Net, from the widest picture to the narrowest.</summary>
/// <param name="Channels">Channels after the level's first block.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="TransformerLayers">Transformer layers in each of the level's transformers.</param>
/// <param name="AttendsDown">Whether the down block has transformers.</param>
/// <param name="AttendsUp">Whether the up block has transformers.</param>
public sealed record UNetLevel(int Channels, int Heads, int TransformerLayers, bool AttendsDown, bool AttendsUp);

public sealed record UNetConfig
{
    public required int InputChannels { get; init; }
    public required int OutputChannels { get; init; }

    /// <summary>Height and width of the latents that the network was trained with.</summary>
    public required int SampleSize { get; init; }
    public required int LayersPerBlock { get; init; }
    public required int ContextChannels { get; init; }
    public required int NormGroups { get; init; }
    public required float NormEpsilon { get; init; }
    public required bool CosinesFirst { get; init; }
    public required int FrequencyShift { get; init; }
    public required bool MidBlockAttends { get; init; }
    public required IReadOnlyList<UNetLevel> Levels { get; init; }

    /// <summary>For SDXL's text-time conditions: channels of the embedding of each time id, else null.</summary>
    public required int? AdditionTimeChannels { get; init; }

    /// <summary>For SDXL's text-time conditions: channels of the text embedding and all time ids together, else null.</summary>
    public required int? AdditionInputChannels { get; init; }

    /// <summary>Channels of the time embedding.</summary>
    public int TimeChannels => 4 * Levels[0].Channels;

    /// <exception cref="BrushfireException">A value is missing, contradicts another, or is not supported.</exception>
    public static UNetConfig Read(ConfigReader config)
    {
        RefuseUnsupported(config);
        bool textTime = config.String("addition_embed_type", "") == "text_time";
        return new UNetConfig
        {
            InputChannels = config.Int("in_channels", 4, 1, 4096),
            OutputChannels = config.Int("out_channels", 4, 1, 4096),
            SampleSize = config.Int("sample_size", 64, 1, 1 << 16),
            LayersPerBlock = config.Int("layers_per_block", 2, 1, 64),
            ContextChannels = config.Int("cross_attention_dim", 1280, 1, 1 << 16),
            NormGroups = config.Int("norm_num_groups", 32, 1, 4096),
            NormEpsilon = (float)config.Double("norm_eps", 1e-5),
            CosinesFirst = config.Bool("flip_sin_to_cos", true),
            FrequencyShift = config.Int("freq_shift", 0, 0, 1),
            MidBlockAttends = config.String("mid_block_type", "UNetMidBlock2DCrossAttn") == "UNetMidBlock2DCrossAttn",
            Levels = ReadLevels(config),
            AdditionTimeChannels = textTime ? config.Int("addition_time_embed_dim", 256, 1, 1 << 16) : null,
            AdditionInputChannels = textTime ? config.Int("projection_class_embeddings_input_dim", 2816, 1, 1 << 20) : null,
        };
    }

    private static UNetLevel[] ReadLevels(ConfigReader config)
    {
        int[] channels = config.Ints("block_out_channels", [320, 640, 1280, 1280]);
        string[] down = config.Strings("down_block_types", ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]);
        string[] up = config.Strings("up_block_types", ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]);
        int levels = channels.Length;
        if (levels is 0 or > 16 || down.Length != levels || up.Length != levels)
            throw config.Error("block_out_channels", $"{levels} levels, {down.Length} down blocks and {up.Length} up blocks do not make a U-Net; all three must have the same length of 1 to 16");

        // An old mistake that became the format: attention_head_dim is the number of heads.
        int[] heads = config.IntOrList(config.Has("num_attention_heads") ? "num_attention_heads" : "attention_head_dim", levels, 8);
        int[] layers = config.IntOrList("transformer_layers_per_block", levels, 1);
        int groups = config.Int("norm_num_groups", 32, 1, 4096);
        var result = new UNetLevel[levels];
        for (int i = 0; i < levels; i++)
        {
            if (channels[i] is < 1 or > 1 << 16 || channels[i] % groups != 0) throw config.Error("block_out_channels", $"{channels[i]} channels cannot be cut into {groups} groups");
            if (heads[i] < 1 || channels[i] % heads[i] != 0) throw config.Error("attention_head_dim", $"{channels[i]} channels cannot be cut into {heads[i]} heads");
            if (layers[i] is < 1 or > 64) throw config.Error("transformer_layers_per_block", $"{layers[i]} layers are not supported; 1 to 64 are");
            result[i] = new UNetLevel(channels[i], heads[i], layers[i], Attends(config, "down_block_types", down[i], "DownBlock2D"), Attends(config, "up_block_types", up[levels - 1 - i], "UpBlock2D"));
        }

        return result;
    }

    private static bool Attends(ConfigReader config, string key, string type, string plain) =>
        type == "CrossAttn" + plain || (type == plain ? false : throw config.Error(key, $"the block '{type}' is not supported; {plain} and CrossAttn{plain} are"));

    private static void RefuseUnsupported(ConfigReader config)
    {
        foreach ((string key, string supported) in new[] { ("act_fn", "silu"), ("resnet_time_scale_shift", "default"), ("time_embedding_type", "positional"), ("attention_type", "default") })
            if (config.String(key, supported) is var value && value != supported) throw config.Error(key, $"'{value}' is not supported; '{supported}' is");
        foreach (string key in new[] { "dual_cross_attention", "only_cross_attention", "class_embeddings_concat", "resnet_skip_time_act", "center_input_sample" })
            if (config.Bool(key, false)) throw config.Error(key, "true is not supported");
        foreach (string key in new[] { "class_embed_type", "num_class_embeds", "encoder_hid_dim", "encoder_hid_dim_type", "time_cond_proj_dim", "timestep_post_act", "time_embedding_act_fn", "cross_attention_norm", "reverse_transformer_layers_per_block" })
            if (config.Has(key)) throw config.Error(key, "is not supported; only null is");
        if (config.String("addition_embed_type", "text_time") != "text_time") throw config.Error("addition_embed_type", "only null and 'text_time' are supported");
        if (config.String("mid_block_type", "UNetMidBlock2DCrossAttn") is not ("UNetMidBlock2DCrossAttn" or "UNetMidBlock2D")) throw config.Error("mid_block_type", "only UNetMidBlock2DCrossAttn and UNetMidBlock2D are supported");
    }
}
