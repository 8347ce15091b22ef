// Runs a kernel's items on all threads. Work is cut by shape, never by the number of threads, and items never share
// partial sums, so any thread count gives the same bytes. Workers spin briefly before they sleep: a U-Net evaluation
// has hundreds of launches.

using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.Intrinsics;

namespace Brushfire.Kernels;

public static unsafe class WorkerPool
{
    private const int SpinIterations = 2_000;
    private const int Closed = -1;

    private static readonly Lock s_gate = new();
    private static readonly List<Worker> s_workers = [];
    private static int s_threads = Math.Max(1, Knobs.Threads.Value is { } text ? ParseThreads(text) : Environment.ProcessorCount);
    private static bool s_busy;

    // The launch that workers take items from.
    private static delegate*<void*, int, void> s_runItem;
    private static void* s_work;
    private static int s_count;
    private static int s_next;

    // Workers inside of the launch; Closed while there is none. A worker that wakes too late finds it closed, so that a
    // short launch never waits for a sleeper.
    private static int s_inside = Closed;
    private static CancellationToken s_cancellation;
    private static ExceptionDispatchInfo? s_failure;

    [ThreadStatic] private static CancellationToken t_cancellation;
    [ThreadStatic] private static bool t_inside, t_rehearsing;

    /// <summary>Threads that kernels use, the caller's included; at least 1.</summary>
    public static int Threads
    {
        get => s_threads;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            s_threads = value;
        }
    }

    /// <summary>Looked at between items of every launch from this thread; a cancelled one ends in OperationCanceledException.</summary>
    public static CancellationToken Cancellation => t_cancellation;

    /// <summary>Has launches from this thread look at a token until the result is disposed of.</summary>
    public static IDisposable Use(CancellationToken cancellation)
    {
        CancellationToken previous = t_cancellation;
        t_cancellation = cancellation;
        return new Restore(() => t_cancellation = previous);
    }

    /// <summary>Whether launches from this thread are rehearsals.</summary>
    public static bool IsRehearsing => t_rehearsing;

    /// <summary>
    /// Until the result is disposed of, launches from this thread run their first item only: kernels are compiled by the JIT and take their memory, as in a whole run, at a
    /// small part of its work, but results are not complete. False ends that for what has to be complete all the same.
    /// </summary>
    public static IDisposable Rehearse(bool rehearsing = true)
    {
        bool previous = t_rehearsing;
        t_rehearsing = rehearsing;
        return new Restore(() => t_rehearsing = previous);
    }

    /// <summary>Runs items 0 … count - 1 in the current instruction set and returns when all are done.</summary>
    /// <exception cref="OperationCanceledException">The thread's cancellation token was cancelled; some items did not run.</exception>
    public static void Run<TWork>(int count, ref TWork work) where TWork : struct, IWork
    {
        t_cancellation.ThrowIfCancellationRequested();
        if (count <= 0) return;
        if (t_rehearsing) count = 1;
        delegate*<void*, int, void> runItem = Isas.Current switch
        {
            Isa.Avx512 => &RunItem<TWork, Simd512, Vector512<float>>,
            Isa.Avx2 => &RunItem<TWork, Simd256, Vector256<float>>,
            Isa.Portable => &RunItem<TWork, Simd128, Vector128<float>>,
        };

        // The struct lives in the caller's frame, which outlasts the launch.
        void* pointer = Unsafe.AsPointer(ref work);
        if (count == 1 || s_threads == 1 || t_inside || !TryLaunch(count, pointer, runItem))
            RunAlone(count, pointer, runItem);
    }

    private static void RunAlone(int count, void* work, delegate*<void*, int, void> runItem)
    {
        for (int item = 0; item < count; item++)
        {
            t_cancellation.ThrowIfCancellationRequested();
            runItem(work, item);
        }
    }

    // False when another caller's launch is under way: the second caller then runs its items itself.
    private static bool TryLaunch(int count, void* work, delegate*<void*, int, void> runItem)
    {
        int helpers = Math.Min(s_threads, count) - 1;
        lock (s_gate)
        {
            if (s_busy) return false;
            while (s_workers.Count < helpers) s_workers.Add(new Worker());
            s_busy = true;
        }

        s_work = work;
        s_runItem = runItem;
        s_count = count;
        s_next = 0;
        s_failure = null;
        s_cancellation = t_cancellation;
        Volatile.Write(ref s_inside, 0);
        for (int i = 0; i < helpers; i++) s_workers[i].Wake();

        TakeItems();
        var spin = new SpinWait();
        while (Interlocked.CompareExchange(ref s_inside, Closed, 0) != 0) spin.SpinOnce(sleep1Threshold: -1);

        ExceptionDispatchInfo? failure = s_failure;
        bool cancelled = s_cancellation.IsCancellationRequested;
        lock (s_gate) s_busy = false;
        failure?.Throw();
        if (cancelled) t_cancellation.ThrowIfCancellationRequested();
        return true;
    }

    // True where a launch is open; the caller is then inside and must leave it.
    private static bool Enter()
    {
        int inside = Volatile.Read(ref s_inside);
        while (inside != Closed)
        {
            int seen = Interlocked.CompareExchange(ref s_inside, inside + 1, inside);
            if (seen == inside) return true;
            inside = seen;
        }

        return false;
    }

    private static void TakeItems()
    {
        t_inside = true;
        try
        {
            while (!s_cancellation.IsCancellationRequested)
            {
                int item = Interlocked.Increment(ref s_next) - 1;
                if (item >= s_count) break;
                s_runItem(s_work, item);
            }
        }
        catch (Exception exception)
        {
            s_failure = ExceptionDispatchInfo.Capture(exception);
            Volatile.Write(ref s_next, s_count);
        }
        finally
        {
            t_inside = false;
        }
    }

    private static void RunItem<TWork, TSimd, TVector>(void* work, int item)
        where TWork : struct, IWork where TSimd : struct, ISimd<TVector> where TVector : struct =>
        Unsafe.AsRef<TWork>(work).Run<TSimd, TVector>(item);

    private static int ParseThreads(string text) => int.TryParse(text, out int threads) && threads >= 1
        ? threads
        : throw new ArgumentException($"{Knobs.Threads.Name}='{text}' is not a number of threads; it takes {Knobs.Threads.Values}.");

#pragma warning disable CA1001 // a worker lives as long as the process
    private sealed class Worker
#pragma warning restore CA1001
    {
        private readonly SemaphoreSlim _sleep = new(0);
        private int _state; // 0 idle and spinning, 1 has work, 2 asleep

        public Worker() => new Thread(Loop) { IsBackground = true, Name = "brushfire worker" }.Start();

        public void Wake()
        {
            if (Interlocked.Exchange(ref _state, 1) == 2) _sleep.Release();
        }

        private void Loop()
        {
            for (; ; )
            {
                for (int i = 0; i < SpinIterations && Volatile.Read(ref _state) == 0; i++) Thread.SpinWait(8);
                if (Interlocked.CompareExchange(ref _state, 2, 0) == 0) _sleep.Wait();
                Volatile.Write(ref _state, 0);
                if (!Enter()) continue;
                TakeItems();
                Interlocked.Decrement(ref s_inside);
            }
        }
    }
}
