// Native memory for kernels: 64-byte-aligned, and for large blocks 2 MB-aligned with a request for huge pages, because
// page faults and TLB misses cost more than the arithmetic. Where the system offers none, plain pages work as well.

using System.Runtime.InteropServices;

namespace Brushfire.Kernels;

public static unsafe partial class AlignedMemory
{
    /// <summary>Blocks of at least this size are aligned to it and backed by huge pages where the system offers them.</summary>
    public const nint HugePage = 2 << 20;

    private const int AdviseHugePages = 14;

    /// <summary>Uninitialized memory of at least <paramref name="bytes"/> bytes, to be given back with <see cref="Free"/>.</summary>
    public static void* Allocate(nint bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        nint alignment = bytes >= HugePage ? HugePage : 64;
        void* start = NativeMemory.AlignedAlloc((nuint)bytes, (nuint)alignment);

        // A last stretch that fills no huge page has plain ones.
        if (alignment == HugePage && OperatingSystem.IsLinux()) _ = Advise(start, (nuint)bytes, AdviseHugePages);
        return start;
    }

    public static void Free(void* start) => NativeMemory.AlignedFree(start);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint length, int advice);
}
