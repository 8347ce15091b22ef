// Native memory for kernels: 64-byte-aligned, and for large blocks 2 MB-aligned with a request for huge pages, because
// page faults and TLB misses cost more than the arithmetic. Where the system offers none, plain pages work as well.

using System.Runtime.InteropServices;

namespace Brushfire.Kernels;

public static unsafe partial class AlignedMemory
{
    /// <summary>Blocks of at least this size are aligned to it and backed by huge pages where the system offers them.</summary>
    public const nint HugePage = 2 << 20;

    private const int AdviseHugePages = 14, AdviseToPopulate = 23;

    /// <summary>Uninitialized memory of at least <paramref name="bytes"/> bytes, to be given back with <see cref="Free"/>.</summary>
    public static void* Allocate(nint bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        nint alignment = bytes >= HugePage ? HugePage : 64;
        void* start = NativeMemory.AlignedAlloc((nuint)bytes, (nuint)alignment);
        if (alignment == HugePage && OperatingSystem.IsLinux()) Back((byte*)start, bytes);
        return start;
    }

    // A last stretch that fills no huge page gets its plain ones at once: one by one, each would cost a page fault. A system that knows less does less.
    private static void Back(byte* start, nint bytes)
    {
        nint rest = bytes % HugePage;
        _ = Advise(start, (nuint)bytes, AdviseHugePages);
        if (rest > 0) _ = Advise(start + bytes - rest, (nuint)rest, AdviseToPopulate);
    }

    public static void Free(void* start) => NativeMemory.AlignedFree(start);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint length, int advice);
}
