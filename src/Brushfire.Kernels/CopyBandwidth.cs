// The machine's copy bandwidth: what memory-bound kernels are measured against. Blocks are far larger than the last-level
// cache; all threads copy; the best of several rounds counts.

using System.Diagnostics;

namespace Brushfire.Kernels;

public static unsafe class CopyBandwidth
{
    private const long Bytes = 256L << 20, ItemBytes = 1 << 20;
    private const int Rounds = 5;

    /// <summary>Bytes read and written a second; takes well below a second.</summary>
    public static double Measure()
    {
        byte* from = (byte*)AlignedMemory.Allocate((nint)Bytes), to = (byte*)AlignedMemory.Allocate((nint)Bytes);
        try
        {
            new Span<byte>(from, (int)Bytes).Fill(1);
            var work = new CopyWork { From = from, To = to };
            double best = 0;
            // The first round faults the destination's pages in and is never the best.
            for (int round = 0; round <= Rounds; round++)
            {
                long start = Stopwatch.GetTimestamp();
                WorkerPool.Run((int)(Bytes / ItemBytes), ref work);
                best = Math.Max(best, 2 * Bytes / Stopwatch.GetElapsedTime(start).TotalSeconds);
            }

            return best;
        }
        finally
        {
            AlignedMemory.Free(from);
            AlignedMemory.Free(to);
        }
    }

    private struct CopyWork : IWork
    {
        public byte* From, To;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct =>
            Buffer.MemoryCopy(From + item * ItemBytes, To + item * ItemBytes, ItemBytes, ItemBytes);
    }
}
