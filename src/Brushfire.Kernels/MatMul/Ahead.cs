// What a micro-kernel asks for on its way, evenly spread over its loop: all lines at once would wait for each other, and the
// products for them.

namespace Brushfire.Kernels;

/// <summary>Memory that comes into the second-level cache: what the next tiles read of B, and, where <paramref name="a"/> is not null, what will be packed of A. Hints only.</summary>
internal readonly unsafe struct Ahead(byte* b, int bBytes, byte* a = null, int aBytes = 0)
{
    public bool IsEmpty => bBytes == 0;

    /// <summary>The lines to ask for in a loop of so many steps; those of A stand still where there is none.</summary>
    public AheadLines Over(int steps) => new() { B = b, BStep = Blocks.Count(bBytes, steps), A = a == null ? b : a, AStep = Blocks.Count(aBytes, steps) };
}

/// <summary>The next line of each stretch, and how far they are from step to step.</summary>
internal unsafe struct AheadLines
{
    public byte* B, A;
    public nint BStep, AStep;

    /// <summary>A line that is there anyway.</summary>
    public static AheadLines None(void* line) => new() { B = (byte*)line, A = (byte*)line };
}
