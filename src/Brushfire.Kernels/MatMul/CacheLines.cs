// Asks for memory before it is needed. Hints only: nothing is read, so addresses may lie beyond what is there.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Brushfire.Kernels;

public static unsafe class CacheLines
{
    private const int Bytes = 64;

    /// <summary>Brings rows of <paramref name="length"/> numbers, <paramref name="rowStride"/> elements apart, into the nearest cache.</summary>
    public static void Prefetch(float* rows, nint rowStride, nint count, int length)
    {
        if (!Sse.IsSupported) return;
        for (; count > 0; count--, rows += rowStride)
            for (int i = 0; i < length; i += Bytes / sizeof(float)) Sse.Prefetch0(rows + i);
    }

    /// <summary>Brings the line of an address into the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void PrefetchSecond(byte* address)
    {
        if (Sse.IsSupported) Sse.Prefetch1(address);
    }
}
