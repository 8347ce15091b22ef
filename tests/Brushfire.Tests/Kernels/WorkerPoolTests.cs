// Every item runs once, cancellation stops a launch, failures reach the caller.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class WorkerPoolTests
{
    [Fact]
    public void Every_item_runs_exactly_once()
    {
        for (int count = 1; count < 200; count++)
        {
            int[] runs = new int[count];
            fixed (int* pointer = runs)
            {
                var work = new Counting { Runs = pointer };
                WorkerPool.Run(count, ref work);
            }

            Assert.All(runs, n => Assert.Equal(1, n));
        }
    }

    [Fact]
    public void Launches_from_several_threads_do_not_disturb_each_other()
    {
        var failures = new System.Collections.Concurrent.ConcurrentQueue<string>();
        Thread[] callers = [.. Enumerable.Range(0, 4).Select(caller => new Thread(() =>
        {
            int[] runs = new int[37];
            fixed (int* pointer = runs)
            {
                var work = new Counting { Runs = pointer };
                for (int launch = 1; launch <= 500; launch++)
                {
                    WorkerPool.Run(runs.Length, ref work);
                    if (runs.Any(n => n != launch)) failures.Enqueue($"caller {caller}, launch {launch}: {string.Join(' ', runs)}");
                }
            }
        }))];
        foreach (Thread caller in callers) caller.Start();
        foreach (Thread caller in callers) caller.Join();
        Assert.Empty(failures);
    }

    [Fact]
    public void A_rehearsal_runs_the_first_item_of_this_threads_launches()
    {
        int[] runs = new int[5];
        fixed (int* pointer = runs)
        {
            var work = new Counting { Runs = pointer };
            using (WorkerPool.Rehearse())
            {
                WorkerPool.Run(5, ref work);
                using (WorkerPool.Rehearse(false)) WorkerPool.Run(5, ref work);
                var elsewhere = new Thread(() => WorkerPool.Run(5, ref work));
                elsewhere.Start();
                elsewhere.Join();
                WorkerPool.Run(5, ref work);
            }

            Assert.Equal([4, 2, 2, 2, 2], runs);
            WorkerPool.Run(5, ref work);
        }

        Assert.Equal([5, 3, 3, 3, 3], runs);
    }

    [Fact]
    public void A_cancelled_token_stops_the_launch()
    {
        using var source = new CancellationTokenSource();
        int started = 0;
        using (WorkerPool.Use(source.Token))
        {
            var work = new Cancelling { Source = source, Started = &started };
            Assert.Throws<OperationCanceledException>(() => WorkerPool.Run(1000, ref work));
        }

        Assert.InRange(started, 1, WorkerPool.Threads);
    }

    [Fact]
    public void A_failing_item_ends_the_launch_with_its_exception()
    {
        for (int count = 1; count < 50; count++)
        {
            var work = new Failing { At = count / 2 };
            Assert.Equal("item " + work.At, Assert.Throws<InvalidDataException>(() => WorkerPool.Run(count, ref work)).Message);
        }
    }

    private struct Failing : IWork
    {
        public int At;
        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            if (item == At) throw new InvalidDataException("item " + item);
        }
    }

    private struct Counting : IWork
    {
        public int* Runs;
        public void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct => Interlocked.Increment(ref Runs[item]);
    }

    private struct Cancelling : IWork
    {
        public CancellationTokenSource Source;
        public int* Started;
        public void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            Interlocked.Increment(ref *Started);
            Source.Cancel();
        }
    }
}
