// Native memory for kernel tests with NaN before and after it: a kernel that reads too far gives NaN, one that writes too
// far is caught on disposal.

using System.Runtime.InteropServices;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class PaddedMemory : IDisposable
{
    private const int Padding = 64;
    private readonly float* _start;

    public PaddedMemory(int length)
    {
        Length = length;
        _start = (float*)NativeMemory.Alloc((nuint)(length + 2 * Padding), sizeof(float));
        new Span<float>(_start, length + 2 * Padding).Fill(float.NaN);
    }

    public PaddedMemory(float[] values) : this(values.Length) => values.CopyTo(Values);

    public int Length { get; }
    public float* Pointer => _start + Padding;
    public Span<float> Values => new(Pointer, Length);

    /// <summary>Numbers around <paramref name="mean"/>, uniform within one to each side.</summary>
    public static float[] Numbers(int count, int seed, float mean = 0)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = mean + random.NextSingle() * 2 - 1;
        return values;
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

    public void Dispose()
    {
        for (int i = 0; i < Padding; i++) Assert.True(float.IsNaN(_start[i]) && float.IsNaN(Pointer[Length + i]), "A kernel wrote outside of its memory.");
        NativeMemory.Free(_start);
    }
}
