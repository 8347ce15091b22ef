// What a micro-kernel asks for on its way, evenly spread over its loop: all lines at once would wait for each other, and the
// products for them.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>Memory that comes into the second-level cache: what the next tiles read of B, and, where <paramref name="a"/> is not null, what will be read of A. Hints only.</summary>
internal readonly unsafe struct Ahead(byte* b, int bBytes, byte* a = null, int aBytes = 0)
{
    public bool IsEmpty => bBytes == 0;

    /// <summary>The steps of a loop from one line of B to the next: asked for more often, a line takes a turn of the cache each time.</summary>
    public int StepsBetween(int steps) => Math.Max(1, CacheLines.Bytes * steps / bBytes);

    /// <summary>The lines to ask for in a loop of so many steps, after each so many; those of A stand still where there is none.</summary>
    public AheadLines Over(int steps, int every) => new()
    {
        B = b,
        A = a == null ? b : a,
        BStep = every > 1 ? CacheLines.Bytes : Blocks.Count(bBytes, steps),
        AStep = a == null ? 0 : Blocks.Count(aBytes * every, steps),
        Every = every,
    };
}

/// <summary>The next line of each stretch, how far they are from time to time, and how many steps of the loop lie between.</summary>
internal unsafe struct AheadLines
{
    public byte* B, A;
    public nint BStep, AStep;
    public int Every;

    /// <summary>Asks for a line of both stretches and goes on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Ask()
    {
        CacheLines.PrefetchSecond(B);
        CacheLines.PrefetchSecond(A);
        B += BStep;
        A += AStep;
    }

    /// <summary>A line that is there anyway.</summary>
    public static AheadLines None(void* line) => new() { B = (byte*)line, A = (byte*)line, Every = int.MaxValue };
}
