// What the launches of compiled programs take, for whoever asks on the calling thread.

using Brushfire.Kernels;

namespace Brushfire.Compiler.Diagnostics;

/// <summary>What a launch runs: a product with what was fused into it, fused attention, a generated loop, another op's own kernel, a copy, or nodes one by one.</summary>
public enum LaunchKind { Contraction, Attention, Pointwise, Reduction, Library, Copy, Interpreted }

/// <param name="Name">Of the kernel without its hash, or of the op.</param>
public readonly record struct LaunchTime(LaunchKind Kind, string Name, TimeSpan Time);

public static class LaunchTimes
{
    [ThreadStatic] private static List<LaunchTime>? t_current;

    internal static List<LaunchTime>? Current => t_current;

    /// <summary>Adds every launch of this thread's calls to <paramref name="times"/> until the result is disposed of.</summary>
    public static IDisposable Note(List<LaunchTime> times)
    {
        List<LaunchTime>? previous = t_current;
        t_current = times;
        return new Restore(() => t_current = previous);
    }
}
