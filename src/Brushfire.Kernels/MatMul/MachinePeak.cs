// The machine's peak, as fast as products can go in an element type: register tiles on panels that stay in the first-level
// cache, on all threads. Where bfloat16 is widened to float32, its peak is that of float32.
// Each of five half-second runs tries each tile; the best run counts. The clock is timed beside it, so that
// the operations a cycle show whether the peak is plausible (2 x multiply-adds a cycle x lanes).

using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>A measured peak: a multiply-add is two operations. Operations a cycle are of one thread.</summary>
public sealed unsafe record MachinePeak(double OperationsPerSecond, double CyclesPerSecond, int Threads, string Tile)
{
    private const int Runs = 5;
    private const int PanelBytes = 28 << 10;

    public double OperationsPerCycle => OperationsPerSecond / CyclesPerSecond / Threads;

    /// <summary>Takes about five seconds.</summary>
    public static MachinePeak Measure(ElementKind element = ElementKind.Float32) => Measure(TimeSpan.FromSeconds(0.5), element);

    internal static MachinePeak Measure(TimeSpan run, ElementKind element = ElementKind.Float32)
    {
        bool pairs = element == ElementKind.BFloat16 && BFloat16Kernels.IsNative;
        int threads = WorkerPool.Threads;
        var best = new MachinePeak(0, 1, threads, "");
        double cycles = 0;
        for (int i = 0; i < Runs; i++)
        {
            foreach (TileKind kind in pairs ? (ReadOnlySpan<TileKind>)[TileKind.Pairs] : [TileKind.Own, TileKind.FourByThree])
            {
                long operations = 0, start = Stopwatch.GetTimestamp();
                var work = new PeakWork { Run = run, Kind = kind, Operations = &operations };
                WorkerPool.Run(threads, ref work);
                double speed = operations / Stopwatch.GetElapsedTime(start).TotalSeconds;
                if (speed > best.OperationsPerSecond) best = best with { OperationsPerSecond = speed, Tile = Name(kind) };
            }

            cycles = Math.Max(cycles, CountCycles());
        }

        return best with { CyclesPerSecond = cycles };
    }

    private enum TileKind { Own, FourByThree, Pairs }

    private static string Name(TileKind kind) => kind switch
    {
        TileKind.Own => $"{Tiling.CurrentRows}x{Tiling.CurrentColumns}",
        TileKind.FourByThree => "4x3 vectors",
        TileKind.Pairs => $"{BFloat16Code.Rows}x{BFloat16Code.Columns} bfloat16 pairs",
    };

    // Integer additions and exclusive ors take one cycle each everywhere; each one here waits for the one before.
    private static double CountCycles()
    {
        const int Rounds = 200_000, ChainLength = 16;
        long start = Stopwatch.GetTimestamp();
        ulong x = Chain((ulong)start, (ulong)start | 1, Rounds);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        GC.KeepAlive(x);
        return Rounds * (double)ChainLength / seconds;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Chain(ulong x, ulong y, int rounds)
    {
        for (; rounds > 0; rounds--)
        {
            x += y; x ^= y; x += y; x ^= y;
            x += y; x ^= y; x += y; x ^= y;
            x += y; x ^= y; x += y; x ^= y;
            x += y; x ^= y; x += y; x ^= y;
        }

        return x;
    }

    private struct PeakWork : IWork
    {
        public TimeSpan Run;
        public TileKind Kind;
        public long* Operations;

        readonly void IWork.Run<TSimd, TVector>(int item)
        {
            int rows = Kind == TileKind.FourByThree ? 4 : Tiling.Rows<TSimd, TVector>(), columns = Kind == TileKind.FourByThree ? 3 * TSimd.Count : Tiling.Columns<TSimd, TVector>();
            int k = PanelBytes / sizeof(float) / (rows + columns);
            float* tile = (float*)Scratch.Take(8 * 48 * sizeof(float) + PanelBytes), b = tile + 8 * 48, a = b + k * columns;
            new Span<float>(tile, 8 * 48 + PanelBytes / sizeof(float)).Fill(1e-3f);
            long calls = 0;
            for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < Run; calls += 64)
            {
                for (int i = 0; i < 64; i++)
                {
                    switch (Kind)
                    {
                        case TileKind.Own: MicroKernel.Run<TSimd, TVector>(k, a, b, tile, columns, accumulate: false); break;
                        case TileKind.FourByThree: Run4x3<TSimd, TVector>(k, a, b, tile); break;
                        case TileKind.Pairs: BFloat16Kernels.Native.Multiply(k, (byte*)a, (byte*)b, tile, columns, accumulate: false); break;
                    }
                }
            }

            // A pair along K is two multiply-adds.
            Interlocked.Add(ref *Operations, calls * (Kind == TileKind.Pairs ? 4 : 2) * k * rows * columns);
        }
    }

    // The same loop as MicroKernel's with another balance of loads: seven for twelve multiply-adds.
    private static void Run4x3<TSimd, TVector>(int k, float* a, float* b, float* tile) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector c00 = TSimd.Zero, c01 = TSimd.Zero, c02 = TSimd.Zero;
        TVector c10 = TSimd.Zero, c11 = TSimd.Zero, c12 = TSimd.Zero;
        TVector c20 = TSimd.Zero, c21 = TSimd.Zero, c22 = TSimd.Zero;
        TVector c30 = TSimd.Zero, c31 = TSimd.Zero, c32 = TSimd.Zero;
        for (; k > 0; k--)
        {
            TVector b0 = TSimd.Load(b), b1 = TSimd.Load(b + TSimd.Count), b2 = TSimd.Load(b + 2 * TSimd.Count);
            TVector a0 = TSimd.Broadcast(a[0]);
            c00 = TSimd.MultiplyAdd(a0, b0, c00); c01 = TSimd.MultiplyAdd(a0, b1, c01); c02 = TSimd.MultiplyAdd(a0, b2, c02);
            TVector a1 = TSimd.Broadcast(a[1]);
            c10 = TSimd.MultiplyAdd(a1, b0, c10); c11 = TSimd.MultiplyAdd(a1, b1, c11); c12 = TSimd.MultiplyAdd(a1, b2, c12);
            TVector a2 = TSimd.Broadcast(a[2]);
            c20 = TSimd.MultiplyAdd(a2, b0, c20); c21 = TSimd.MultiplyAdd(a2, b1, c21); c22 = TSimd.MultiplyAdd(a2, b2, c22);
            TVector a3 = TSimd.Broadcast(a[3]);
            c30 = TSimd.MultiplyAdd(a3, b0, c30); c31 = TSimd.MultiplyAdd(a3, b1, c31); c32 = TSimd.MultiplyAdd(a3, b2, c32);
            a += 4;
            b += 3 * TSimd.Count;
        }

        TVector sum0 = TSimd.Add(TSimd.Add(c00, c01), TSimd.Add(c02, c10)), sum1 = TSimd.Add(TSimd.Add(c11, c12), TSimd.Add(c20, c21));
        TSimd.Store(tile, TSimd.Add(TSimd.Add(sum0, sum1), TSimd.Add(TSimd.Add(c22, c30), TSimd.Add(c31, c32))));
    }
}
