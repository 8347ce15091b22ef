// Names of parameters in the diffusers and transformers layouts: old spellings, and keys that are stored but mean nothing.

namespace Brushfire.Models.Weights;

internal static class WeightNames
{
    // What the VAE's attention was called before it shared the U-Net's module.
    private static readonly (string Old, string New)[] s_vaeAttention = [("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")];

    // Buffers, training losses and parts that these models' inference does not use.
    private static readonly string[] s_meaningless = ["position_ids", "logit_scale", "text_projection", "attn_mask"];

    /// <summary>The key as today's files have it.</summary>
    public static string Modern(string key)
    {
        int attention = key.IndexOf("mid_block.attentions.", StringComparison.Ordinal);
        if (attention < 0) return key;
        string[] parts = key.Split('.');
        foreach ((string old, string today) in s_vaeAttention)
        {
            if (parts[^2] == old) return string.Join('.', [.. parts[..^2], today, parts[^1]]);
        }

        return key;
    }

    /// <summary>True for keys that are no loss when nobody takes them.</summary>
    public static bool IsMeaningless(string key) =>
        s_meaningless.Any(name => key.Split('.').Contains(name, StringComparer.Ordinal));
}
