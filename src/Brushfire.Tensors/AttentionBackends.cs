// Which attention kernels a thread may use: all, unless a caller allows only some. Of the allowed ones the sizes decide.

using Brushfire.Kernels;
using Brushfire.Tensors.Execution;

namespace Brushfire.Tensors;

public static class AttentionBackends
{
    // After the best: what keeps no scores in memory first.
    private static readonly AttentionBackend[] s_preference = [AttentionBackend.Flash, AttentionBackend.MemoryEfficient, AttentionBackend.Math];

    private static readonly Setting<Allowed> s_allowed = new("attention backends", new Allowed(~0));

    /// <summary>Allows only these kernels on this thread until the result is disposed of.</summary>
    /// <exception cref="BrushfireException">None is named.</exception>
    public static IDisposable Allow(params AttentionBackend[] backends) => backends.Length == 0
        ? throw new BrushfireException("Attention needs at least one allowed backend.")
        : s_allowed.Use(new Allowed(backends.Aggregate(0, (bits, backend) => bits | 1 << (int)backend)));

    /// <summary>The kernel to use: the best for these sizes if it is allowed, else an allowed one that can serve them.</summary>
    /// <exception cref="BrushfireException">No allowed kernel can; says why and which one could.</exception>
    internal static AttentionBackend Choose(in AttentionSizes sizes)
    {
        Allowed allowed = s_allowed.Value;
        AttentionBackend best = AttentionChoice.Best(sizes);
        if (allowed.Has(best)) return best;
        var refusals = new List<string>();
        foreach (AttentionBackend backend in s_preference)
        {
            if (!allowed.Has(backend)) continue;
            if (AttentionChoice.Refusal(backend, sizes) is not { } refusal) return backend;
            refusals.Add(refusal);
        }

        throw new BrushfireException($"No allowed backend can serve attention of {sizes}: {string.Join("; ", refusals)}. Allow {best} as well.");
    }

    private readonly record struct Allowed(int Bits)
    {
        public bool Has(AttentionBackend backend) => (Bits & 1 << (int)backend) != 0;
        public override string ToString() => string.Join(" or ", Enum.GetValues<AttentionBackend>().Where(Has));
    }
}
