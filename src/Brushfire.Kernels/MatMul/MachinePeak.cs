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
        bool pairs = HasPairs(element);
        var best = new MachinePeak(0, 1, WorkerPool.Threads, "");
        double cycles = 0;
        for (int i = 0; i < Runs; i++)
        {
            foreach (TileKind kind in pairs ? (ReadOnlySpan<TileKind>)[TileKind.Pairs] : [TileKind.Own, TileKind.FourByThree])
            {
                double speed = Speed(kind, run);
                if (speed > best.OperationsPerSecond) best = best with { OperationsPerSecond = speed, Tile = Name(kind) };
            }

            cycles = Math.Max(cycles, CountCycles());
        }

        return best with { CyclesPerSecond = cycles };
    }

    /// <summary>Operations a second over five milliseconds, by the tile that products use: what a shared machine gives just now.</summary>
    public static double Sample(ElementKind element) => Speed(HasPairs(element) ? TileKind.Pairs : TileKind.Own, TimeSpan.FromMilliseconds(5));

    private static bool HasPairs(ElementKind element) => element == ElementKind.BFloat16 && BFloat16Kernels.IsNative;

    private static double Speed(TileKind kind, TimeSpan run)
    {
        long operations = 0, start = Stopwatch.GetTimestamp();
        var work = new PeakWork { Run = run, Kind = kind, Operations = &operations };
        WorkerPool.Run(WorkerPool.Threads, ref work);
        return operations / Stopwatch.GetElapsedTime(start).TotalSeconds;
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
                        case TileKind.FourByThree: MicroKernel.Run4x3<TSimd, TVector>(k, a, b, tile, columns, accumulate: false); break;
                        case TileKind.Pairs: BFloat16Kernels.Native.Multiply(k, (byte*)a, (byte*)b, tile, columns, accumulate: false, columns, AheadLines.None(a)); break;
                    }
                }
            }

            // A pair along K is two multiply-adds.
            Interlocked.Add(ref *Operations, calls * (Kind == TileKind.Pairs ? 4 : 2) * k * rows * columns);
        }
    }
}
