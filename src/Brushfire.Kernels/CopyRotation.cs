// What a memory-bound kernel is compared with: copies of a given size that walk through buffers larger than the last-level
// cache, so that each copy finds its memory cold.

using System.Diagnostics;

namespace Brushfire.Kernels;

public sealed unsafe class CopyRotation : IDisposable
{
    private const long ItemBytes = 256 << 10;

    private readonly long _bytes, _sets;
    private readonly byte* _from, _to;
    private long _next;

    /// <param name="bytes">Bytes of one copy; read once and written once.</param>
    /// <param name="span">Bytes that must be touched before memory is touched again.</param>
    public CopyRotation(long bytes, long span)
    {
        _bytes = (Math.Max(bytes, 1) + 63) / 64 * 64;
        _sets = 1 + span / (2 * _bytes);
        _from = (byte*)AlignedMemory.Allocate((nint)(_sets * _bytes));
        _to = (byte*)AlignedMemory.Allocate((nint)(_sets * _bytes));
        // Pages that were never written are all the same page of zeros.
        for (long i = 0; i < _sets * _bytes; i += 64) _from[i] = _to[i] = 1;
    }

    /// <summary>Seconds of one copy, on all threads, measured over several in a row.</summary>
    public double Seconds(int copies)
    {
        int items = (int)((_bytes + ItemBytes - 1) / ItemBytes);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < copies; i++)
        {
            long offset = _next++ % _sets * _bytes;
            var work = new CopyWork { From = _from + offset, To = _to + offset, Bytes = _bytes };
            WorkerPool.Run(items, ref work);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds / copies;
    }

    public void Dispose()
    {
        AlignedMemory.Free(_from);
        AlignedMemory.Free(_to);
    }

    private struct CopyWork : IWork
    {
        public byte* From, To;
        public long Bytes;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            long start = item * ItemBytes, length = Math.Min(ItemBytes, Bytes - start);
            Buffer.MemoryCopy(From + start, To + start, length, length);
        }
    }
}
