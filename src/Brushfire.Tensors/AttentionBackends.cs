// Which attention kernels a thread may use: all, unless a caller allows only some.

using Brushfire.Kernels;

namespace Brushfire.Tensors;

public static class AttentionBackends
{
    [ThreadStatic] private static AttentionBackend[]? t_allowed;

    /// <summary>Allows only these kernels on this thread until the result is disposed of.</summary>
    /// <exception cref="BrushfireException">None is named.</exception>
    public static IDisposable Allow(params AttentionBackend[] backends)
    {
        if (backends.Length == 0) throw new BrushfireException("Attention needs at least one allowed backend.");
        var previous = new Restore(t_allowed);
        t_allowed = backends;
        return previous;
    }

    /// <summary>The kernel to use: one that keeps no scores in memory, where it is allowed.</summary>
    internal static AttentionBackend Choose() =>
        t_allowed is null || t_allowed.Contains(AttentionBackend.MemoryEfficient) ? AttentionBackend.MemoryEfficient : AttentionBackend.Math;

    private sealed class Restore(AttentionBackend[]? previous) : IDisposable
    {
        public void Dispose() => t_allowed = previous;
    }
}
