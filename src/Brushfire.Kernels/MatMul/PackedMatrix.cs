// B of a product, packed once for many uses: panels of NR columns, each contiguous along K, the last one filled up with
// zeros. A panel's rows of NR numbers are what the register tile loads at each step.
//
//     float32:   panel 0: k = 0: [NR numbers], k = 1: [NR numbers] ... | panel 1: ... | ...
//     bfloat16:  panel 0: k = 0, 1: [NR pairs], k = 2, 3: [NR pairs] ... | ...     the lower half of a pair has the even k; an odd K ends with zeros
//
// A gated linear layer's columns are two halves of N, and an output needs a column of each. Packed in halves, their panels
// alternate: panel 0 of the first half, panel 0 of the second, panel 1 of the first, ...

namespace Brushfire.Kernels;

/// <summary>
/// B[batch, k, column] to be packed, at source + batch * batchStride + k's offset + column * columnStride. The index k may have two levels,
/// k = outer * innerK + inner: a filter [O, I, kh, kw] has its taps outside (kh * kw of them, stride 1) and I inside (stride kh * kw).
/// </summary>
public readonly unsafe struct MatrixSource(float* source, int n, nint columnStride, int innerK, nint innerStride, int outerK = 1, nint outerStride = 0, int batch = 1, nint batchStride = 0)
{
    public readonly float* Source = source;
    public readonly int N = n, InnerK = innerK, OuterK = outerK, Batch = batch;
    public readonly nint ColumnStride = columnStride, InnerStride = innerStride, OuterStride = outerStride, BatchStride = batchStride;

    public int K => InnerK * OuterK;

    /// <summary>A filter [outputs, inputs, taps], as checkpoints store linear layers (1 tap) and convolutions: N = outputs, K over taps, then inputs.</summary>
    public static MatrixSource Filter(float* filter, int outputs, int inputs, int taps) => new(filter, outputs, (nint)inputs * taps, inputs, taps, taps, 1);
}

/// <summary>Packed panels of B, float32 or bfloat16, for the instruction set in use. A batch stride (in bytes) of 0 shares one matrix among all.</summary>
public readonly unsafe struct PackedMatrix
{
    // Stretch of inner k that is packed as one item, and that of one sweep over the taps of a filter.
    private const int ItemK = PanelPacking.MaxCount;
    private const int SweepK = 16;

    private PackedMatrix(void* panels, ElementKind element, int k, int n, int halves, nint batchStride)
    {
        Panels = (byte*)panels;
        (Element, K, N, Halves, BatchStride) = (element, k, n, halves, batchStride);
    }

    public readonly byte* Panels;
    public readonly ElementKind Element;
    public readonly int K;

    /// <summary>Columns, or those of one half.</summary>
    public readonly int N;

    /// <summary>2 where a finished tile is columns of both halves side by side, the second at the middle of its rows; else 1.</summary>
    public readonly int Halves;
    public readonly nint BatchStride;

    /// <summary>Bytes that one packed k x n matrix takes with the instruction set in use.</summary>
    public static nint Bytes(int k, int n, ElementKind element = ElementKind.Float32, int halves = 1) =>
        ColumnBytes(k, element) * halves * Blocks.RoundUp(n / halves, Tiling.CurrentColumns);

    /// <summary>
    /// Packs into <paramref name="destination"/>, 64-byte aligned, <see cref="Bytes"/> for each of the batch; bfloat16 is rounded to nearest even.
    /// <paramref name="halves"/> divides the source's N.
    /// </summary>
    public static PackedMatrix Pack(void* destination, in MatrixSource source, ElementKind element = ElementKind.Float32, int halves = 1)
    {
        if (element is not (ElementKind.Float32 or ElementKind.BFloat16)) throw new ArgumentOutOfRangeException(nameof(element), element, "Panels hold Float32 or BFloat16.");
        int n = source.N / halves;
        nint bytes = Bytes(source.K, source.N, element, halves);

        // Pairs of an odd inner size reach across taps: such a panel is one item.
        bool whole = element == ElementKind.BFloat16 && source.OuterK > 1 && source.InnerK % 2 != 0;
        var work = new PackWork
        {
            Source = source,
            Destination = (byte*)destination,
            Element = element,
            Bytes = bytes,
            Halves = halves,
            Panels = halves * Blocks.Count(n, Tiling.CurrentColumns),
            ChunkK = whole ? source.InnerK : ItemK,
            Chunks = whole ? 1 : Blocks.Count(source.InnerK, ItemK),
        };
        WorkerPool.Run(checked(source.Batch * work.Panels * work.Chunks), ref work);
        return new PackedMatrix(destination, element, source.K, n, halves, source.Batch > 1 ? bytes : 0);
    }

    /// <summary>Bytes from a column of a panel to the next, counted over all of K.</summary>
    internal static nint ColumnBytes(int k, ElementKind element) => element == ElementKind.BFloat16 ? (nint)Blocks.RoundUp(k, 2) * sizeof(ushort) : (nint)k * sizeof(float);

    private struct PackWork : IWork
    {
        public MatrixSource Source;
        public byte* Destination;
        public ElementKind Element;
        public nint Bytes;
        public int Halves, Panels, ChunkK, Chunks;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            int columns = Tiling.Columns<TSimd, TVector>();
            int chunk = item % Chunks, panel = item / Chunks % Panels, batch = item / Chunks / Panels;
            int start = chunk * ChunkK, count = Math.Min(ChunkK, Source.InnerK - start);
            int n = Source.N / Halves, inHalf = panel / Halves * columns, column = panel % Halves * n + inHalf, used = Math.Min(columns, n - inHalf);
            float* source = Source.Source + batch * Source.BatchStride + column * Source.ColumnStride + start * Source.InnerStride;
            byte* destination = Destination + batch * Bytes + panel * columns * ColumnBytes(Source.K, Element);
            if (Element == ElementKind.Float32)
            {
                PackTaps(source, (float*)destination + (nint)start * columns, Source.InnerK, count, columns, used);
                return;
            }

            float* stage = (float*)Scratch.Take((nint)Source.OuterK * count * columns * sizeof(float));
            PackTaps(source, stage, count, count, columns, used);
            if (Chunks == 1)
            {
                BFloat16Panels.Pack<TSimd, TVector>(stage, Source.K, columns, (uint*)destination);
                return;
            }

            for (int outer = 0; outer < Source.OuterK; outer++)
                BFloat16Panels.Pack<TSimd, TVector>(stage + (nint)outer * count * columns, count, columns, (uint*)destination + ((nint)outer * Source.InnerK + start) / 2 * columns);
        }

        // Rows of a panel for all taps, whose inner k start tapRows rows apart. A filter's taps are neighbours in memory:
        // sweeping all taps over few inner k reads each cache line once.
        private readonly void PackTaps(float* source, float* destination, int tapRows, int count, int columns, int used)
        {
            int sweep = Source.InnerStride == 1 || Source.ColumnStride == 1 ? ItemK : SweepK;
            for (int inner = 0; inner < count; inner += sweep)
            {
                for (int outer = 0; outer < Source.OuterK; outer++)
                {
                    float* from = source + inner * Source.InnerStride + outer * Source.OuterStride;
                    float* to = destination + (inner + (nint)outer * tapRows) * columns;
                    PackRows(from, to, Math.Min(sweep, count - inner), columns, used);
                }
            }
        }

        private readonly void PackRows(float* source, float* destination, int count, int columns, int used)
        {
            if (Source.InnerStride == 1)
            {
                float** pointers = stackalloc float*[48];
                for (int c = 0; c < columns; c++) pointers[c] = c < used ? source + c * Source.ColumnStride : PanelPacking.Zeros;
                PanelPacking.Interleave(pointers, columns, count, destination);
                return;
            }

            for (; count > 0; count--, source += Source.InnerStride, destination += columns)
            {
                if (Source.ColumnStride == 1) new ReadOnlySpan<float>(source, used).CopyTo(new Span<float>(destination, used));
                else for (int c = 0; c < used; c++) destination[c] = source[c * Source.ColumnStride];
                for (int c = used; c < columns; c++) destination[c] = 0;
            }
        }
    }
}
