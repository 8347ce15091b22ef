// Layer normalization of each row of [rows, columns]: (x - mean) / sqrt(variance + epsilon) * weight + bias.
// The row stays in cache for its two passes. The first takes sum and squares around a center, the mean of the first few values, so a
// large mean costs no digits; where the center turns out to be far from the mean, once more around that. The second applies.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

public static unsafe class LayerNorm
{
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
            ExceedsCaches = CacheLines.Exceeds(rows * columns * sizeof(float)),
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
        public bool ExceedsCaches;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint row = (nint)item * RowsPerItem, rows = nint.Min(RowsPerItem, Rows - row);
            float* input = Input + row * Columns, output = Output + row * Columns;
            nint apart = rows / SimdSeveral<TSimd, TVector>.Places * Columns, together = apart * SimdSeveral<TSimd, TVector>.Places;
            for (nint i = 0; i < apart; i += Columns) Row<SimdSeveral<TSimd, TVector>, Several<TVector>>(input + i, output + i, apart);
            for (nint i = together; i < rows * Columns; i += Columns) Row<TSimd, TVector>(input + i, output + i, 0);
        }

        // A row, or one at each place.
        private readonly void Row<TSimd, TVector>(float* input, float* output, nint apart) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            float* centers = stackalloc float[TSimd.Places], scales = stackalloc float[TSimd.Places], shifts = stackalloc float[TSimd.Places];
            Moments<TSimd, TVector>(Columns, input, apart, centers, shifts, scales);
            for (int k = 0; k < TSimd.Places; k++)
            {
                scales[k] = 1 / float.Sqrt(scales[k] + Epsilon);
                shifts[k] *= -scales[k];
            }

            int whole = Whole<TSimd, TVector>(Columns);
            bool past = ExceedsCaches && CacheLines.AreAligned<TSimd, TVector>(output, Columns);
            Apply<TSimd, TVector>(0, whole, input, output, apart, centers, scales, shifts, past);
            if (whole == Columns) return;
            for (int k = 0; k < TSimd.Places; k++) Apply<SimdScalar, float>(whole, Columns, input + k * apart, output + k * apart, 0, centers + k, scales + k, shifts + k, past: false);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Apply<TSimd, TVector>(int start, int end, float* input, float* output, nint apart, float* centers, float* scales, float* shifts, bool past)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            float* weight = Weight, bias = Bias;
            TVector center = TSimd.Broadcast(centers), scale = TSimd.Broadcast(scales), shift = TSimd.Broadcast(shifts);
            for (int i = start; i < end; i += TSimd.Count / TSimd.Places)
            {
                TSimd.Prefetch(input + i + Columns, apart); // while results are written, the next row comes
                TVector y = TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Load(input + i, apart), center), scale, shift);
                if (weight is not null) y = TSimd.Multiply(y, TSimd.Load(weight + i, 0));
                if (bias is not null) y = TSimd.Add(y, TSimd.Load(bias + i, 0));
                CacheLines.Store<TSimd, TVector>(output + i, apart, y, past);
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
            nint row = (nint)item * RowsPerItem, rows = nint.Min(RowsPerItem, Rows - row), apart = rows / SimdSeveral<TSimd, TVector>.Places;
            for (nint i = 0; i < apart; i++) Row<SimdSeveral<TSimd, TVector>, Several<TVector>>(row + i, apart);
            for (nint i = apart * SimdSeveral<TSimd, TVector>.Places; i < rows; i++) Row<TSimd, TVector>(row + i, 0);
        }

        private readonly void Row<TSimd, TVector>(nint row, nint apart) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            float* centers = stackalloc float[TSimd.Places], means = stackalloc float[TSimd.Places], variances = stackalloc float[TSimd.Places];
            Moments<TSimd, TVector>(Columns, Input + row * Columns, apart * Columns, centers, means, variances);
            for (int k = 0; k < TSimd.Places; k++)
            {
                Mean[row + k * apart] = centers[k] + means[k];
                Scale[row + k * apart] = 1 / float.Sqrt(variances[k] + Epsilon);
            }
        }
    }

    // Columns that fill vectors of one place.
    private static int Whole<TSimd, TVector>(int columns) where TSimd : struct, ISimd<TVector> where TVector : struct => columns - columns % (TSimd.Count / TSimd.Places);

    // Of each place's row: a center, the mean relative to it, and the variance.
    private static void Moments<TSimd, TVector>(int columns, float* input, nint apart, float* centers, float* means, float* variances)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        bool vectors = Whole<TSimd, TVector>(columns) > 0;
        if (vectors) TSimd.SumLanes(TSimd.Load(input, apart), centers);
        for (int k = 0; k < TSimd.Places; k++) centers[k] = vectors ? centers[k] / (TSimd.Count / TSimd.Places) : input[k * apart];
        Around<TSimd, TVector>(columns, input, apart, centers, means, variances);

        bool again = false;
        for (int k = 0; k < TSimd.Places; k++)
        {
            if (!(means[k] * means[k] > MaxOffset * variances[k])) continue;
            centers[k] += means[k];
            again = true;
        }

        if (again) Around<TSimd, TVector>(columns, input, apart, centers, means, variances);
    }

    private static void Around<TSimd, TVector>(int columns, float* input, nint apart, float* centers, float* means, float* variances)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int whole = Whole<TSimd, TVector>(columns);
        Sums<TSimd, TVector>(whole, input, apart, centers, means, variances);
        for (int k = 0; k < TSimd.Places; k++)
        {
            float sum = 0, squares = 0;
            if (whole < columns) Sums<SimdScalar, float>(columns - whole, input + k * apart + whole, 0, centers + k, &sum, &squares);
            means[k] = (means[k] + sum) / columns;
            variances[k] = float.Max((variances[k] + squares) / columns - means[k] * means[k], 0);
        }
    }

    // Sums of (x - center) and of its square.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sums<TSimd, TVector>(int count, float* input, nint apart, float* centers, float* sums, float* squares) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector center = TSimd.Broadcast(centers), sum = TSimd.Zero, square = TSimd.Zero;
        for (int i = 0; i < count; i += TSimd.Count / TSimd.Places)
        {
            TSimd.Prefetch(input + i + CacheLines.AheadEach, apart);
            TVector d = TSimd.Subtract(TSimd.Load(input + i, apart), center);
            sum = TSimd.Add(sum, d);
            square = TSimd.MultiplyAdd(d, d, square);
        }

        TSimd.SumLanes(sum, sums);
        TSimd.SumLanes(square, squares);
    }
}
