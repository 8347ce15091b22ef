// Softmax over the last axis of [rows, columns]: exp(x - max) / sum. Three passes over a row that stays in cache.
// Relative error of an element within a few units of the row's maximum: below 2e-6.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

public static unsafe class Softmax
{
    private const int ElementsPerItem = 16_384;
    private const float Log2E = 1.44269502f;

    /// <summary>Input and output: [rows, columns], contiguous; they may be the same memory. Entries of -infinity give 0, a row of nothing else gives NaN.</summary>
    public static void Run(nint rows, int columns, float* input, float* output)
    {
        if (columns == 0) return;
        var work = new RowsWork { Rows = rows, Columns = columns, Input = input, Output = output, RowsPerItem = Math.Max(1, ElementsPerItem / columns) };
        WorkerPool.Run(checked((int)((rows + work.RowsPerItem - 1) / work.RowsPerItem)), ref work);
    }

    private struct RowsWork : IWork
    {
        public nint Rows;
        public int Columns, RowsPerItem;
        public float* Input, Output;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint end = nint.Min(Rows, (item + (nint)1) * RowsPerItem);
            for (nint row = (nint)item * RowsPerItem; row < end; row++) Row<TSimd, TVector>(Columns, Input + row * Columns, Output + row * Columns);
        }
    }

    /// <summary>One row; gives its maximum.</summary>
    internal static float Row<TSimd, TVector>(int columns, float* input, float* output) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int whole = columns - columns % TSimd.Count;
        TVector maxima = TSimd.Broadcast(float.NegativeInfinity);
        for (int i = 0; i < whole; i += TSimd.Count) maxima = TSimd.MaxNative(maxima, TSimd.Load(input + i));
        float max = TSimd.MaxLanes(maxima);
        for (int i = whole; i < columns; i++) max = float.Max(max, input[i]);

        float sum = Exponentials<TSimd, TVector>(whole, input, output, max) + Exponentials<SimdScalar, float>(columns - whole, input + whole, output + whole, max);

        float reciprocal = 1 / sum;
        TVector factor = TSimd.Broadcast(reciprocal);
        for (int i = 0; i < whole; i += TSimd.Count) TSimd.Store(output + i, TSimd.Multiply(TSimd.Load(output + i), factor));
        for (int i = whole; i < columns; i++) output[i] *= reciprocal;
        return max;
    }

    // Writes exp(x - max) and gives the sum. A NaN anywhere, also from -infinity less -infinity, ends up in the sum.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Exponentials<TSimd, TVector>(int count, float* input, float* output, float max) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector subtract = TSimd.Broadcast(max), log2E = TSimd.Broadcast(Log2E), sums = TSimd.Zero;
        for (int i = 0; i < count; i += TSimd.Count)
        {
            TVector y = Exp2Operator.NonPositive<TSimd, TVector>(TSimd.Multiply(TSimd.Subtract(TSimd.Load(input + i), subtract), log2E));
            TSimd.Store(output + i, y);
            sums = TSimd.Add(sums, y);
        }

        return TSimd.SumLanes(sums);
    }
}
