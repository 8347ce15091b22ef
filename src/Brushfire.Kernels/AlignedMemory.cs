// Native memory for kernels: 64-byte-aligned, and in huge pages, because page faults and TLB misses cost more than the
// arithmetic: large blocks have pages of their own, smaller ones share regions. Where the system offers none, plain pages work as well.
//
// Note: a region is handed out from its start on, and given back when all of its blocks are. That suits blocks that live long (weights) or
// that their owner keeps for reuse (tensors, scratch memory).

using System.Runtime.InteropServices;

namespace Brushfire.Kernels;

public static unsafe partial class AlignedMemory
{
    /// <summary>Blocks of at least this size are aligned to it and backed by huge pages where the system offers them.</summary>
    public const nint HugePage = 2 << 20;

    private const nint Region = 32 << 20, LeastShared = 16 << 10;
    private const int AdviseHugePages = 14, AdviseToPopulate = 23;

    private static readonly Lock s_gate = new();
    private static readonly Dictionary<nint, int> s_blocks = []; // of each region, by its address
    private static nint s_current, s_next;

    /// <summary>Uninitialized memory of at least <paramref name="bytes"/> bytes, to be given back with <see cref="Free"/>.</summary>
    public static void* Allocate(nint bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes < LeastShared) return NativeMemory.AlignedAlloc((nuint)bytes, 64);
        return bytes < HugePage ? Share((bytes + 63) & -64) : AllocatePages(bytes, HugePage);
    }

    private static void* AllocatePages(nint bytes, nint alignment)
    {
        void* start = NativeMemory.AlignedAlloc((nuint)bytes, (nuint)alignment);
        if (OperatingSystem.IsLinux()) Back((byte*)start, bytes);
        return start;
    }

    private static void* Share(nint bytes)
    {
        lock (s_gate)
        {
            if (s_current == 0 || s_next + bytes > s_current + Region)
            {
                nint region = (nint)AllocatePages(Region, Region);
                s_blocks[region] = 0;
                s_current = s_next = region;
            }

            s_blocks[s_current]++;
            nint start = s_next;
            s_next += bytes;
            return (void*)start;
        }
    }

    // A last stretch that fills no huge page gets its plain ones at once: one by one, each would cost a page fault. A system that knows less does less.
    private static void Back(byte* start, nint bytes)
    {
        nint rest = bytes % HugePage;
        _ = Advise(start, (nuint)bytes, AdviseHugePages);
        if (rest > 0) _ = Advise(start + bytes - rest, (nuint)rest, AdviseToPopulate);
    }

    public static void Free(void* start)
    {
        nint region = (nint)start & -Region;
        lock (s_gate)
        {
            if (s_blocks.TryGetValue(region, out int blocks))
            {
                s_blocks[region] = --blocks;
                if (blocks > 0) return;
                if (region == s_current)
                {
                    s_next = region; // the next blocks take its memory again
                    return;
                }

                s_blocks.Remove(region);
                start = (void*)region;
            }
        }

        NativeMemory.AlignedFree(start);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint length, int advice);
}
