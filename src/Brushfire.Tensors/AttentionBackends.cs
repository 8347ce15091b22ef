// Which attention kernels a thread may use: all, unless a caller allows only some. Of the allowed ones the sizes decide.

using Brushfire.Kernels;

namespace Brushfire.Tensors;

public static class AttentionBackends
{
    // After the best: what keeps no scores in memory first.
    private static readonly AttentionBackend[] s_preference = [AttentionBackend.Flash, AttentionBackend.MemoryEfficient, AttentionBackend.Math];

    [ThreadStatic] private static AttentionBackend[]? t_allowed;

    /// <summary>Allows only these kernels on this thread until the result is disposed of.</summary>
    /// <exception cref="BrushfireException">None is named.</exception>
    public static IDisposable Allow(params AttentionBackend[] backends)
    {
        if (backends.Length == 0) throw new BrushfireException("Attention needs at least one allowed backend.");
        var previous = new Restore(t_allowed);
        t_allowed = [.. backends];
        return previous;
    }

    /// <summary>The kernel to use: the best for these sizes if it is allowed, else an allowed one that can serve them.</summary>
    /// <exception cref="BrushfireException">No allowed kernel can; says why and which one could.</exception>
    internal static AttentionBackend Choose(in AttentionSizes sizes)
    {
        AttentionBackend best = AttentionChoice.Best(sizes);
        if (t_allowed is null || t_allowed.Contains(best)) return best;
        var refusals = new List<string>();
        foreach (AttentionBackend backend in s_preference)
        {
            if (!t_allowed.Contains(backend)) continue;
            if (AttentionChoice.Refusal(backend, sizes) is not { } refusal) return backend;
            refusals.Add(refusal);
        }

        throw new BrushfireException($"No allowed backend can serve attention of {sizes}: {string.Join("; ", refusals)}. Allow {best} as well.");
    }

    private sealed class Restore(AttentionBackend[]? previous) : IDisposable
    {
        public void Dispose() => t_allowed = previous;
    }
}
