// Asks for memory before it is needed. Hints only: nothing is read, so addresses may lie beyond what is there.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Brushfire.Kernels;

public static unsafe class CacheLines
{
    /// <summary>Elements ahead of where a loop over memory is, at each of its places, that it asks for.</summary>
    public const int AheadEach = 512;

    internal const int Bytes = 64;

    // What is larger seldom stays in a cache for its reader: the reader's weights and the rest of its inputs pass through it, too.
    private const nint Kept = 4 << 20;

    /// <summary>Whether an output of so many bytes is better written past the caches: its lines need not be read first, and nothing else has to leave.</summary>
    public static bool Exceeds(nint bytes) => bytes >= Kept;

    /// <summary>Whether vectors can be written past the caches at an address and from there on at a stride.</summary>
    public static bool AreAligned<TSimd, TVector>(float* destination, nint stride) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        ((nint)destination | stride * sizeof(float)) % (TSimd.Count / TSimd.Places * sizeof(float)) == 0;

    /// <summary>Writes a vector, or one to each place: past the caches where the output is said to exceed them and vectors are aligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store<TSimd, TVector>(float* destination, nint apart, TVector value, bool past) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        if (past) TSimd.StoreNonTemporal(destination, apart, value);
        else TSimd.Store(destination, apart, value);
    }

    /// <summary>Brings the line of an address into the nearest cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Prefetch(float* address)
    {
        if (Sse.IsSupported) Sse.Prefetch0(address);
    }

    /// <summary>Brings rows of <paramref name="length"/> numbers, <paramref name="rowStride"/> elements apart, into the nearest cache.</summary>
    public static void Prefetch(float* rows, nint rowStride, nint count, int length)
    {
        for (; count > 0; count--, rows += rowStride)
            for (int i = 0; i < length; i += Bytes / sizeof(float)) Prefetch(rows + i);
    }

    /// <summary>Brings the line of an address into the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void PrefetchSecond(byte* address)
    {
        if (Sse.IsSupported) Sse.Prefetch1(address);
    }
}
