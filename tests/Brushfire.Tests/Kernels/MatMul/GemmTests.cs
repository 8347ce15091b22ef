// Gemm against a double loop: every edge of tiles and blocks, strides on both sides, batches, hooks, and threads.

using Brushfire.Kernels;
using CsCheck;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class GemmTests
{
    private static int MR => Tiling.CurrentRows;
    private static int NR => Tiling.CurrentColumns;

    public static TheoryData<int, int, int> Edges
    {
        get
        {
            var data = new TheoryData<int, int, int>();
            foreach (int m in new[] { 1, 2, MR - 1, MR, MR + 1, 3 * MR + 2 })
                foreach (int n in new[] { 1, 3, NR - 1, NR, NR + 1 })
                    foreach (int k in new[] { 0, 1, 2, 5, 33 }) data.Add(m, n, k);
            data.Add(133, 2 * NR + 5, 40);   // more than one block of rows
            data.Add(7, 400, 9);             // more than one block of columns
            data.Add(13, NR + 3, 384);       // exactly one block of K
            data.Add(13, NR + 3, 385);
            data.Add(9, 2 * NR, 1200);
            data.Add(270, 401, 390);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Edges))]
    public void Product_agrees_with_a_double_loop(int m, int n, int k) => Check(new Case(m, n, k));

    [Theory]
    [MemberData(nameof(Edges))]
    public void Product_in_bfloat16_agrees_with_a_double_loop_over_rounded_operands(int m, int n, int k) => Check(new Case(m, n, k) { Element = ElementKind.BFloat16 });

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(9, 50, 7)]
    [InlineData(17, 100, 387)]
    [InlineData(40, 49, 802)]
    public void Product_through_interpreted_machine_code_agrees_with_a_double_loop(int m, int n, int k)
    {
        if (Isas.Current != Isa.Avx512) Assert.Skip($"The machine code's tile is that of 512 bits; set {Knobs.Isa.Name}=avx512.");
        Check(new Case(m, n, k) { Element = ElementKind.BFloat16, Bias = true, Interpreted = true });
    }

    [Fact]
    public void Random_products_agree_with_a_double_loop() =>
        Gen.Select(Gen.Int[0, 40], Gen.Int[0, 120], Gen.Int[0, 70], Gen.Int[1, 3], Gen.Int[0, 1023]).Sample((m, n, k, batch, options) =>
            Check(new Case(m, n, k)
            {
                Batch = batch,
                TransposeA = (options & 1) != 0,
                TransposeB = (options & 2) != 0,
                Gap = (options & 4) != 0 ? 3 : 0,
                Step = (options & 8) != 0 ? 2 : 1,
                SharedB = (options & 16) != 0,
                Bias = (options & 32) != 0,
                Residual = (options & 64) != 0,
                Scale = (options & 128) != 0 ? 0.37f : 1,
                Element = (options & 256) != 0 ? ElementKind.BFloat16 : ElementKind.Float32,
                ExceedsCaches = (options & 512) != 0,
            }), iter: 150, threads: 1);

    [Theory]
    [InlineData(37, 96, 20, 0)]
    [InlineData(37, 90, 20, 6)]
    [InlineData(37, 91, 20, 0)]
    public void An_output_past_the_caches_agrees_with_a_double_loop(int m, int n, int k, int gap) => Check(new Case(m, n, k) { ExceedsCaches = true, Bias = true, Residual = true, Gap = gap });

    [Theory]
    [InlineData(ElementKind.Float32)]
    [InlineData(ElementKind.BFloat16)]
    public void Any_number_of_threads_gives_the_same_bytes(ElementKind element)
    {
        int before = WorkerPool.Threads;
        try
        {
            var test = new Case(141, 150, 410) { Bias = true, Element = element };
            WorkerPool.Threads = 1;
            float[] one = Run(test);
            WorkerPool.Threads = 3;
            Assert.Equal(one, Run(test));
        }
        finally
        {
            WorkerPool.Threads = before;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_prologue_sees_each_element_once_with_its_row_and_column(int step)
    {
        const int Batch = 2, M = 29, N = 19, K = 301;
        using var a = new Guarded(Batch * M * K * step, 1);
        using var b = new Guarded(K * N, 2);
        using var shift = new Guarded(Batch * K, 3);
        using var output = new Guarded(Batch * M * N, 4);
        using var panels = new Guarded((int)PackedMatrix.Bytes(K, N) / sizeof(float), 5);
        PackedMatrix packed = PackedMatrix.Pack(panels.Pointer, new MatrixSource(b.Pointer, N, 1, K, N));
        var shifted = new ShiftedRow { Shift = shift.Pointer, Stride = K };
        var source = new MatrixPanels<AnyPrologue>(a.Pointer, M * K * step, K * step, step, AnyPrologue.Of(ref shifted));
        Gemm.Run(Batch, M, source, packed, new StoreEpilogue(output.Pointer, M * N, N));

        float[] expected = new float[Batch * M * N];
        for (int i = 0; i < expected.Length; i++)
        {
            int batch = i / (M * N), row = i / N % M, column = i % N;
            double sum = 0;
            for (int k = 0; k < K; k++) sum += ((double)a.Pointer[((batch * M + row) * K + k) * step] * 2 + shift.Pointer[batch * K + k] + row) * b.Pointer[k * N + column];
            expected[i] = (float)sum;
        }

        Close.Relative(expected, output.Span, 1e-6);
        output.AssertFences();
    }

    [Fact]
    public void An_epilogue_gets_each_output_once()
    {
        const int Batch = 2, M = 139, N = 77, K = 391;
        using var a = new Guarded(Batch * M * K, 1);
        using var b = new Guarded(K * N, 2);
        using var panels = new Guarded((int)PackedMatrix.Bytes(K, N) / sizeof(float), 5);
        int[] visits = new int[Batch * M * N];
        PackedMatrix packed = PackedMatrix.Pack(panels.Pointer, new MatrixSource(b.Pointer, N, 1, K, N));
        fixed (int* pointer = visits)
            Gemm.Run(Batch, M, new MatrixPanels<NoPrologue>(a.Pointer, M * K, K, 1, default), packed, new Counting { Visits = pointer, M = M, N = N });
        Assert.All(visits, count => Assert.Equal(1, count));
    }

    [Theory]
    [InlineData(1, 1, 1, ElementKind.Float32)]
    [InlineData(17, 37, 9, ElementKind.Float32)]
    [InlineData(139, 250, 391, ElementKind.Float32)]
    [InlineData(139, 250, 800, ElementKind.BFloat16)]
    public void A_matrix_in_halves_gives_a_column_of_both_at_once(int m, int n, int k, ElementKind element)
    {
        using var a = new Guarded(m * k, 1);
        using var b = new Guarded(k * 2 * n, 2);
        using var panels = new Guarded((int)PackedMatrix.Bytes(k, 2 * n, element, halves: 2) / sizeof(float), 5);
        using var output = new Guarded(m * n, 4);
        PackedMatrix packed = PackedMatrix.Pack(panels.Pointer, new MatrixSource(b.Pointer, 2 * n, 1, k, 2 * n), element, halves: 2);
        var difference = new Difference { Output = output.Pointer, N = n };
        Gemm.Run(1, m, new MatrixPanels<NoPrologue>(a.Pointer, 0, k, 1, default), packed, AnyEpilogue.Of(ref difference));

        float Operand(float value) => element == ElementKind.BFloat16 ? KernelRuns.BFloat16(value) : value;
        float[] expected = new float[m * n];
        for (int i = 0; i < expected.Length; i++)
        {
            (int row, int column) = (i / n, i % n);
            double sum = 0;
            for (int at = 0; at < k; at++)
                sum += (double)Operand(a.Pointer[row * k + at]) * ((double)Operand(b.Pointer[at * 2 * n + column]) - 3 * (double)Operand(b.Pointer[at * 2 * n + n + column]));
            expected[i] = (float)sum;
        }

        Close.Absolute(expected, output.Span, 4e-6 * (k + 4));
        output.AssertFences();
        panels.AssertFences();
    }

    private static void Check(Case test) => Close.Absolute(Expected(test), Run(test), 1e-6 * (test.K + 4), test.ToString());

    private static float[] Run(Case test)
    {
        using var a = new Guarded(test.SizeA, 1, 3);
        using var b = new Guarded(test.SizeB, 2, 1);
        using var bias = new Guarded(test.N, 3, 5);
        using var output = new Guarded(test.SizeOutput, 4, test.ExceedsCaches ? 0 : 7);
        using var residual = new Guarded(test.SizeOutput, 5, 1);
        using var panels = new Guarded((int)PackedMatrix.Bytes(test.K, test.N, test.Element) / sizeof(float) * test.BatchB, 6);
        float[] before = output.Span.ToArray();

        PackedMatrix packed = PackedMatrix.Pack(panels.Pointer, new MatrixSource(b.Pointer, test.N, test.ColumnStrideB, test.K, test.RowStrideB, 1, 0, test.BatchB, test.BatchStrideB), test.Element);
        panels.AssertFences();
        var source = new MatrixPanels<NoPrologue>(a.Pointer, test.BatchStrideA, test.RowStrideA, test.ColumnStrideA, default);
        var epilogue = new StoreEpilogue(output.Pointer, test.M * test.RowStride, test.RowStride, test.Bias ? bias.Pointer : null, test.Residual ? residual.Pointer : null, test.Scale, test.ExceedsCaches);
        if (test.Interpreted) Gemm.Run<MatrixPanels<NoPrologue>, StoreEpilogue, PairOperands<InterpretedKernels>>(test.Batch, test.M, source, packed, epilogue);
        else Gemm.Run(test.Batch, test.M, source, packed, epilogue);
        output.AssertFences();

        for (int i = 0; i < before.Length; i++)
            if (i % Math.Max(1, test.RowStride) >= test.N) Assert.Equal(before[i], output.Pointer[i]);
        return output.Span.ToArray();
    }

    private static float[] Expected(Case test)
    {
        using var a = new Guarded(test.SizeA, 1);
        using var b = new Guarded(test.SizeB, 2);
        using var bias = new Guarded(test.N, 3);
        using var output = new Guarded(test.SizeOutput, 4);
        using var residual = new Guarded(test.SizeOutput, 5);
        for (int batch = 0; batch < test.Batch; batch++)
        {
            for (int row = 0; row < test.M; row++)
            {
                for (int column = 0; column < test.N; column++)
                {
                    double sum = 0;
                    float* x = a.Pointer + batch * test.BatchStrideA + row * test.RowStrideA, w = b.Pointer + (test.SharedB ? 0 : batch) * test.BatchStrideB + column * test.ColumnStrideB;
                    for (int k = 0; k < test.K; k++) sum += (double)test.Operand(x[k * test.ColumnStrideA]) * test.Operand(w[k * test.RowStrideB]);
                    int at = (batch * test.M + row) * test.RowStride + column;
                    output.Pointer[at] = (float)(sum * test.Scale + (test.Bias ? bias.Pointer[column] : 0) + (test.Residual ? residual.Pointer[at] : 0));
                }
            }
        }

        return output.Span.ToArray();
    }

    // Gap: elements between rows. Step: distance of neighbours in a row of A and B.
    private sealed record Case(int M, int N, int K)
    {
        public int Batch { get; init; } = 1;
        public bool ExceedsCaches { get; init; }
        public bool TransposeA { get; init; }
        public bool TransposeB { get; init; }
        public int Gap { get; init; }
        public int Step { get; init; } = 1;
        public bool SharedB { get; init; }
        public bool Bias { get; init; }
        public bool Residual { get; init; }
        public float Scale { get; init; } = 1;
        public ElementKind Element { get; init; }
        public bool Interpreted { get; init; }

        public float Operand(float value) => Element == ElementKind.BFloat16 ? KernelRuns.BFloat16(value) : value;

        public int BatchB => SharedB ? 1 : Batch;
        public int RowStrideA => TransposeA ? Step : K * Step + Gap;
        public int ColumnStrideA => TransposeA ? M * Step + Gap : Step;
        public int BatchStrideA => TransposeA ? K * ColumnStrideA : M * RowStrideA;
        public int RowStrideB => TransposeB ? Step : N * Step + Gap;
        public int ColumnStrideB => TransposeB ? K * Step + Gap : Step;
        public int BatchStrideB => TransposeB ? N * ColumnStrideB : K * RowStrideB;
        public int RowStride => N + Gap;

        // Up to the last element that is used, so that the fence begins right behind it.
        public int SizeA => M == 0 || K == 0 ? 0 : (Batch - 1) * BatchStrideA + (M - 1) * RowStrideA + (K - 1) * ColumnStrideA + 1;
        public int SizeB => N == 0 || K == 0 ? 0 : (BatchB - 1) * BatchStrideB + (K - 1) * RowStrideB + (N - 1) * ColumnStrideB + 1;
        public int SizeOutput => M == 0 || N == 0 ? 0 : (Batch * M - 1) * RowStride + N;
    }

    // a -> 2 a + shift[batch, column] + row
    private struct ShiftedRow : IPrologue
    {
        public float* Shift;
        public int Stride;

        public readonly void Apply<TSimd, TVector>(float* source, int count, int batch, nint row, int column, float* destination) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            for (int i = 0; i < count; i++) destination[i] = source[i] * 2 + Shift[batch * Stride + column + i] + row;
        }
    }

    // The first half less three times the second.
    private struct Difference : IEpilogue
    {
        public float* Output;
        public int N;

        public readonly void Prefetch(int batch, nint row, int column, int rows, int columns) { }

        public readonly void Store<TSimd, TVector>(float* tile, nint tileStride, int batch, nint row, int column, int rows, int columns)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            for (int r = 0; r < rows; r++, tile += tileStride)
                for (int c = 0; c < columns; c++) Output[(row + r) * N + column + c] = tile[c] - 3 * tile[tileStride / 2 + c];
        }
    }

    private struct Counting : IEpilogue
    {
        public int* Visits;
        public int M, N;

        public readonly void Prefetch(int batch, nint row, int column, int rows, int columns) { }

        public readonly void Store<TSimd, TVector>(float* tile, nint tileStride, int batch, nint row, int column, int rows, int columns)
            where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            Assert.InRange(rows, 1, Tiling.Rows<TSimd, TVector>());
            Assert.InRange(columns, 1, Tiling.Columns<TSimd, TVector>());
            Assert.Equal(0, column % Tiling.Columns<TSimd, TVector>());
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < columns; c++) Interlocked.Increment(ref Visits[((nint)batch * M + row + r) * N + column + c]);
        }
    }
}
