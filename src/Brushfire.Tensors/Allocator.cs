// Native memory for tensors, kept for reuse: a freed block goes to a list of its size class and the next tensor of that
// class takes it without a page fault. Sizes are rounded up by at most an eighth, from 2 MB on also to whole huge pages.
// What comes only once, a weight, has its exact size instead. All threads share one allocator.
//
// Note: what is kept. Memory in use and kept together stays below the most that was ever in use, plus a reserve, since blocks
// of one class do not serve another; beyond it, the class that was used longest ago gives up blocks first. A model that runs
// again finds the blocks of its last run.

using Brushfire.Kernels;

namespace Brushfire.Tensors;

/// <summary>Bytes that tensors hold now, their highest sum since the last reset, and free bytes kept for reuse; and the most scratch that a thread's kernel took since that reset.</summary>
public readonly record struct AllocatorStatistics(long BytesInUse, long PeakBytes, long BytesCached, long PeakScratchBytes);

public static unsafe class Allocator
{
    private const long Reserve = 1L << 30;
    private const long Alignment = 64;

    private static readonly Lock s_gate = new();
    private static readonly Dictionary<long, SizeClass> s_classes = [];
    private static AllocatorStatistics s_statistics;
    private static long s_highest, s_uses;
    [ThreadStatic] private static bool t_once;

    public static AllocatorStatistics Statistics
    {
        get { lock (s_gate) return s_statistics with { PeakScratchBytes = Scratch.PeakBytes }; }
    }

    /// <summary>Starts a new measurement of the peak.</summary>
    public static void ResetPeak()
    {
        lock (s_gate) s_statistics = s_statistics with { PeakBytes = s_statistics.BytesInUse };
        Scratch.ResetPeak();
    }

    /// <summary>Gives all kept memory back to the system.</summary>
    public static void Trim()
    {
        lock (s_gate)
        {
            GiveBack(long.MaxValue);
        }
    }

    /// <summary>Whether memory that this thread needs now comes only once.</summary>
    internal static bool IsOnce => t_once;

    /// <summary>Storages that this thread makes until the result is disposed of come only once: they have their exact size, and go back to the system when they are freed. False ends that.</summary>
    internal static IDisposable Once(bool once = true)
    {
        bool previous = t_once;
        t_once = once;
        return new Restore(() => t_once = previous);
    }

    /// <param name="bytes">At least so many.</param>
    /// <param name="once">Of exactly this size, as <see cref="Free"/> has to be told as well.</param>
    internal static void* Allocate(long bytes, bool once = false)
    {
        long size = SizeOf(bytes, once);
        lock (s_gate)
        {
            if (!once && Use(size).Blocks.TryPop(out nint block))
            {
                s_statistics = s_statistics with { BytesCached = s_statistics.BytesCached - size };
                Count(size);
                return (void*)block;
            }

            long inUse = s_statistics.BytesInUse + size;
            GiveBack(inUse + s_statistics.BytesCached - Math.Max(s_highest, inUse) - Reserve);
        }

        try
        {
            void* start = AllocateOrTrim((nint)size);
            lock (s_gate) Count(size);
            return start;
        }
        catch (OutOfMemoryException exception)
        {
            throw new BrushfireException($"Out of memory: {size >> 20} MB more are needed, and tensors hold {Statistics.BytesInUse >> 20} MB already. Use a smaller picture or batch.", exception);
        }
    }

    // A block that a tensor has from now on. One that the system refuses is never counted.
    private static void Count(long size)
    {
        long inUse = s_statistics.BytesInUse + size;
        s_statistics = s_statistics with { BytesInUse = inUse, PeakBytes = Math.Max(s_statistics.PeakBytes, inUse) };
        s_highest = Math.Max(s_highest, inUse);
    }

    // The system may lack only the memory that is kept here for reuse.
    private static void* AllocateOrTrim(nint size)
    {
        try
        {
            return AlignedMemory.Allocate(size);
        }
        catch (OutOfMemoryException)
        {
            Trim();
            return AlignedMemory.Allocate(size);
        }
    }

    internal static void Free(void* start, long bytes, bool once = false)
    {
        long size = SizeOf(bytes, once);
        lock (s_gate)
        {
            s_statistics = s_statistics with { BytesInUse = s_statistics.BytesInUse - size };
            if (!once)
            {
                Use(size).Blocks.Push((nint)start);
                s_statistics = s_statistics with { BytesCached = s_statistics.BytesCached + size };
                return;
            }
        }

        AlignedMemory.Free(start);
    }

    // The class of blocks of a rounded size, used now.
    private static SizeClass Use(long size)
    {
        if (!s_classes.TryGetValue(size, out SizeClass? found)) s_classes[size] = found = new SizeClass(size);
        found.LastUse = s_uses++;
        return found;
    }

    // Gives kept memory back to the system, at least so much if there is so much.
    private static void GiveBack(long bytes)
    {
        while (bytes > 0 && s_classes.Values.Where(one => one.Blocks.Count > 0).MinBy(one => one.LastUse) is { } oldest)
        {
            AlignedMemory.Free((void*)oldest.Blocks.Pop());
            s_statistics = s_statistics with { BytesCached = s_statistics.BytesCached - oldest.Size };
            bytes -= oldest.Size;
        }
    }

    private static long SizeOf(long bytes, bool once) => once ? (bytes + Alignment - 1) / Alignment * Alignment : RoundUp(bytes);

    // Eight classes between powers of two; large blocks are whole huge pages as well.
    private static long RoundUp(long bytes)
    {
        if (bytes <= Alignment) return Alignment;
        long step = Math.Max(Alignment, 1L << (int)Math.Max(0, long.Log2(bytes) - 3));
        long size = (bytes + step - 1) / step * step;
        return size < AlignedMemory.HugePage ? size : (size + AlignedMemory.HugePage - 1) / AlignedMemory.HugePage * AlignedMemory.HugePage;
    }

    /// <summary>Free blocks of one size.</summary>
    private sealed class SizeClass(long size)
    {
        public long Size { get; } = size;
        public Stack<nint> Blocks { get; } = [];
        public long LastUse { get; set; }
    }
}
