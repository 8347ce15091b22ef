// The layout of a VAE, as its config.json tells it; what the file leaves out is diffusers' default.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Vae;

public sealed record VaeConfig
{
    public const float NormEpsilon = 1e-6f;

    public required int ImageChannels { get; init; }
    public required int LatentChannels { get; init; }

    /// <summary>Channels of each level, from the picture's size to the latents'.</summary>
    public required IReadOnlyList<int> Channels { get; init; }
    public required int LayersPerBlock { get; init; }
    public required int NormGroups { get; init; }

    /// <summary>Latents for the U-Net are the encoder's times this.</summary>
    public required float ScalingFactor { get; init; }
    public required bool MidBlockAttends { get; init; }
    public required bool QuantConvolution { get; init; }
    public required bool PostQuantConvolution { get; init; }

    /// <summary>Height and width of a picture over those of its latents.</summary>
    public int Downsampling => 1 << (Channels.Count - 1);

    /// <exception cref="BrushfireException">A value is missing or not supported.</exception>
    public static VaeConfig Read(ConfigReader config)
    {
        int[] channels = config.Ints("block_out_channels", [64]);
        int groups = config.Int("norm_num_groups", 32, 1, 4096);
        if (channels.Length is 0 or > 16) throw config.Error("block_out_channels", $"{channels.Length} levels are not supported; 1 to 16 are");
        foreach (int count in channels)
            if (count is < 1 or > 1 << 16 || count % groups != 0) throw config.Error("block_out_channels", $"{count} channels cannot be cut into {groups} groups");
        Require(config, "down_block_types", "DownEncoderBlock2D", channels.Length);
        Require(config, "up_block_types", "UpDecoderBlock2D", channels.Length);
        if (config.String("act_fn", "silu") != "silu") throw config.Error("act_fn", "only silu is supported");
        foreach (string key in new[] { "shift_factor", "latents_mean", "latents_std" })
            if (config.Has(key)) throw config.Error(key, "is not supported; only null is");
        if (config.Double("scaling_factor", 0.18215) is var scale && !(scale > 0)) throw config.Error("scaling_factor", $"{scale} is not supported; it must be above 0");
        return new VaeConfig
        {
            ImageChannels = config.Int("in_channels", 3, 1, 64),
            LatentChannels = config.Int("latent_channels", 4, 1, 4096),
            Channels = channels,
            LayersPerBlock = config.Int("layers_per_block", 1, 1, 64),
            NormGroups = groups,
            ScalingFactor = (float)config.Double("scaling_factor", 0.18215),
            MidBlockAttends = config.Bool("mid_block_add_attention", true),
            QuantConvolution = config.Bool("use_quant_conv", true),
            PostQuantConvolution = config.Bool("use_post_quant_conv", true),
        };
    }

    private static void Require(ConfigReader config, string key, string type, int count)
    {
        string[] types = config.Strings(key, [.. Enumerable.Repeat(type, count)]);
        if (types.Length != count || types.Any(other => other != type)) throw config.Error(key, $"must name {type} {count} times, once for each level");
    }
}
