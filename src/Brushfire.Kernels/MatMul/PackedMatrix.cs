// B of a product, packed once for many uses: panels of NR columns, each contiguous along K, the last one filled up with
// zeros. A panel's rows of NR numbers are what the register tile loads at each step.
//
//     float32:   panel 0: k = 0: [NR numbers], k = 1: [NR numbers] ... | panel 1: ... | ...
//     bfloat16:  panel 0: k = 0, 1: [NR pairs], k = 2, 3: [NR pairs] ... | ...     the lower half of a pair has the even k; an odd K ends with zeros
//
// A gated linear layer's columns are two halves of N, and an output needs a column of each. Packed in halves, each of them is
// whole panels, the second half's after all of the first's.

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

    /// <summary>Whether columns follow one another, each without a gap, as in <see cref="Filter"/>.</summary>
    internal bool HasWholeColumns => InnerStride == OuterK && (OuterK == 1 || OuterStride == 1) && ColumnStride == K;

    /// <summary>A filter [outputs, inputs, taps], as checkpoints store linear layers (1 tap) and convolutions: N = outputs, K over taps, then inputs.</summary>
    public static MatrixSource Filter(float* filter, int outputs, int inputs, int taps) => new(filter, outputs, (nint)inputs * taps, inputs, taps, taps, 1);
}

/// <summary>Packed panels of B, float32 or bfloat16, for the instruction set in use. A batch stride (in bytes) of 0 shares one matrix among all.</summary>
public readonly unsafe struct PackedMatrix
{
    // Stretch of inner k that is packed as one item, and numbers of a column that are interleaved at once before they go to their taps.
    private const int ItemK = PanelPacking.MaxCount;
    private const int StageK = 288;

    private PackedMatrix(void* panels, ElementKind element, int k, int n, int halves, nint batchStride)
    {
        Panels = (byte*)panels;
        (Element, K, N, Halves, BatchStride) = (element, k, n, halves, batchStride);
        _halfStride = Blocks.RoundUp(n, Tiling.CurrentColumns) * ColumnBytes(k, element);
    }

    public readonly byte* Panels;
    public readonly ElementKind Element;
    public readonly int K;

    /// <summary>Columns, or those of one half.</summary>
    public readonly int N;

    /// <summary>2 where a finished tile is columns of both halves side by side, the second at the middle of its rows; else 1.</summary>
    public readonly int Halves;
    public readonly nint BatchStride;
    private readonly nint _halfStride;

    /// <summary>Bytes that one packed k x n matrix takes with the instruction set in use.</summary>
    public static nint Bytes(int k, int n, ElementKind element = ElementKind.Float32, int halves = 1) =>
        ColumnBytes(k, element) * halves * Blocks.RoundUp(n / halves, Tiling.CurrentColumns);

    /// <summary>Whether <see cref="Pack"/> may write over the source itself: whole panels, whose columns lie where the panel will.</summary>
    public static bool FitsInPlace(in MatrixSource source, ElementKind element, int halves = 1) =>
        element == ElementKind.Float32 && source.Batch == 1 && source.HasWholeColumns && source.N % (halves * Tiling.CurrentColumns) == 0;

    /// <summary>
    /// Packs into <paramref name="destination"/>, 64-byte aligned, <see cref="Bytes"/> for each of the batch, which is the source itself or apart from it;
    /// bfloat16 is rounded to nearest even. <paramref name="halves"/> divides the source's N.
    /// </summary>
    public static PackedMatrix Pack(void* destination, in MatrixSource source, ElementKind element = ElementKind.Float32, int halves = 1)
    {
        if (element is not (ElementKind.Float32 or ElementKind.BFloat16)) throw new ArgumentOutOfRangeException(nameof(element), element, "Panels hold Float32 or BFloat16.");
        int n = source.N / halves;
        nint bytes = Bytes(source.K, source.N, element, halves);

        // A panel is one item where it takes its source's place, and where pairs of an odd inner size reach across taps.
        bool inPlace = destination == source.Source, whole = inPlace || (element == ElementKind.BFloat16 && source.OuterK > 1 && source.InnerK % 2 != 0);
        var work = new PackWork
        {
            Source = source,
            Destination = (byte*)destination,
            Element = element,
            Bytes = bytes,
            N = n,
            PanelsInHalf = Blocks.Count(n, Tiling.CurrentColumns),
            Panels = halves * Blocks.Count(n, Tiling.CurrentColumns),
            ChunkK = whole ? source.InnerK : ItemK,
            Chunks = whole ? 1 : Blocks.Count(source.InnerK, ItemK),
            Stretch = inPlace ? source.InnerK : source.OuterK > 1 && source.HasWholeColumns ? Math.Max(1, StageK / source.OuterK) : 0,
        };
        WorkerPool.Run(checked(source.Batch * work.Panels * work.Chunks), ref work);
        return new PackedMatrix(destination, element, source.K, n, halves, source.Batch > 1 ? bytes : 0);
    }

    /// <summary>Bytes from the first panel to another one, where panels are counted in turns of one half and the other.</summary>
    internal nint PanelOffset(int panel, nint panelBytes) => panel / Halves * panelBytes + panel % Halves * _halfStride;

    /// <summary>Bytes from a column of a panel to the next, counted over all of K.</summary>
    internal static nint ColumnBytes(int k, ElementKind element) => element == ElementKind.BFloat16 ? (nint)Blocks.RoundUp(k, 2) * sizeof(ushort) : (nint)k * sizeof(float);

    private struct PackWork : IWork
    {
        public MatrixSource Source;
        public byte* Destination;
        public ElementKind Element;
        public nint Bytes;
        public int N, PanelsInHalf, Panels, ChunkK, Chunks;

        /// <summary>Inner k that are interleaved with all their taps before their rows go to their places; 0 where rows go there at once.</summary>
        public int Stretch;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            int columns = Tiling.Columns<TSimd, TVector>();
            int chunk = item % Chunks, panel = item / Chunks % Panels, batch = item / Chunks / Panels;
            int start = chunk * ChunkK, count = Math.Min(ChunkK, Source.InnerK - start);
            int inHalf = panel % PanelsInHalf * columns, column = panel / PanelsInHalf * N + inHalf, used = Math.Min(columns, N - inHalf);
            float* source = Source.Source + batch * Source.BatchStride + column * Source.ColumnStride + start * Source.InnerStride;
            byte* destination = Destination + batch * Bytes + panel * columns * ColumnBytes(Source.K, Element);
            nint staged = (nint)Stretch * Source.OuterK * columns, rows = Element == ElementKind.Float32 ? 0 : (nint)Source.OuterK * count * columns;
            float* stage = (float*)Scratch.Take((staged + rows) * sizeof(float)), panelRows = stage + staged;
            if (Element == ElementKind.Float32)
            {
                PackTaps<TSimd, TVector>(source, stage, (float*)destination + (nint)start * columns, Source.InnerK, count, columns, used);
                return;
            }

            PackTaps<TSimd, TVector>(source, stage, panelRows, count, count, columns, used);
            if (Chunks == 1)
            {
                BFloat16Panels.Pack<TSimd, TVector>(panelRows, Source.K, columns, (uint*)destination);
                return;
            }

            for (int outer = 0; outer < Source.OuterK; outer++)
                BFloat16Panels.Pack<TSimd, TVector>(panelRows + (nint)outer * count * columns, count, columns, (uint*)destination + ((nint)outer * Source.InnerK + start) / 2 * columns);
        }

        // Rows of a panel for all taps, whose inner k start tapRows rows apart.
        private readonly void PackTaps<TSimd, TVector>(float* source, float* stage, float* destination, int tapRows, int count, int columns, int used)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            if (Stretch == 0)
            {
                for (int outer = 0; outer < Source.OuterK; outer++)
                    PackRows(source + outer * Source.OuterStride, destination + (nint)outer * tapRows * columns, count, columns, used);
                return;
            }

            // A filter's taps are neighbours in memory: all of a stretch are interleaved as they lie, then each row goes to its tap.
            for (int inner = 0; inner < count; inner += Stretch)
            {
                int length = Math.Min(Stretch, count - inner);
                float* from = source + (nint)inner * Source.OuterK;
                for (int done = 0; done < length * Source.OuterK; done += StageK)
                    Interleave(from + done, stage + (nint)done * columns, Math.Min(StageK, length * Source.OuterK - done), columns, used);
                for (int outer = 0; outer < Source.OuterK; outer++)
                    CopyRows<TSimd, TVector>(stage + (nint)outer * columns, (nint)Source.OuterK * columns, length, columns, destination + (inner + (nint)outer * tapRows) * columns);
            }
        }

        private static void CopyRows<TSimd, TVector>(float* source, nint stride, int count, int columns, float* destination) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            for (; count > 0; count--, source += stride, destination += columns)
                for (int c = 0; c < columns; c += TSimd.Count) TSimd.Store(destination + c, TSimd.Load(source + c));
        }

        // Numbers of each column that are neighbours in memory.
        private readonly void Interleave(float* source, float* destination, int count, int columns, int used)
        {
            float** pointers = stackalloc float*[48];
            for (int c = 0; c < columns; c++) pointers[c] = c < used ? source + c * Source.ColumnStride : PanelPacking.Zeros;
            PanelPacking.Interleave(pointers, columns, count, destination);
        }

        private readonly void PackRows(float* source, float* destination, int count, int columns, int used)
        {
            if (Source.InnerStride == 1)
            {
                Interleave(source, destination, count, columns, used);
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
