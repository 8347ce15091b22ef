// The names of single-file (LDM) checkpoints of SD1.x and SD2.x, translated to the diffusers names that models ask for.
// An LDM U-Net is one list of input blocks, a middle, and one list of output blocks; diffusers nests blocks and layers.
// Translation follows that structure, which is told from the keys themselves.

using System.Globalization;

namespace Brushfire.Models.Weights;

/// <summary>A part of a checkpoint's tensor that becomes a parameter: all of it, a third of its rows, or its transpose.</summary>
internal enum LdmPart { Whole, FirstThird, SecondThird, LastThird, Transposed }

/// <summary>The component ("unet", "vae", "text_encoder") and diffusers key that a tensor goes to.</summary>
internal readonly record struct LdmTarget(string Component, string Key, LdmPart Part = LdmPart.Whole);

internal sealed class LdmNames
{
    public const string UNet = "model.diffusion_model.";
    public const string Vae = "first_stage_model.";
    public const string Clip = "cond_stage_model.transformer.";
    public const string OpenClip = "cond_stage_model.model.";
    private const string Ema = "model_ema.";

    // Tables of the noise schedule, stored as buffers.
    private static readonly HashSet<string> s_schedule = new(StringComparer.Ordinal)
    {
        "betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod", "posterior_variance", "posterior_log_variance_clipped", "posterior_mean_coef1",
        "posterior_mean_coef2", "lvlb_weights", "logvar", "scale_factor",
    };

    private static readonly (string Ldm, string Diffusers)[] s_unetResnet =
    [
        ("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"), ("out_layers.0", "norm2"), ("out_layers.3", "conv2"), ("skip_connection", "conv_shortcut"),
    ];

    private static readonly (string Ldm, string Diffusers)[] s_unetEnds =
    [
        ("time_embed.0", "time_embedding.linear_1"), ("time_embed.2", "time_embedding.linear_2"), ("input_blocks.0.0", "conv_in"), ("out.0", "conv_norm_out"), ("out.2", "conv_out"),
    ];

    private static readonly (string Ldm, string Diffusers)[] s_vae =
    [
        ("norm_out", "conv_norm_out"), ("mid.block_1", "mid_block.resnets.0"), ("mid.block_2", "mid_block.resnets.1"),
        ("mid.attn_1.norm", "mid_block.attentions.0.group_norm"), ("mid.attn_1.proj_out", "mid_block.attentions.0.to_out.0"),
        ("mid.attn_1.q", "mid_block.attentions.0.to_q"), ("mid.attn_1.k", "mid_block.attentions.0.to_k"), ("mid.attn_1.v", "mid_block.attentions.0.to_v"),
        ("mid.attn_1", "mid_block.attentions.0"),
    ];

    private static readonly (string Ldm, string Diffusers)[] s_openClipLayer =
    [
        ("attn.out_proj", "self_attn.out_proj"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"), ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"),
    ];

    private readonly int _layersPerBlock;
    private readonly int _vaeLevels;
    private readonly int _textLayers;

    /// <param name="keys">All keys of the checkpoint.</param>
    public LdmNames(IReadOnlyCollection<string> keys)
    {
        // The first block ends with a downsampling, at index layers + 1 after the input convolution.
        int[] downsamplings = [.. keys.Where(key => key.StartsWith(UNet + "input_blocks.", StringComparison.Ordinal) && key.EndsWith(".0.op.weight", StringComparison.Ordinal)).Select(key => Number(key, UNet + "input_blocks."))];
        _layersPerBlock = Math.Max(1, downsamplings.Length > 0 ? downsamplings.Min() - 1 : Count(keys, UNet + "input_blocks.") - 1);
        _vaeLevels = Count(keys, Vae + "decoder.up.");
        _textLayers = Count(keys, OpenClip + "transformer.resblocks.");
    }

    /// <summary>The name under which exponential moving averages of a U-Net's tensor are stored.</summary>
    public static string EmaOf(string key) => Ema + key["model.".Length..].Replace(".", "", StringComparison.Ordinal);

    /// <summary>True for keys that inference has no use for: schedule tables, averages, training losses, buffers.</summary>
    public bool IsMeaningless(string key) =>
        s_schedule.Contains(key)
        || key.StartsWith(Ema, StringComparison.Ordinal)
        || key.StartsWith(Vae + "loss.", StringComparison.Ordinal)
        || (key.StartsWith("cond_stage_model.", StringComparison.Ordinal) && WeightNames.IsMeaningless(key))
        || (key.StartsWith(OpenClip + "transformer.resblocks.", StringComparison.Ordinal) && Number(key, OpenClip + "transformer.resblocks.") == _textLayers - 1);

    /// <summary>Where a checkpoint's tensor goes; nowhere when it is meaningless or unknown.</summary>
    public IReadOnlyList<LdmTarget> Translate(string key)
    {
        if (key.StartsWith(UNet, StringComparison.Ordinal)) return One("unet", UNetKey(key[UNet.Length..]));
        if (key.StartsWith(OpenClip + "text_projection", StringComparison.Ordinal)) return [new LdmTarget("text_encoder", "text_projection.weight", LdmPart.Transposed)];
        if (IsMeaningless(key)) return [];
        if (key.StartsWith(Vae, StringComparison.Ordinal)) return One("vae", VaeKey(key[Vae.Length..]));
        if (key.StartsWith(Clip, StringComparison.Ordinal)) return One("text_encoder", key[Clip.Length..]);
        return key.StartsWith(OpenClip, StringComparison.Ordinal) ? OpenClipKeys(key[OpenClip.Length..]) : [];
    }

    private static LdmTarget[] One(string component, string? key) => key is null ? [] : [new LdmTarget(component, key)];

    private string? UNetKey(string key)
    {
        if (Rename(key, s_unetEnds) is { } end) return end;
        if (key.Split('.', 3) is ["middle_block", var middle, var middleRest]) return Middle(middle, middleRest);
        string[] parts = key.Split('.', 4);
        if (parts is not [("input_blocks" or "output_blocks") and var side, _, _, var rest] || !TryNumber(parts[1], out int index) || !TryNumber(parts[2], out int part)) return null;

        bool down = side == "input_blocks";
        int position = down ? index - 1 : index;
        if (position < 0) return null;
        (int block, int layer) = Math.DivRem(position, _layersPerBlock + 1);
        string name = $"{(down ? "down" : "up")}_blocks.{block}.";
        if (down && rest.StartsWith("op.", StringComparison.Ordinal)) return $"{name}downsamplers.0.conv.{rest["op.".Length..]}";
        if (part == 0) return Rename(rest, s_unetResnet) is { } resnet ? $"{name}resnets.{layer}.{resnet}" : null;
        return !down && rest.StartsWith("conv.", StringComparison.Ordinal) ? $"{name}upsamplers.0.{rest}" : $"{name}attentions.{layer}.{rest}";
    }

    // Residual block, transformer, residual block.
    private static string? Middle(string part, string rest) => part switch
    {
        "0" or "2" => Rename(rest, s_unetResnet) is { } resnet ? $"mid_block.resnets.{(part == "0" ? 0 : 1)}.{resnet}" : null,
        "1" => "mid_block.attentions.0." + rest,
        _ => null,
    };

    private string? VaeKey(string key)
    {
        string[] parts = key.Split('.', 3);
        if (parts[0] is "quant_conv" or "post_quant_conv") return key;
        if (parts is not [("encoder" or "decoder") and var side, _, _]) return null;
        string inner = key[(side.Length + 1)..];
        if (parts[1] is "conv_in" or "conv_out") return key;
        if (Rename(inner, s_vae) is { } renamed) return $"{side}.{renamed}";

        // down.LEVEL.block.LAYER.…, up.LEVEL.upsample.conv.…: levels count from the picture's size, in up_blocks from the latents'.
        string[] level = inner.Split('.', 4);
        if (level is not [("down" or "up") and var direction, var number, var kind, var rest] || !TryNumber(number, out int index)) return null;
        string block = direction == "down" ? $"{side}.down_blocks.{index}." : $"{side}.up_blocks.{_vaeLevels - 1 - index}.";
        return kind switch
        {
            "block" => $"{block}resnets.{rest.Replace("nin_shortcut", "conv_shortcut", StringComparison.Ordinal)}",
            "downsample" => $"{block}downsamplers.0.{rest}",
            "upsample" => $"{block}upsamplers.0.{rest}",
            _ => null,
        };
    }

    private static LdmTarget[] OpenClipKeys(string key)
    {
        const string model = "text_model.";
        switch (key)
        {
            case "token_embedding.weight": return One("text_encoder", model + "embeddings.token_embedding.weight");
            case "positional_embedding": return One("text_encoder", model + "embeddings.position_embedding.weight");
            case "ln_final.weight" or "ln_final.bias": return One("text_encoder", model + "final_layer_norm." + key["ln_final.".Length..]);
        }

        if (key.Split('.', 4) is not ["transformer", "resblocks", var layer, var rest]) return [];
        string prefix = $"{model}encoder.layers.{layer}.";
        if (rest is not ("attn.in_proj_weight" or "attn.in_proj_bias")) return One("text_encoder", Rename(rest, s_openClipLayer) is { } name ? prefix + name : null);

        // Query, key and value projections are stored one below the other.
        string kind = rest["attn.in_proj_".Length..];
        return
        [
            new("text_encoder", $"{prefix}self_attn.q_proj.{kind}", LdmPart.FirstThird),
            new("text_encoder", $"{prefix}self_attn.k_proj.{kind}", LdmPart.SecondThird),
            new("text_encoder", $"{prefix}self_attn.v_proj.{kind}", LdmPart.LastThird),
        ];
    }

    // Replaces the first of the names that the key begins with, up to a dot.
    private static string? Rename(string key, (string Ldm, string Diffusers)[] names)
    {
        foreach ((string ldm, string diffusers) in names)
        {
            if (key.StartsWith(ldm, StringComparison.Ordinal) && key.Length > ldm.Length && key[ldm.Length] == '.')
                return (diffusers + key[ldm.Length..]).Replace("nin_shortcut", "conv_shortcut", StringComparison.Ordinal);
        }

        return null;
    }

    // One more than the largest number that follows the prefix.
    private static int Count(IEnumerable<string> keys, string prefix) => keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Select(key => Number(key, prefix)).DefaultIfEmpty(-1).Max() + 1;

    private static int Number(string key, string prefix)
    {
        string rest = key[prefix.Length..];
        int end = rest.IndexOf('.', StringComparison.Ordinal);
        return TryNumber(end < 0 ? rest : rest[..end], out int number) ? number : -1;
    }

    private static bool TryNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number < 10_000;
}
