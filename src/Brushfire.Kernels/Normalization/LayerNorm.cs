// Layer normalization of each row of [rows, columns]: (x - mean) / sqrt(variance + epsilon) * weight + bias.
// The row stays in cache for its three passes. The first finds the mean roughly; the second takes what is left of the mean,
// and the squares, around it; the third works around it too, so a large mean costs no digits.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

public static unsafe class LayerNorm
{
    private const int ElementsPerItem = 16_384;

    /// <summary>Input and output: [rows, columns], contiguous; they may be the same memory. Weight and bias: [columns], or null for 1 and 0.</summary>
    public static void Run(nint rows, int columns, float* input, float* output, float* weight, float* bias, float epsilon)
    {
        if (columns == 0) return;
        var work = new RowsWork
        {
            Rows = rows,
            Columns = columns,
            Input = input,
            Output = output,
            Weight = weight,
            Bias = bias,
            Epsilon = epsilon,
            RowsPerItem = Math.Max(1, ElementsPerItem / columns),
        };
        WorkerPool.Run(checked((int)((rows + work.RowsPerItem - 1) / work.RowsPerItem)), ref work);
    }

    private struct RowsWork : IWork
    {
        public nint Rows;
        public int Columns, RowsPerItem;
        public float* Input, Output, Weight, Bias;
        public float Epsilon;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint end = nint.Min(Rows, (item + (nint)1) * RowsPerItem);
            for (nint row = (nint)item * RowsPerItem; row < end; row++) Row<TSimd, TVector>(Input + row * Columns, Output + row * Columns);
        }

        private readonly void Row<TSimd, TVector>(float* input, float* output) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            int whole = Columns - Columns % TSimd.Count, rest = Columns - whole;
            float estimate = (Sum<TSimd, TVector>(whole, input) + Sum<SimdScalar, float>(rest, input + whole)) / Columns;
            (float left, float squares) = Moments<TSimd, TVector>(whole, input, estimate);
            (float leftRest, float squaresRest) = Moments<SimdScalar, float>(rest, input + whole, estimate);
            float correction = (left + leftRest) / Columns;
            float variance = float.Max((squares + squaresRest) / Columns - correction * correction, 0);
            float scale = 1 / float.Sqrt(variance + Epsilon);
            Apply<TSimd, TVector>(0, whole, input, output, estimate, scale, -correction * scale);
            Apply<SimdScalar, float>(whole, Columns, input, output, estimate, scale, -correction * scale);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Apply<TSimd, TVector>(int start, int end, float* input, float* output, float around, float scale, float shift)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            TVector center = TSimd.Broadcast(around), scales = TSimd.Broadcast(scale), shifts = TSimd.Broadcast(shift);
            for (int i = start; i < end; i += TSimd.Count)
            {
                TVector y = TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Load(input + i), center), scales, shifts);
                if (Weight is not null) y = TSimd.Multiply(y, TSimd.Load(Weight + i));
                if (Bias is not null) y = TSimd.Add(y, TSimd.Load(Bias + i));
                TSimd.Store(output + i, y);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum<TSimd, TVector>(int count, float* input) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int step = TSimd.Count, i = 0;
        TVector s0 = TSimd.Zero, s1 = TSimd.Zero, s2 = TSimd.Zero, s3 = TSimd.Zero;
        for (; i + 4 * step <= count; i += 4 * step)
        {
            s0 = TSimd.Add(s0, TSimd.Load(input + i));
            s1 = TSimd.Add(s1, TSimd.Load(input + i + step));
            s2 = TSimd.Add(s2, TSimd.Load(input + i + 2 * step));
            s3 = TSimd.Add(s3, TSimd.Load(input + i + 3 * step));
        }

        for (; i < count; i += step) s0 = TSimd.Add(s0, TSimd.Load(input + i));
        return TSimd.SumLanes(TSimd.Add(TSimd.Add(s0, s1), TSimd.Add(s2, s3)));
    }

    // Sums of (x - around) and of its square.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (float Sum, float Squares) Moments<TSimd, TVector>(int count, float* input, float around) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int step = TSimd.Count, i = 0;
        TVector center = TSimd.Broadcast(around);
        TVector s0 = TSimd.Zero, s1 = TSimd.Zero, q0 = TSimd.Zero, q1 = TSimd.Zero;
        for (; i + 2 * step <= count; i += 2 * step)
        {
            TVector d0 = TSimd.Subtract(TSimd.Load(input + i), center), d1 = TSimd.Subtract(TSimd.Load(input + i + step), center);
            s0 = TSimd.Add(s0, d0);
            s1 = TSimd.Add(s1, d1);
            q0 = TSimd.MultiplyAdd(d0, d0, q0);
            q1 = TSimd.MultiplyAdd(d1, d1, q1);
        }

        for (; i < count; i += step)
        {
            TVector d = TSimd.Subtract(TSimd.Load(input + i), center);
            s0 = TSimd.Add(s0, d);
            q0 = TSimd.MultiplyAdd(d, d, q0);
        }

        return (TSimd.SumLanes(TSimd.Add(s0, s1)), TSimd.SumLanes(TSimd.Add(q0, q1)));
    }
}
