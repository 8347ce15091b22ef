// Group normalization of channels-last [N, pixels, C]: each of the groups of C / groups neighbouring channels of one image
// is brought to mean 0 and variance 1, then scaled and shifted by channel. Statistics and application are separate,
// because y = x * scale[n, c] + shift[n, c] can be done by whoever reads x next.
//
// Note: how the statistics stay exact. Pixels are cut into chunks by shape. In a chunk, values are taken relative to a center,
// the mean of the group's first four pixels there, so that squares lose at most n / (4 groupChannels) of their digits' weight
// (Cauchy and Schwarz: (mean - center)^2 is at most so many variances) and mostly none. Sums are float32 within a chunk
// of at most 256 pixels, float64 over channels and chunks, in a fixed order. Neither a large mean
// nor an outlier costs digits of the variance. What is left is the rounding of scale and shift: an absolute error up to
// 1.2e-7 |mean| / deviation, times the weight.

namespace Brushfire.Kernels;

public static unsafe class GroupNorm
{
    private const int ElementsPerItem = 65_536, BlockPixels = 8, CenterPixels = 4, MaxChunkPixels = 256, PixelsAhead = 8;

    /// <summary>Input and output: [batch, pixels, channels], contiguous; they may be the same memory. Weight and bias: [channels], or null for 1 and 0.</summary>
    /// <param name="activation">What each normalized value goes through on its way to memory, or null.</param>
    public static void Run(
        float* input, float* output, int batch, nint pixels, int channels, int groups, float* weight, float* bias, float epsilon, UnaryOperator? activation = null)
    {
        nint count = (nint)batch * channels;
        float* scale = (float*)AlignedMemory.Allocate(2 * count * sizeof(float));
        try
        {
            Statistics(input, batch, pixels, channels, groups, weight, bias, epsilon, scale, scale + count);
            Apply(input, output, batch, pixels, channels, scale, scale + count, activation);
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

    /// <summary>activation(x * scale[n, c] + shift[n, c]) of [batch, pixels, channels]; in place allowed.</summary>
    public static void Apply(float* input, float* output, int batch, nint pixels, int channels, float* scale, float* shift, UnaryOperator? activation = null)
    {
        var application = new Application
        {
            Input = input,
            Output = output,
            Cut = new PixelCut(pixels, channels),
            Items = checked(batch * new PixelCut(pixels, channels).Chunks),
            Channels = channels,
            Scale = scale,
            Shift = shift,
            ExceedsCaches = CacheLines.Exceeds(batch * pixels * channels * sizeof(float)),
        };
        if (activation is { } op) Pointwise.Visit(op, ref application);
        else application.Visit<IdentityOperator>();
    }

    private static Moments Merge(in StatisticsWork work, int n, int group)
    {
        Moments* partials = work.Partials + (nint)n * work.Cut.Chunks * work.Groups + group;
        var all = default(Moments);
        for (int chunk = 0; chunk < work.Cut.Chunks; chunk++)
        {
            Moments* next = partials + (nint)chunk * work.Groups;
            all.Count += next->Count;
            all.Mean += next->Count * next->Mean;
        }

        all.Mean /= all.Count;
        for (int chunk = 0; chunk < work.Cut.Chunks; chunk++)
        {
            Moments* next = partials + (nint)chunk * work.Groups;
            double difference = next->Mean - all.Mean;
            all.Squares += next->Squares + next->Count * difference * difference;
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
            _chunkPixels = Math.Clamp(ElementsPerItem / (BlockPixels * channels), 1, MaxChunkPixels / BlockPixels) * BlockPixels;
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
            float* centers = (float*)Scratch.Take(3 * (nint)Channels * sizeof(float)), sums = centers + Channels, squares = sums + Channels;
            int whole = Channels - Channels % TSimd.Count;
            nint first = nint.Min(CenterPixels, count);
            AddPixels<TSimd, TVector>(input, first, 0, whole, sums);
            AddPixels<SimdScalar, float>(input, first, whole, Channels, sums);
            SpreadCenters(sums, first, centers);

            new Span<float>(sums, 2 * Channels).Clear();
            int several = Channels - Channels % SimdSeveral<TSimd, TVector>.Count;

            // With narrower vectors, sums stay in registers instead.
            nint apart = TSimd.Count == 16 ? count / SimdSeveral<TSimd, TVector>.Places : 0, together = apart * SimdSeveral<TSimd, TVector>.Places;
            for (nint pixel = 0; pixel < apart; pixel++) AddTogether<TSimd, TVector>(input + pixel * Channels, apart * Channels, whole, centers, sums, squares);
            if (together < count)
            {
                AddDistances<SimdSeveral<TSimd, TVector>, Several<TVector>>(input + together * Channels, count - together, 0, several, centers, sums, squares);
                AddDistances<TSimd, TVector>(input + together * Channels, count - together, several, whole, centers, sums, squares);
            }

            AddDistances<SimdScalar, float>(input, count, whole, Channels, centers, sums, squares);
            MergeChannels(count, centers, sums, squares, Partials + (nint)item * Groups);
        }

        private readonly void AddPixels<TSimd, TVector>(float* input, nint pixels, int start, int end, float* sums) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            for (int c = start; c < end; c += TSimd.Count)
            {
                TVector sum = TSimd.Zero;
                for (nint pixel = 0; pixel < pixels; pixel++) sum = TSimd.Add(sum, TSimd.Load(input + pixel * Channels + c));
                TSimd.Store(sums + c, sum);
            }
        }

        private readonly void SpreadCenters(float* sums, nint pixels, float* centers)
        {
            int groupChannels = Channels / Groups;
            for (int start = 0; start < Channels; start += groupChannels)
            {
                float sum = 0;
                for (int c = start; c < start + groupChannels; c++) sum += sums[c];
                new Span<float>(centers + start, groupChannels).Fill(sum / (pixels * groupChannels));
            }
        }

        // Adds channels 0 … end of the pixels at all places: distances from the centers and their squares.
        private static void AddTogether<TSimd, TVector>(float* x, nint apart, int end, float* centers, float* sums, float* squares)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            for (int c = 0; c < end; c += TSimd.Count)
            {
                SimdSeveral<TSimd, TVector>.Prefetch(x + c + CacheLines.AheadEach, apart);
                Several<TVector> d = SimdSeveral<TSimd, TVector>.Subtract(SimdSeveral<TSimd, TVector>.Load(x + c, apart), SimdSeveral<TSimd, TVector>.Load(centers + c, 0));
                TSimd.Store(sums + c, TSimd.Add(TSimd.Load(sums + c), SimdSeveral<TSimd, TVector>.SumPlaces(d)));
                TSimd.Store(squares + c, TSimd.Add(TSimd.Load(squares + c), SimdSeveral<TSimd, TVector>.SumPlaces(SimdSeveral<TSimd, TVector>.Multiply(d, d))));
            }
        }

        // Adds channels start … end of pixels that follow each other.
        private readonly void AddDistances<TSimd, TVector>(float* input, nint pixels, int start, int end, float* centers, float* sums, float* squares)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            nint ahead = PixelsAhead * (nint)Channels;
            for (int c = start; c < end; c += TSimd.Count)
            {
                TVector center = TSimd.Load(centers + c), sum = TSimd.Load(sums + c), square = TSimd.Load(squares + c);
                for (float* x = input + c, stop = x + pixels * Channels; x != stop; x += Channels)
                {
                    TSimd.Prefetch(x + ahead);
                    TVector d = TSimd.Subtract(TSimd.Load(x), center);
                    sum = TSimd.Add(sum, d);
                    square = TSimd.MultiplyAdd(d, d, square);
                }

                TSimd.Store(sums + c, sum);
                TSimd.Store(squares + c, square);
            }
        }

        // From channels, relative to the centers, to groups, absolute.
        private readonly void MergeChannels(nint pixels, float* centers, float* sums, float* squares, Moments* partials)
        {
            int groupChannels = Channels / Groups;
            for (int group = 0; group < Groups; group++)
            {
                int start = group * groupChannels;
                double sum = 0, square = 0, count = (double)pixels * groupChannels;
                for (int c = start; c < start + groupChannels; c++)
                {
                    sum += sums[c];
                    square += squares[c];
                }

                partials[group] = new Moments { Count = count, Mean = centers[start] + sum / count, Squares = Math.Max(square - sum * sum / count, 0) };
            }
        }
    }

    private readonly struct IdentityOperator : IUnaryOperator
    {
        public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct => x;
    }

    private struct Application : IUnaryVisitor
    {
        public float* Input, Output, Scale, Shift;
        public PixelCut Cut;
        public int Items, Channels;
        public bool ExceedsCaches;

        public readonly void Visit<TOperator>() where TOperator : struct, IUnaryOperator
        {
            var work = new ApplyWork<TOperator> { All = this };
            WorkerPool.Run(Items, ref work);
        }
    }

    private struct ApplyWork<TActivation> : IWork where TActivation : struct, IUnaryOperator
    {
        public Application All;

        // From the last chunk to the first: what the statistics read last is still in a cache.
        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            item = All.Items - 1 - item;
            (nint start, nint count) = All.Cut.Of(item);
            int channels = All.Channels, whole = channels - channels % TSimd.Count;
            float* scale = All.Scale + item / All.Cut.Chunks * (nint)channels, shift = All.Shift + item / All.Cut.Chunks * (nint)channels;
            float* x = All.Input + start * channels, y = All.Output + start * channels;
            bool past = All.ExceedsCaches && whole == channels && CacheLines.AreAligned<TSimd, TVector>(y, channels);
            nint apart = count / SimdSeveral<TSimd, TVector>.Places * channels, together = apart * SimdSeveral<TSimd, TVector>.Places;
            for (nint i = 0; i < apart; i += channels) Row<SimdSeveral<TSimd, TVector>, Several<TVector>>(x + i, y + i, apart, 0, whole, scale, shift, past);
            for (nint i = together; i < count * channels; i += channels) Row<TSimd, TVector>(x + i, y + i, 0, 0, whole, scale, shift, past);
            if (whole == channels) return;
            for (nint i = 0; i < count * channels; i += channels) Row<SimdScalar, float>(x + i, y + i, 0, whole, channels, scale, shift, past: false);
        }

        // A pixel, or one at each place.
        private static void Row<TSimd, TVector>(float* x, float* y, nint apart, int start, int end, float* scale, float* shift, bool past)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            for (int c = start; c < end; c += TSimd.Count / TSimd.Places)
            {
                TSimd.Prefetch(x + c + CacheLines.AheadEach, apart);
                TVector value = TSimd.MultiplyAdd(TSimd.Load(x + c, apart), TSimd.Load(scale + c, 0), TSimd.Load(shift + c, 0));
                CacheLines.Store<TSimd, TVector>(y + c, apart, TActivation.Invoke<TSimd, TVector>(value), past);
            }
        }
    }
}
