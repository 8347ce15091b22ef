// Winograd's algorithms against a double loop: borders, sizes around every block size, hooks, accuracy, threads.

using Brushfire.Kernels;
using CsCheck;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class WinogradTests
{
    // The budget is 3e-5 of the largest output; 4x4 tiles measure 1e-6 to 3e-6.
    private const double Tolerance = 6e-6;

    // Operands rounded to 8 bits, of which the output's transform adds up nine.
    private const double PairTolerance = 1.5e-2, RoundedTolerance = 2.5e-2;

    [Theory]
    [InlineData(1, 4, 4, 16, 16, 1)]
    [InlineData(1, 12, 12, 16, 16, 1)]
    [InlineData(2, 8, 8, 32, 48, 1)]
    [InlineData(1, 1, 1, 5, 3, 1)]
    [InlineData(3, 5, 7, 17, 33, 1)]
    [InlineData(2, 6, 9, 40, 20, 0)]
    [InlineData(1, 7, 6, 24, 49, 2)]
    [InlineData(1, 3, 30, 7, 50, 1)]
    [InlineData(1, 33, 3, 130, 16, 1)]
    [InlineData(2, 13, 11, 129, 97, 1)]
    [InlineData(1, 9, 10, 300, 31, 1)]
    [InlineData(5, 2, 2, 64, 64, 1)]
    public void Shapes_agree_with_a_double_loop(int batch, int height, int width, int channels, int outputs, int padding) => Check(Shape(batch, height, width, channels, outputs, padding));

    [Fact]
    public void Many_channels_keep_the_accuracy() => Check(Shape(1, 8, 6, 2560, 40, 1));

    [Fact]
    public void Numbers_that_do_not_cancel_keep_the_accuracy()
    {
        ConvolutionShape shape = Shape(1, 9, 8, 600, 20, 1);
        using var input = new Guarded(ConvolutionRuns.Input(shape), 1);
        foreach (ref float value in input.Span) value += 3;
        float[] expected = ConvolutionRuns.Expected(shape, input.Pointer);
        foreach (ConvolutionAlgorithm algorithm in Algorithms) Close.Relative(expected, ConvolutionRuns.Run(shape, new Shift(), algorithm), Tolerance, $"{algorithm}");
    }

    [Fact]
    public void Random_shapes_agree_with_a_double_loop() =>
        Gen.Select(Gen.Int[1, 13], Gen.Int[1, 27], Gen.Int[1, 40], Gen.Int[1, 60], Gen.Int[0, 255]).Sample((height, width, channels, outputs, padding) =>
        {
            ConvolutionShape shape = Shape(1 + padding % 3, height, width, channels, outputs, 0) with { Top = padding & 3, Left = padding >> 2 & 3, Bottom = padding >> 4 & 3, Right = padding >> 6 & 3 };
            if (shape.OutputHeight > 0 && shape.OutputWidth > 0) Check(shape);
        }, iter: 100, threads: 1);

    [Fact]
    public void Images_of_several_chunks_agree_with_a_double_loop()
    {
        ConvolutionShape shape = Shape(1, 121, 118, 144, 5, 1);
        Assert.True(new WinogradBlocks(shape, WinogradF4.Outputs, Tiling.CurrentRows, Tiling.CurrentColumns).Chunks > 1);
        Check(shape);
    }

    [Theory]
    [InlineData(69, 61, true)]
    [InlineData(20, 21, false)]
    public void Filters_that_are_kept_and_transformed_on_the_way_agree_with_a_double_loop(int height, int width, bool keeps)
    {
        ConvolutionShape shape = Shape(1, height, width, 130, 52, 1);
        var blocks = new WinogradBlocks(shape, WinogradF4.Outputs, Tiling.CurrentRows, Tiling.CurrentColumns);
        Assert.Equal(keeps, blocks.KeepsFilter);
        Assert.True(blocks is { OutputPanels: > 1, KBlocks: > 1 });
        Check(shape);
    }

    [Theory]
    [InlineData(20)]
    [InlineData(3)]
    public void A_prologue_maps_pixels_and_leaves_the_padding_zero(int channels)
    {
        ConvolutionShape shape = Shape(2, 9, 6, channels, 18, 1);
        using var mapped = new Guarded(ConvolutionRuns.Input(shape), 1);
        ScaledChannels.Apply(mapped.Span, channels);
        float[] expected = ConvolutionRuns.Expected(shape, mapped.Pointer);
        foreach (ConvolutionAlgorithm algorithm in Algorithms) Close.Relative(expected, ConvolutionRuns.Run(shape, new ScaledChannels(), algorithm), Tolerance, $"{algorithm}");
    }

    [Fact]
    public void An_epilogue_gets_each_output_once()
    {
        ConvolutionShape shape = Shape(2, 7, 13, 9, 53, 1);
        using var input = new Guarded(ConvolutionRuns.Input(shape), 1);
        using var filter = new Guarded(shape.OutputChannels * shape.K, 2);
        using var panels = new Guarded((int)PackedMatrix.Bytes(shape.K, shape.OutputChannels) / sizeof(float), 3);
        PackedMatrix packed = PackedMatrix.Pack(panels.Pointer, MatrixSource.Filter(filter.Pointer, shape.OutputChannels, shape.Channels, 9));
        foreach (ConvolutionAlgorithm algorithm in Algorithms)
        {
            using var counts = new Guarded(shape.Batch * shape.OutputHeight * shape.OutputWidth * shape.OutputChannels, 4);
            counts.Span.Clear();
            Brushfire.Kernels.Convolution.Run(shape, input.Pointer, packed, default(NoPrologue), new Count(counts.Pointer, shape.OutputChannels), algorithm);
            Assert.Equal(-1, counts.Span.IndexOfAnyExcept(1));
        }
    }

    [Theory]
    [InlineData(2, 12, 12, 48, 100)]
    [InlineData(1, 121, 118, 72, 5)]
    public void Any_number_of_threads_gives_the_same_bytes(int batch, int height, int width, int channels, int outputs)
    {
        ConvolutionShape shape = Shape(batch, height, width, channels, outputs, 1);
        foreach (ConvolutionAlgorithm algorithm in Algorithms) KernelRuns.SameForAnyThreads(() => ConvolutionRuns.Run(shape, new NoPrologue(), algorithm));
    }

    // A filter in bfloat16 is widened before it is transformed; the algorithms that round do so to both operands after their transforms.
    [Theory]
    [InlineData(2, 8, 8, 32, 48)]
    [InlineData(1, 5, 7, 18, 33)]
    [InlineData(1, 9, 10, 300, 31)]
    public void A_filter_in_bfloat16_agrees_with_a_double_loop(int batch, int height, int width, int channels, int outputs)
    {
        ConvolutionShape shape = Shape(batch, height, width, channels, outputs, 1);
        using var input = new Guarded(ConvolutionRuns.Input(shape), 1);
        float[] expected = ConvolutionRuns.Expected(shape, input.Pointer, ElementKind.BFloat16);
        foreach (ConvolutionAlgorithm algorithm in Algorithms)
        {
            double tolerance = algorithm switch
            {
                ConvolutionAlgorithm.Winograd2 or ConvolutionAlgorithm.Winograd3 => PairTolerance,
                ConvolutionAlgorithm.Winograd4Rounded => RoundedTolerance,
                _ => Tolerance,
            };
            Close.Relative(expected, ConvolutionRuns.Run(shape, new NoPrologue(), algorithm, ElementKind.BFloat16), tolerance, $"{algorithm}");
        }
    }

    [Theory]
    [InlineData(1, 4, 4, 16, 16)]
    [InlineData(1, 5, 7, 18, 33)]
    [InlineData(1, 6, 6, 134, 50)]
    public void Products_in_interpreted_machine_code_agree_with_a_double_loop(int batch, int height, int width, int channels, int outputs)
    {
        if (Isas.Current != Isa.Avx512) Assert.Skip($"The machine code's tile is that of 512 bits; set {Knobs.Isa.Name}=avx512.");
        ConvolutionShape shape = Shape(batch, height, width, channels, outputs, 1);
        using var input = new Guarded(ConvolutionRuns.Input(shape), 1);
        float[] expected = ConvolutionRuns.Expected(shape, input.Pointer, ElementKind.BFloat16);
        Close.Relative(expected, ConvolutionRuns.Run(shape, ElementKind.BFloat16, (shape, input, filter, epilogue) =>
            Winograd.Run<WinogradF2, PairOperands<InterpretedKernels>, NoPrologue, StoreEpilogue>(shape, input, filter, default, epilogue)), PairTolerance);
        Close.Relative(expected, ConvolutionRuns.Run(shape, ElementKind.BFloat16, (shape, input, filter, epilogue) =>
            Winograd.Run<WinogradF3, PairOperands<InterpretedKernels>, NoPrologue, StoreEpilogue>(shape, input, filter, default, epilogue)), PairTolerance);
        Close.Relative(expected, ConvolutionRuns.Run(shape, ElementKind.BFloat16, (shape, input, filter, epilogue) =>
            Winograd.Run<WinogradF4, PairOperands<InterpretedKernels>, NoPrologue, StoreEpilogue>(shape, input, filter, default, epilogue)), RoundedTolerance);
    }

    private static ReadOnlySpan<ConvolutionAlgorithm> Algorithms => [ConvolutionAlgorithm.Winograd2, ConvolutionAlgorithm.Winograd3, ConvolutionAlgorithm.Winograd4, ConvolutionAlgorithm.Winograd4Rounded];

    private static void Check(ConvolutionShape shape)
    {
        using var input = new Guarded(ConvolutionRuns.Input(shape), 1);
        float[] expected = ConvolutionRuns.Expected(shape, input.Pointer);
        double size = Math.Max(1, Math.Sqrt(shape.K));
        foreach (ConvolutionAlgorithm algorithm in Algorithms)
            Close.Absolute(expected, ConvolutionRuns.Run(shape, new NoPrologue(), algorithm), Tolerance * size, $"{algorithm} {shape}");
    }

    private static ConvolutionShape Shape(int batch, int height, int width, int channels, int outputs, int padding) => new()
    {
        Batch = batch,
        Height = height,
        Width = width,
        Channels = channels,
        OutputChannels = outputs,
        KernelHeight = 3,
        KernelWidth = 3,
        Top = padding,
        Left = padding,
        Bottom = padding,
        Right = padding,
    };

    private readonly struct Shift : IPrologue
    {
        public void Apply<TSimd, TVector>(float* source, int count, int batch, nint row, int column, float* destination) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            for (int i = 0; i < count; i++) destination[i] = source[i] + 3;
        }
    }

    private readonly struct Count(float* counts, int channels) : IEpilogue
    {
        private readonly float* _counts = counts;
        private readonly int _channels = channels;

        public void Prefetch(int batch, nint row, int column, int rows, int columns) { }

        public void Store<TSimd, TVector>(float* tile, nint tileStride, int batch, nint row, int column, int rows, int columns) where TSimd : struct, ISimd<TVector> where TVector : struct
        {
            Assert.Equal(0, column % Tiling.Columns<TSimd, TVector>());
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < columns; c++) _counts[(row + r) * _channels + column + c]++;
        }
    }
}
