// B of a product, packed once for many uses: panels of NR columns, each contiguous along K, the last one filled up with
// zeros. A panel's rows of NR numbers are what the register tile loads at each step.
//
//     panel 0: k = 0: [NR numbers], k = 1: [NR numbers] ... | panel 1: ... | ...

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

/// <summary>Packed panels of B for the instruction set in use. A batch stride of 0 shares one matrix among all.</summary>
public readonly unsafe struct PackedMatrix
{
    // Stretch of inner k that is packed as one item, and that of one sweep over the taps of a filter.
    private const int ItemK = PanelPacking.MaxCount;
    private const int SweepK = 16;

    internal PackedMatrix(float* panels, int k, int n, nint batchStride)
    {
        Panels = panels;
        (K, N, BatchStride) = (k, n, batchStride);
    }

    public readonly float* Panels;
    public readonly int K, N;
    public readonly nint BatchStride;

    /// <summary>Floats that one packed k x n matrix takes with the instruction set in use.</summary>
    public static nint Floats(int k, int n) => Floats(k, n, Tiling.CurrentColumns);

    /// <summary>Packs into <paramref name="destination"/>: 64-byte aligned, <see cref="Floats(int,int)"/> floats for each of the batch.</summary>
    public static PackedMatrix Pack(float* destination, in MatrixSource source)
    {
        int columns = Tiling.CurrentColumns;
        nint floats = Floats(source.K, source.N, columns);
        var work = new PackWork
        {
            Source = source,
            Destination = destination,
            Floats = floats,
            Panels = Blocks.Count(source.N, columns),
            Chunks = Blocks.Count(source.InnerK, ItemK),
        };
        WorkerPool.Run(checked(source.Batch * work.Panels * work.Chunks), ref work);
        return new PackedMatrix(destination, source.K, source.N, source.Batch > 1 ? floats : 0);
    }

    private static nint Floats(int k, int n, int columns) => (nint)k * Blocks.Count(n, columns) * columns;

    private struct PackWork : IWork
    {
        public MatrixSource Source;
        public float* Destination;
        public nint Floats;
        public int Panels, Chunks;

        public readonly void Run<TSimd, TVector>(int item) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            int columns = Tiling.Columns<TSimd, TVector>();
            int chunk = item % Chunks, panel = item / Chunks % Panels, batch = item / Chunks / Panels;
            int start = chunk * ItemK, count = Math.Min(ItemK, Source.InnerK - start), used = Math.Min(columns, Source.N - panel * columns);
            float* source = Source.Source + batch * Source.BatchStride + (nint)panel * columns * Source.ColumnStride + start * Source.InnerStride;
            float* destination = Destination + batch * Floats + ((nint)panel * Source.K + start) * columns;

            // A filter's taps are neighbours in memory: sweeping all taps over few inner k reads each cache line once.
            int sweep = Source.InnerStride == 1 || Source.ColumnStride == 1 ? count : SweepK;
            for (int inner = 0; inner < count; inner += sweep)
            {
                for (int outer = 0; outer < Source.OuterK; outer++)
                {
                    float* from = source + inner * Source.InnerStride + outer * Source.OuterStride;
                    float* to = destination + (inner + (nint)outer * Source.InnerK) * columns;
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
