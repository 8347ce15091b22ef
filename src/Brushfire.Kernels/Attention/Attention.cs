// Scaled dot-product attention, by one of several kernels that agree to 1e-5. A query whose keys are all hidden gives zeros, as
// torch's scaled_dot_product_attention does.

namespace Brushfire.Kernels;

/// <summary>
/// Math keeps all scores in memory, between two products. MemoryEfficient keeps those of a few queries and keys. Flash does so by wider tiles, and each
/// thread packs the keys and values of a head once.
/// </summary>
public enum AttentionBackend { Math, MemoryEfficient, Flash }

public static class Attention
{
    public static void Run(AttentionBackend backend, in AttentionArguments arguments)
    {
        switch (backend)
        {
            case AttentionBackend.Math: MathAttention.Run(arguments); break;
            case AttentionBackend.MemoryEfficient: MemoryEfficientAttention.Run(arguments); break;
            case AttentionBackend.Flash: FlashAttention.Run(arguments); break;
        }
    }
}
