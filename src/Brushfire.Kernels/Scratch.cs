// Memory that a work item needs for its own duration, and memory that the items of a launch share: two growing,
// 64-byte-aligned blocks a thread, kept for reuse.

namespace Brushfire.Kernels;

public static unsafe class Scratch
{
    [ThreadStatic] private static Block? t_block, t_shared;
    private static nint s_peak;

    /// <summary>Most bytes that a work item took since the last reset; what launches share is not counted.</summary>
    public static nint PeakBytes => Volatile.Read(ref s_peak);

    /// <summary>Starts a new measurement of the peak.</summary>
    public static void ResetPeak() => Volatile.Write(ref s_peak, 0);

    /// <summary>At least <paramref name="bytes"/> bytes, uninitialized, valid until this thread's next call. A work item calls it once and cuts the block itself.</summary>
    public static void* Take(nint bytes)
    {
        for (nint peak = PeakBytes; bytes > peak; peak = PeakBytes) Interlocked.CompareExchange(ref s_peak, bytes, peak);
        Block block = t_block ??= new Block();
        return block.Take(bytes);
    }

    /// <summary>
    /// Likewise for the items of launches: taken before them by the thread that launches, valid until that thread's next call.
    /// </summary>
    public static void* TakeShared(nint bytes)
    {
        Block block = t_shared ??= new Block();
        return block.Take(bytes);
    }

    private sealed class Block
    {
        private void* _start;
        private nint _size;

        public void* Take(nint bytes)
        {
            if (bytes <= _size) return _start;
            AlignedMemory.Free(_start);
            _start = null;
            _size = 0;
            _start = AlignedMemory.Allocate(bytes);
            _size = bytes;
            return _start;
        }

        ~Block() => AlignedMemory.Free(_start);
    }
}
