// Layer normalization of each row of [rows, columns]: (x - mean) / sqrt(variance + epsilon) * weight + bias.
// The row stays in cache for its two passes. The first takes sum and squares around a center, the mean of the first few values, so a
// large mean costs no digits; where the center turns out to be far from the mean, once more around that. The second applies.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

public static unsafe class LayerNorm
{
    // A block of rows stays in the nearest cache between its moments and their application.
    private const int ElementsPerBlock = 4_096, MaxBlockRows = 16;

    // Squared distance of center and mean, in variances, from which the difference of squares would lose more than a digit.
    private const float MaxOffset = 16;

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
            RowsPerItem = Math.Max(1, ItemSize.Of(rows * columns) / columns),
        };
        WorkerPool.Run(checked((int)((rows + work.RowsPerItem - 1) / work.RowsPerItem)), ref work);
    }

    /// <summary>Of [rows, columns], contiguous: mean and scale, [rows] each, such that (x - mean) * scale is normalized, within 6e-8 |mean| / deviation by the mean's rounding.</summary>
    public static void Statistics(nint rows, int columns, float* input, float epsilon, float* mean, float* scale)
    {
        if (columns == 0) return;
        var work = new StatisticsWork { Rows = rows, Columns = columns, Input = input, Mean = mean, Scale = scale, Epsilon = epsilon, RowsPerItem = Math.Max(1, ItemSize.Of(rows * columns) / columns) };
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
            int block = Math.Clamp(ElementsPerBlock / Columns, 1, MaxBlockRows);
            for (nint row = (nint)item * RowsPerItem; row < end; row += block)
                Block<TSimd, TVector>((int)nint.Min(block, end - row), Input + row * Columns, Output + row * Columns);
        }

        // The moments of a row are a chain of steps that wait for each other: those of several rows overlap.
        private readonly void Block<TSimd, TVector>(int rows, float* input, float* output) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            int whole = Columns - Columns % TSimd.Count, several = Columns - Columns % SimdSeveral<TSimd, TVector>.Count;
            float* centers = stackalloc float[MaxBlockRows], scales = stackalloc float[MaxBlockRows], shifts = stackalloc float[MaxBlockRows];
            for (int row = 0; row < rows; row++)
            {
                (centers[row], float mean, float variance) = Moments<TSimd, TVector>(Columns, input + (nint)row * Columns);
                scales[row] = 1 / float.Sqrt(variance + Epsilon);
                shifts[row] = -mean * scales[row];
            }

            for (int row = 0; row < rows; row++, input += Columns, output += Columns)
            {
                Apply<SimdSeveral<TSimd, TVector>, Several<TVector>>(0, several, input, output, centers[row], scales[row], shifts[row]);
                Apply<TSimd, TVector>(several, whole, input, output, centers[row], scales[row], shifts[row]);
                Apply<SimdScalar, float>(whole, Columns, input, output, centers[row], scales[row], shifts[row]);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Apply<TSimd, TVector>(int start, int end, float* input, float* output, float around, float scale, float shift)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            float* weight = Weight, bias = Bias;
            TVector center = TSimd.Broadcast(around), scales = TSimd.Broadcast(scale), shifts = TSimd.Broadcast(shift);
            for (int i = start; i < end; i += TSimd.Count)
            {
                TVector y = TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Load(input + i), center), scales, shifts);
                if (weight is not null) y = TSimd.Multiply(y, TSimd.Load(weight + i));
                if (bias is not null) y = TSimd.Add(y, TSimd.Load(bias + i));
                TSimd.Store(output + i, y);
            }
        }
    }

    private struct StatisticsWork : IWork
    {
        public nint Rows;
        public int Columns, RowsPerItem;
        public float* Input, Mean, Scale;
        public float Epsilon;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint end = nint.Min(Rows, (item + (nint)1) * RowsPerItem);
            for (nint row = (nint)item * RowsPerItem; row < end; row++)
            {
                (float center, float mean, float variance) = Moments<TSimd, TVector>(Columns, Input + row * Columns);
                Mean[row] = center + mean;
                Scale[row] = 1 / float.Sqrt(variance + Epsilon);
            }
        }
    }

    // A center, the mean relative to it, and the variance.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (float Center, float Mean, float Variance) Moments<TSimd, TVector>(int columns, float* input) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float center = columns >= TSimd.Count ? TSimd.SumLanes(TSimd.Load(input)) / TSimd.Count : *input;
        (float mean, float variance) = Around<TSimd, TVector>(columns, input, center);
        if (mean * mean > MaxOffset * variance)
        {
            center += mean;
            (mean, variance) = Around<TSimd, TVector>(columns, input, center);
        }

        return (center, mean, variance);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (float Mean, float Variance) Around<TSimd, TVector>(int columns, float* input, float center) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int whole = columns - columns % TSimd.Count;
        (float sum, float squares) = Sums<TSimd, TVector>(whole, input, center);
        (float sumRest, float squaresRest) = Sums<SimdScalar, float>(columns - whole, input + whole, center);
        float mean = (sum + sumRest) / columns;
        return (mean, float.Max((squares + squaresRest) / columns - mean * mean, 0));
    }

    // Sums of (x - around) and of its square.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (float Sum, float Squares) Sums<TSimd, TVector>(int count, float* input, float around) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int step = TSimd.Count, i = 0;
        TVector center = TSimd.Broadcast(around);
        TVector s0 = TSimd.Zero, s1 = TSimd.Zero, s2 = TSimd.Zero, s3 = TSimd.Zero;
        TVector q0 = TSimd.Zero, q1 = TSimd.Zero, q2 = TSimd.Zero, q3 = TSimd.Zero;
        for (; i + 4 * step <= count; i += 4 * step)
        {
            for (int k = 0; k < 4; k++) TSimd.Prefetch(input + i + CacheLines.Ahead + k * step);
            TVector d0 = TSimd.Subtract(TSimd.Load(input + i), center), d1 = TSimd.Subtract(TSimd.Load(input + i + step), center);
            TVector d2 = TSimd.Subtract(TSimd.Load(input + i + 2 * step), center), d3 = TSimd.Subtract(TSimd.Load(input + i + 3 * step), center);
            s0 = TSimd.Add(s0, d0);
            s1 = TSimd.Add(s1, d1);
            s2 = TSimd.Add(s2, d2);
            s3 = TSimd.Add(s3, d3);
            q0 = TSimd.MultiplyAdd(d0, d0, q0);
            q1 = TSimd.MultiplyAdd(d1, d1, q1);
            q2 = TSimd.MultiplyAdd(d2, d2, q2);
            q3 = TSimd.MultiplyAdd(d3, d3, q3);
        }

        for (; i < count; i += step)
        {
            TVector d = TSimd.Subtract(TSimd.Load(input + i), center);
            s0 = TSimd.Add(s0, d);
            q0 = TSimd.MultiplyAdd(d, d, q0);
        }

        return (TSimd.SumLanes(TSimd.Add(TSimd.Add(s0, s1), TSimd.Add(s2, s3))), TSimd.SumLanes(TSimd.Add(TSimd.Add(q0, q1), TSimd.Add(q2, q3))));
    }
}
