// Group normalization of channels-last [N, pixels, C]: each of the groups of C / groups neighbouring channels of one image
// is brought to mean 0 and variance 1, then scaled and shifted by channel. Statistics and application are separate,
// because y = x * scale[n, c] + shift[n, c] can be done by whoever reads x next.
//
// Note: how the statistics stay exact. Pixels are cut into chunks by shape. In a chunk, each channel is taken relative to
// its first value; blocks of 8 pixels get their mean and the squares around it while in registers, and blocks are merged
// as Chan, Golub and LeVeque do (mean += d n2/n; squares += d^2 n1 n2/n). Chunks and channels are merged in float64 in
// a fixed order. Neither a large mean nor an outlier costs digits of the variance. What is left is the rounding
// of scale and shift: an absolute error up to 1.2e-7 |mean| / deviation, times the weight.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

public static unsafe class GroupNorm
{
    private const int ElementsPerItem = 32_768, BlockPixels = 8;

    /// <summary>Input and output: [batch, pixels, channels], contiguous; they may be the same memory. Weight and bias: [channels], or null for 1 and 0.</summary>
    public static void Run(float* input, float* output, int batch, nint pixels, int channels, int groups, float* weight, float* bias, float epsilon)
    {
        nint count = (nint)batch * channels;
        float* scale = (float*)AlignedMemory.Allocate(2 * count * sizeof(float));
        try
        {
            Statistics(input, batch, pixels, channels, groups, weight, bias, epsilon, scale, scale + count);
            Apply(input, output, batch, pixels, channels, scale, scale + count);
        }
        finally
        {
            AlignedMemory.Free(scale);
        }
    }

    /// <summary>Scale and shift, [batch, channels] each, such that x * scale + shift is normalized, weighted and biased.</summary>
    public static void Statistics(
        float* input, int batch, nint pixels, int channels, int groups, float* weight, float* bias, float epsilon, float* scale, float* shift)
    {
        var work = new StatisticsWork { Input = input, Cut = new PixelCut(pixels, channels), Channels = channels, Groups = groups };
        work.Partials = (Moments*)AlignedMemory.Allocate((nint)batch * work.Cut.Chunks * groups * sizeof(Moments));
        try
        {
            WorkerPool.Run(checked(batch * work.Cut.Chunks), ref work);
            int groupChannels = channels / groups;
            for (int n = 0; n < batch; n++)
            {
                for (int group = 0; group < groups; group++)
                {
                    Moments all = Merge(work, n, group);
                    double factor = 1 / Math.Sqrt(all.Squares / all.Count + epsilon);
                    for (int c = group * groupChannels; c < (group + 1) * groupChannels; c++)
                    {
                        double weighted = weight is null ? factor : factor * weight[c];
                        scale[(nint)n * channels + c] = (float)weighted;
                        shift[(nint)n * channels + c] = (float)((bias is null ? 0 : bias[c]) - all.Mean * weighted);
                    }
                }
            }
        }
        finally
        {
            AlignedMemory.Free(work.Partials);
        }
    }

    /// <summary>x * scale[n, c] + shift[n, c] of [batch, pixels, channels]; in place allowed.</summary>
    public static void Apply(float* input, float* output, int batch, nint pixels, int channels, float* scale, float* shift)
    {
        var work = new ApplyWork { Input = input, Output = output, Cut = new PixelCut(pixels, channels), Channels = channels, Scale = scale, Shift = shift };
        WorkerPool.Run(checked(batch * work.Cut.Chunks), ref work);
    }

    private static Moments Merge(in StatisticsWork work, int n, int group)
    {
        Moments* partial = work.Partials + (nint)n * work.Cut.Chunks * work.Groups + group;
        Moments all = *partial;
        for (int chunk = 1; chunk < work.Cut.Chunks; chunk++)
        {
            Moments next = partial[(nint)chunk * work.Groups];
            double count = all.Count + next.Count, difference = next.Mean - all.Mean;
            all.Mean += difference * next.Count / count;
            all.Squares += next.Squares + difference * difference * all.Count * next.Count / count;
            all.Count = count;
        }

        return all;
    }

    /// <summary>Number, mean, and sum of squares around the mean.</summary>
    private struct Moments
    {
        public double Count, Mean, Squares;
    }

    /// <summary>The pixels of an image in chunks of about <see cref="ElementsPerItem"/> elements, a whole number of blocks each.</summary>
    private readonly struct PixelCut
    {
        private readonly nint _pixels, _chunkPixels;

        public PixelCut(nint pixels, int channels)
        {
            _pixels = pixels;
            _chunkPixels = Math.Max(1, ElementsPerItem / (BlockPixels * channels)) * BlockPixels;
            Chunks = checked((int)((pixels + _chunkPixels - 1) / _chunkPixels));
        }

        public int Chunks { get; }

        /// <summary>First pixel of a chunk, counted from the first image, and the number of its pixels.</summary>
        public (nint Start, nint Count) Of(int item)
        {
            (int n, int chunk) = Math.DivRem(item, Chunks);
            nint first = chunk * _chunkPixels;
            return (n * _pixels + first, nint.Min(_chunkPixels, _pixels - first));
        }
    }

    private struct StatisticsWork : IWork
    {
        public float* Input;
        public PixelCut Cut;
        public int Channels, Groups;
        public Moments* Partials;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            (nint start, nint count) = Cut.Of(item);
            float* input = Input + start * Channels;
            float* means = (float*)Scratch.Take(2 * (nint)Channels * sizeof(float)), squares = means + Channels;
            new Span<float>(means, 2 * Channels).Clear();
            int whole = Channels - Channels % TSimd.Count;
            nint pixel = 0;
            for (; pixel + BlockPixels <= count; pixel += BlockPixels)
            {
                AddBlock<TSimd, TVector>(input, pixel, 0, whole, means, squares);
                AddBlock<SimdScalar, float>(input, pixel, whole, Channels, means, squares);
            }

            for (; pixel < count; pixel++)
            {
                AddPixel<TSimd, TVector>(input, pixel, 0, whole, means, squares);
                AddPixel<SimdScalar, float>(input, pixel, whole, Channels, means, squares);
            }

            MergeChannels(input, count, means, squares, Partials + (nint)item * Groups);
        }

        // Eight pixels of channels start … end: their own mean and squares in registers, then merged with those before.
        private readonly void AddBlock<TSimd, TVector>(float* input, nint pixel, int start, int end, float* means, float* squares)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint stride = Channels;
            float share = (float)BlockPixels / (pixel + BlockPixels);
            TVector meanShare = TSimd.Broadcast(share), squareShare = TSimd.Broadcast(share * pixel), eighth = TSimd.Broadcast(1f / BlockPixels);
            for (int c = start; c < end; c += TSimd.Count)
            {
                float* x = input + pixel * stride + c;
                TVector first = TSimd.Load(input + c);
                TVector d0 = TSimd.Subtract(TSimd.Load(x), first), d1 = TSimd.Subtract(TSimd.Load(x + stride), first);
                TVector d2 = TSimd.Subtract(TSimd.Load(x + 2 * stride), first), d3 = TSimd.Subtract(TSimd.Load(x + 3 * stride), first);
                TVector d4 = TSimd.Subtract(TSimd.Load(x + 4 * stride), first), d5 = TSimd.Subtract(TSimd.Load(x + 5 * stride), first);
                TVector d6 = TSimd.Subtract(TSimd.Load(x + 6 * stride), first), d7 = TSimd.Subtract(TSimd.Load(x + 7 * stride), first);
                TVector sum = TSimd.Add(TSimd.Add(TSimd.Add(d0, d1), TSimd.Add(d2, d3)), TSimd.Add(TSimd.Add(d4, d5), TSimd.Add(d6, d7)));
                TVector mean = TSimd.Multiply(sum, eighth);
                TVector q0 = Square<TSimd, TVector>(d0, mean, Square<TSimd, TVector>(d1, mean, TSimd.Zero));
                TVector q1 = Square<TSimd, TVector>(d2, mean, Square<TSimd, TVector>(d3, mean, TSimd.Zero));
                q0 = Square<TSimd, TVector>(d4, mean, Square<TSimd, TVector>(d5, mean, q0));
                q1 = Square<TSimd, TVector>(d6, mean, Square<TSimd, TVector>(d7, mean, q1));
                Merge<TSimd, TVector>(means + c, squares + c, mean, TSimd.Add(q0, q1), meanShare, squareShare);
            }
        }

        private readonly void AddPixel<TSimd, TVector>(float* input, nint pixel, int start, int end, float* means, float* squares)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            float share = 1f / (pixel + 1);
            TVector meanShare = TSimd.Broadcast(share), squareShare = TSimd.Broadcast(share * pixel);
            for (int c = start; c < end; c += TSimd.Count)
            {
                TVector d = TSimd.Subtract(TSimd.Load(input + pixel * Channels + c), TSimd.Load(input + c));
                Merge<TSimd, TVector>(means + c, squares + c, d, TSimd.Zero, meanShare, squareShare);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TVector Square<TSimd, TVector>(TVector x, TVector around, TVector sum) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            TVector d = TSimd.Subtract(x, around);
            return TSimd.MultiplyAdd(d, d, sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Merge<TSimd, TVector>(float* means, float* squares, TVector mean, TVector square, TVector meanShare, TVector squareShare)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            TVector before = TSimd.Load(means), difference = TSimd.Subtract(mean, before);
            TSimd.Store(means, TSimd.MultiplyAdd(difference, meanShare, before));
            TSimd.Store(squares, TSimd.Add(TSimd.Load(squares), TSimd.MultiplyAdd(TSimd.Multiply(difference, difference), squareShare, square)));
        }

        // From channels, relative to their first values, to groups, absolute.
        private readonly void MergeChannels(float* first, nint pixels, float* means, float* squares, Moments* partials)
        {
            int groupChannels = Channels / Groups;
            for (int group = 0; group < Groups; group++)
            {
                int start = group * groupChannels, end = start + groupChannels;
                double mean = 0, around = 0, inside = 0;
                for (int c = start; c < end; c++) mean += (double)first[c] + means[c];
                mean /= groupChannels;
                for (int c = start; c < end; c++)
                {
                    double difference = (double)first[c] + means[c] - mean;
                    around += difference * difference;
                    inside += squares[c];
                }

                partials[group] = new Moments { Count = (double)pixels * groupChannels, Mean = mean, Squares = inside + pixels * around };
            }
        }
    }

    private struct ApplyWork : IWork
    {
        public float* Input, Output, Scale, Shift;
        public PixelCut Cut;
        public int Channels;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            (nint start, nint count) = Cut.Of(item);
            nint statistics = item / Cut.Chunks * (nint)Channels;
            float* scale = Scale + statistics, shift = Shift + statistics;
            int whole = Channels - Channels % TSimd.Count;
            for (nint pixel = start; pixel < start + count; pixel++)
            {
                float* x = Input + pixel * Channels, y = Output + pixel * Channels;
                for (int c = 0; c < whole; c += TSimd.Count)
                    TSimd.Store(y + c, TSimd.MultiplyAdd(TSimd.Load(x + c), TSimd.Load(scale + c), TSimd.Load(shift + c)));
                for (int c = whole; c < Channels; c++)
                    y[c] = SimdScalar.MultiplyAdd(x[c], scale[c], shift[c]);
            }
        }
    }
}
