// Uniform values by index: element i depends on the seed and on i alone (a splitmix64 generator addressed by counter),
// so any split of the work gives the same values. Serves weights by formula.

namespace Brushfire.Kernels;

public static unsafe class SplitMix64
{
    private const ulong Step = 0x9E3779B97F4A7C15;
    private const int ElementsPerItem = 1 << 16;

    /// <summary>output[i] = offset + scale * r(seed, i), with r uniform in [-1, 1) on a grid of 2^-23; products and sums are rounded in float32.</summary>
    public static void Run(ulong seed, Span<float> output, float scale, float offset)
    {
        fixed (float* pointer = output)
        {
            var work = new Work { Seed = seed, Output = pointer, Count = output.Length, Scale = scale, Offset = offset };
            WorkerPool.Run((int)((output.Length + (ElementsPerItem - 1L)) / ElementsPerItem), ref work);
        }
    }

    private struct Work : IWork
    {
        public ulong Seed;
        public float* Output;
        public int Count;
        public float Scale;
        public float Offset;

        public void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            // Scalar on purpose: 64-bit products are one instruction here and eight in AVX2; four cycles an element are
            // faster than memory takes the values.
            int start = item * ElementsPerItem;
            int end = start + Math.Min(ElementsPerItem, Count - start);
            ulong state = Seed + (ulong)start * Step;
            for (int i = start; i < end; i++)
            {
                state += Step;
                ulong z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
                z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
                z ^= z >> 31;
                float r = (int)(z >> 40) * (1f / (1 << 23)) - 1;
                Output[i] = Offset + Scale * r;
            }
        }
    }
}
