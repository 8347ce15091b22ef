// What tests of kernels share: inputs, and that a kernel gives the same bytes with any number of threads.

using System.Runtime.InteropServices;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public static class KernelRuns
{
    /// <summary>Numbers around <paramref name="mean"/>, uniform within one to each side.</summary>
    public static float[] Numbers(int count, int seed, float mean = 0)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = mean + random.NextSingle() * 2 - 1;
        return values;
    }

    /// <summary>The nearest number with 8 significant bits, ties to even: bfloat16 but for its subnormals and its overflow.</summary>
    public static float BFloat16(float value)
    {
        double unit = Math.ScaleB(1, value == 0 ? 0 : Math.ILogB(value) - 7);
        return (float)(Math.Round(value / unit, MidpointRounding.ToEven) * unit);
    }

    /// <summary>What <paramref name="run"/> gives with one thread, after it was seen to give the same bytes with two and three.</summary>
    public static float[] SameForAnyThreads(Func<float[]> run)
    {
        int threads = WorkerPool.Threads;
        try
        {
            WorkerPool.Threads = 1;
            float[] one = run();
            for (int count = 2; count <= 3; count++)
            {
                WorkerPool.Threads = count;
                Assert.True(MemoryMarshal.AsBytes<float>(one).SequenceEqual(MemoryMarshal.AsBytes<float>(run())), $"{count} threads give other bytes than one.");
            }

            return one;
        }
        finally
        {
            WorkerPool.Threads = threads;
        }
    }
}
