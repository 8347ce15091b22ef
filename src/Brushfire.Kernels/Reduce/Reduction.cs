// Reduces the middle axis of [outer, reduced, inner] to [outer, inner]: sum, mean, max or min.
//
// The reduced axis is cut into chunks by shape; a chunk gives one float64 partial an output element, and partials are
// combined in order, so results do not depend on threads. Inside a chunk, float32 sums run over at most 32 numbers a
// lane before they go into float64: the relative error of a sum of positive numbers stays below 1e-6 at any length.

namespace Brushfire.Kernels;

public enum ReduceOperator { Sum, Mean, Max, Min }

public static unsafe class Reduction
{
    private const int ElementsPerItem = 32_768, InnerBlock = 256, FloatRun = 32;

    /// <summary>
    /// Input: [outer, reduced, inner]; output: [outer, inner]; both contiguous, and apart. Over nothing, a sum is 0, a mean NaN,
    /// a max -infinity, a min +infinity. NaN anywhere gives NaN.
    /// </summary>
    public static void Run(ReduceOperator op, nint outer, nint reduced, nint inner, float* input, float* output)
    {
        switch (op)
        {
            case ReduceOperator.Sum: Run<AddFold>(1, outer, reduced, inner, input, output); break;
            case ReduceOperator.Mean: Run<AddFold>(reduced, outer, reduced, inner, input, output); break;
            case ReduceOperator.Max: Run<MaxFold>(1, outer, reduced, inner, input, output); break;
            case ReduceOperator.Min: Run<MinFold>(1, outer, reduced, inner, input, output); break;
        }
    }

    private static void Run<TFold>(double divisor, nint outer, nint reduced, nint inner, float* input, float* output) where TFold : struct, IFold
    {
        nint block = nint.Min(inner, InnerBlock);
        nint chunkLength = nint.Max(1, ElementsPerItem / nint.Max(1, block));
        var work = new FoldWork<TFold>
        {
            Input = input,
            Output = output,
            Reduced = reduced,
            Inner = inner,
            ChunkLength = chunkLength,
            Divisor = divisor,
            Chunks = nint.Max(1, (reduced + chunkLength - 1) / chunkLength),
            InnerBlocks = (inner + InnerBlock - 1) / InnerBlock,
        };
        work.Units = outer * work.InnerBlocks * work.Chunks;
        work.UnitsPerItem = nint.Max(1, ElementsPerItem / nint.Max(1, nint.Min(reduced, chunkLength) * block));
        int items = checked((int)((work.Units + work.UnitsPerItem - 1) / work.UnitsPerItem));
        if (work.Chunks == 1)
        {
            WorkerPool.Run(items, ref work);
            return;
        }

        work.Partials = (double*)AlignedMemory.Allocate(outer * work.Chunks * inner * sizeof(double));
        try
        {
            WorkerPool.Run(items, ref work);
            Combine(work, outer);
        }
        finally
        {
            AlignedMemory.Free(work.Partials);
        }
    }

    private static void Combine<TFold>(in FoldWork<TFold> work, nint outer) where TFold : struct, IFold
    {
        for (nint o = 0; o < outer; o++)
        {
            for (nint i = 0; i < work.Inner; i++)
            {
                double* partial = work.Partials + o * work.Chunks * work.Inner + i;
                double all = *partial;
                for (nint chunk = 1; chunk < work.Chunks; chunk++) all = TFold.Combine(all, partial[chunk * work.Inner]);
                work.Output[o * work.Inner + i] = (float)(all / work.Divisor);
            }
        }
    }

    /// <summary>A commutative way to make one number of two.</summary>
    private interface IFold
    {
        static abstract float Empty { get; }
        static abstract double Combine(double a, double b);
        static abstract TVector Combine<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct;
    }

    private readonly struct AddFold : IFold
    {
        public static float Empty => 0;
        public static double Combine(double a, double b) => a + b;
        public static TVector Combine<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Add(a, b);
    }

    private readonly struct MaxFold : IFold
    {
        public static float Empty => float.NegativeInfinity;
        public static double Combine(double a, double b) => Math.Max(a, b);
        public static TVector Combine<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Max(a, b);
    }

    private readonly struct MinFold : IFold
    {
        public static float Empty => float.PositiveInfinity;
        public static double Combine(double a, double b) => Math.Min(a, b);
        public static TVector Combine<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Min(a, b);
    }

    private struct FoldWork<TFold> : IWork where TFold : struct, IFold
    {
        public float* Input, Output;
        public double* Partials;
        public nint Reduced, Inner, ChunkLength, Chunks, InnerBlocks, Units, UnitsPerItem;
        public double Divisor;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            double* sums = stackalloc double[InnerBlock];
            nint end = nint.Min(Units, (item + (nint)1) * UnitsPerItem);
            for (nint unit = item * UnitsPerItem; unit < end; unit++)
            {
                // A unit is one chunk of one block of inner of one outer index.
                (nint rows, nint innerBlock) = Math.DivRem(unit, InnerBlocks);
                (nint o, nint chunk) = Math.DivRem(rows, Chunks);
                nint first = chunk * ChunkLength, length = nint.Min(ChunkLength, Reduced - first), start = innerBlock * InnerBlock;
                int width = (int)nint.Min(InnerBlock, Inner - start);
                float* input = Input + (o * Reduced + first) * Inner + start;
                if (Inner == 1) sums[0] = FoldRow<TSimd, TVector>(length, input);
                else FoldColumns<TSimd, TVector>(length, width, input, sums);

                nint to = (Chunks == 1 ? o : rows) * Inner + start;
                if (Chunks > 1) new Span<double>(sums, width).CopyTo(new Span<double>(Partials + to, width));
                else for (int i = 0; i < width; i++) Output[to + i] = (float)(sums[i] / Divisor);
            }
        }

        private static double FoldRow<TSimd, TVector>(nint length, float* input) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            int step = TSimd.Count;
            float* lanes = stackalloc float[step];
            double all = TFold.Empty;
            nint i = 0;
            while (length - i >= 4 * step)
            {
                nint end = i + nint.Min((length - i) / (4 * step), FloatRun) * 4 * step;
                TVector s0 = TSimd.Broadcast(TFold.Empty), s1 = s0, s2 = s0, s3 = s0;
                for (; i < end; i += 4 * step)
                {
                    s0 = TFold.Combine<TSimd, TVector>(s0, TSimd.Load(input + i));
                    s1 = TFold.Combine<TSimd, TVector>(s1, TSimd.Load(input + i + step));
                    s2 = TFold.Combine<TSimd, TVector>(s2, TSimd.Load(input + i + 2 * step));
                    s3 = TFold.Combine<TSimd, TVector>(s3, TSimd.Load(input + i + 3 * step));
                }

                TSimd.Store(lanes, TFold.Combine<TSimd, TVector>(TFold.Combine<TSimd, TVector>(s0, s1), TFold.Combine<TSimd, TVector>(s2, s3)));
                for (int lane = 0; lane < step; lane++) all = TFold.Combine(all, lanes[lane]);
            }

            for (; i < length; i++) all = TFold.Combine(all, input[i]);
            return all;
        }

        private readonly void FoldColumns<TSimd, TVector>(nint length, int width, float* input, double* sums) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            new Span<double>(sums, width).Fill(TFold.Empty);
            int whole = width - width % TSimd.Count;
            for (nint row = 0; row < length; row += FloatRun)
            {
                int rows = (int)nint.Min(FloatRun, length - row);
                AddRows<TSimd, TVector>(rows, input + row * Inner, 0, whole, sums);
                AddRows<SimdScalar, float>(rows, input + row * Inner, whole, width, sums);
            }
        }

        private readonly void AddRows<TSimd, TVector>(int rows, float* input, int start, int end, double* sums) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            int step = TSimd.Count, i = start;
            float* lanes = stackalloc float[4 * 16];
            for (; i + 4 * step <= end; i += 4 * step)
            {
                TVector s0 = TSimd.Broadcast(TFold.Empty), s1 = s0, s2 = s0, s3 = s0;
                float* x = input + i;
                for (int row = 0; row < rows; row++, x += Inner)
                {
                    s0 = TFold.Combine<TSimd, TVector>(s0, TSimd.Load(x));
                    s1 = TFold.Combine<TSimd, TVector>(s1, TSimd.Load(x + step));
                    s2 = TFold.Combine<TSimd, TVector>(s2, TSimd.Load(x + 2 * step));
                    s3 = TFold.Combine<TSimd, TVector>(s3, TSimd.Load(x + 3 * step));
                }

                TSimd.Store(lanes, s0);
                TSimd.Store(lanes + step, s1);
                TSimd.Store(lanes + 2 * step, s2);
                TSimd.Store(lanes + 3 * step, s3);
                for (int lane = 0; lane < 4 * step; lane++) sums[i + lane] = TFold.Combine(sums[i + lane], lanes[lane]);
            }

            for (; i < end; i += step)
            {
                TVector s = TSimd.Broadcast(TFold.Empty);
                float* x = input + i;
                for (int row = 0; row < rows; row++, x += Inner) s = TFold.Combine<TSimd, TVector>(s, TSimd.Load(x));
                TSimd.Store(lanes, s);
                for (int lane = 0; lane < step; lane++) sums[i + lane] = TFold.Combine(sums[i + lane], lanes[lane]);
            }
        }
    }
}
