// Uniform values by index against the formula written out naively.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public class SplitMix64Tests
{
    [Fact]
    public void The_first_words_are_those_of_the_published_generator()
    {
        // splitmix64 of seed 1234567, as its author's C program prints it; the upper 24 bits make r = bits / 2^23 - 1.
        ulong[] words = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];
        float[] values = new float[words.Length];
        SplitMix64.Run(1234567, values, 1, 0);
        Assert.Equal(words.Select(word => (float)((word >> 40) / (double)(1 << 23) - 1)), values);
    }

    [Fact]
    public void Any_number_of_threads_and_any_length_give_the_same_values()
    {
        float[] whole = new float[200_000];
        SplitMix64.Run(5, whole, 0.5f, 1);
        int threads = WorkerPool.Threads;
        try
        {
            WorkerPool.Threads = 1;
            float[] part = new float[131_073];
            SplitMix64.Run(5, part, 0.5f, 1);
            Assert.Equal(whole[..part.Length], part);
        }
        finally
        {
            WorkerPool.Threads = threads;
        }
    }

    [Fact]
    public void Values_fill_the_interval_evenly()
    {
        float[] values = new float[1 << 20];
        SplitMix64.Run(9, values, 1, 0);
        Assert.InRange(values.Min(), -1, -0.99999f);
        Assert.InRange(values.Max(), 0.99999f, 0.9999999f);
        Assert.InRange(values.Average(), -0.003, 0.003);
        Assert.InRange(values.Average(value => value * value), 0.332, 0.3347);
    }
}
