// Pointwise kernels over layouts: broadcast, transposed, sliced and in-place operands against a naive loop.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class PointwiseTests
{
    private static readonly float[] s_values = [.. Enumerable.Range(0, 100_000).Select(i => MathF.Sin(i * 1.7f) * (1 + i % 7))];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(511)]
    [InlineData(50_001)]
    public void A_contiguous_function_writes_exactly_its_elements(int count)
    {
        float[] y = new float[count + 1];
        y[count] = 42;
        fixed (float* source = s_values, destination = y) Pointwise.Run(UnaryOperator.Negate, count, source, destination);
        for (int i = 0; i < count; i++) Assert.Equal(-s_values[i], y[i]);
        Assert.Equal(42, y[count]);
    }

    [Fact]
    public void Every_unary_operator_runs_its_own_struct()
    {
        foreach (UnaryOperator op in Enum.GetValues<UnaryOperator>())
        {
            float[] actual = [0.5f];
            fixed (float* x = actual) Pointwise.Run(op, 1, x, x);
            float expected = op switch
            {
                UnaryOperator.Negate => -0.5f,
                UnaryOperator.Abs or UnaryOperator.Relu => 0.5f,
                UnaryOperator.Sqrt => 0.70710678f,
                UnaryOperator.Rsqrt => 1.41421356f,
                UnaryOperator.Exp => 1.64872127f,
                UnaryOperator.Exp2 => 1.41421356f,
                UnaryOperator.Log => -0.69314718f,
                UnaryOperator.Sin => 0.47942554f,
                UnaryOperator.Cos => 0.87758256f,
                UnaryOperator.Tanh => 0.46211716f,
                UnaryOperator.Erf => 0.52049988f,
                UnaryOperator.Sigmoid => 0.62245933f,
                UnaryOperator.Silu => 0.31122967f,
                UnaryOperator.Gelu => 0.34573123f,
                UnaryOperator.GeluTanh => 0.34571401f,
                UnaryOperator.QuickGelu => 0.35038844f,
            };
            Close.Absolute([expected], actual, 2e-7, op.ToString());
        }
    }

    [Fact]
    public void Every_binary_operator_is_the_one_of_its_name()
    {
        float[] a = [1, 2, 2, -0f, float.NaN, 3, float.PositiveInfinity];
        float[] b = [2, 1, 2, 0f, 1, float.NaN, float.PositiveInfinity];
        foreach (BinaryOperator op in Enum.GetValues<BinaryOperator>())
        {
            float[] actual = Binary(op, [a.Length], a, [1], b, [1]);
            for (int i = 0; i < a.Length; i++) Assert.Equal(Expected(op, a[i], b[i]), actual[i]);
        }
    }

    [Theory]
    [InlineData(new[] { 5, 6, 7 }, new[] { 42, 7, 1 }, new[] { 0, 0, 1 })] // a row for all
    [InlineData(new[] { 5, 6, 7 }, new[] { 42, 7, 1 }, new[] { 0, 1, 0 })] // a column
    [InlineData(new[] { 5, 6, 7 }, new[] { 0, 0, 0 }, new[] { 42, 7, 1 })] // a scalar first
    [InlineData(new[] { 5, 6, 7 }, new[] { 1, 5, 30 }, new[] { 84, 14, 2 })] // transposed, every second
    [InlineData(new[] { 3, 1, 700 }, new[] { 700, 9, 1 }, new[] { 1400, 3, 2 })] // rows longer than a block
    [InlineData(new[] { 2, 3, 2, 3, 2, 3, 2, 3 }, new[] { 648, 216, 108, 36, 18, 6, 3, 1 }, new[] { 0, 1, 3, 0, 6, 18, 54, 108 })] // rank 8
    [InlineData(new[] { 3, 20_000 }, new[] { 20_000, 1 }, new[] { 0, 1 })] // rows cut into chunks
    [InlineData(new[] { 20_000, 3 }, new[] { 3, 1 }, new[] { 1, 0 })]
    [InlineData(new[] { 1100, 1000 }, new[] { 37, 1 }, new[] { 53, 1 })] // larger than the caches
    [InlineData(new[] { 1100, 1001 }, new[] { 37, 1 }, new[] { 0, 1 })]
    [InlineData(new[] { 1_100_001 }, new[] { 0 }, new[] { 0 })]
    [InlineData(new[] { 4, 0, 3 }, new[] { 0, 3, 1 }, new[] { 0, 3, 1 })] // nothing
    [InlineData(new int[0], new int[0], new int[0])] // rank 0
    public void A_binary_function_follows_any_strides(int[] sizes, int[] aStrides, int[] bStrides)
    {
        nint[] first = [.. aStrides.Select(n => (nint)n)], second = [.. bStrides.Select(n => (nint)n)];
        float[] actual = Binary(BinaryOperator.Subtract, sizes, s_values, first, s_values[1..], second);
        float[] expected = new float[actual.Length];
        Elements(sizes, (element, index) => expected[element] = s_values[At(index, first)] - s_values[1 + At(index, second)]);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void A_unary_function_follows_strides()
    {
        float[] y = new float[30 * 40];
        fixed (float* source = s_values, destination = y) Pointwise.Run(UnaryOperator.Abs, [30, 40], source, [1, 30], destination);
        Elements([30, 40], (element, index) => Assert.Equal(MathF.Abs(s_values[index[0] + 30 * index[1]]), y[element]));
    }

    [Fact]
    public void The_output_may_be_an_input()
    {
        float[] x = s_values[..40_000];
        fixed (float* pointer = x, row = s_values) Pointwise.Run(BinaryOperator.Add, [100, 400], pointer, [400, 1], row, [0, 1], pointer);
        for (int i = 0; i < x.Length; i++) Assert.Equal(s_values[i] + s_values[i % 400], x[i]);
    }

    [Fact]
    public void One_and_two_threads_give_the_same_bytes()
    {
        int threads = WorkerPool.Threads;
        float[] one = new float[s_values.Length], two = new float[s_values.Length];
        try
        {
            fixed (float* x = s_values, first = one, second = two)
            {
                WorkerPool.Threads = 1;
                Pointwise.Run(UnaryOperator.Gelu, s_values.Length, x, first);
                WorkerPool.Threads = 2;
                Pointwise.Run(UnaryOperator.Gelu, s_values.Length, x, second);
            }
        }
        finally
        {
            WorkerPool.Threads = threads;
        }

        Assert.Equal(one, two);
    }

    private static float[] Binary(BinaryOperator op, int[] sizes, float[] a, nint[] aStrides, float[] b, nint[] bStrides)
    {
        int count = sizes.Aggregate(1, (n, size) => n * size);
        using var output = new Guarded(count, seed: 1);
        fixed (float* first = a, second = b) Pointwise.Run(op, sizes, first, aStrides, second, bStrides, output.Pointer);
        return output.Span.ToArray();
    }

    private static float Expected(BinaryOperator op, float a, float b) => op switch
    {
        BinaryOperator.Add => a + b,
        BinaryOperator.Subtract => a - b,
        BinaryOperator.Multiply => a * b,
        BinaryOperator.Divide => a / b,
        BinaryOperator.Min => float.IsNaN(a + b) ? a + b : Math.Min(a, b),
        BinaryOperator.Max => float.IsNaN(a) || float.IsNaN(b) ? float.NaN : Math.Max(a, b),
        BinaryOperator.LessThan => a < b ? 1 : 0,
        BinaryOperator.Equal => a == b ? 1 : 0,
        BinaryOperator.GeluGate => a * GeluOperator.Invoke<SimdScalar, float>(b),
    };

    private static int At(int[] index, nint[] strides) => index.Select((n, d) => n * (int)strides[d]).Sum();

    // Visits every index of the sizes in row-major order.
    internal static void Elements(int[] sizes, Action<int, int[]> visit)
    {
        int[] index = new int[sizes.Length];
        int count = sizes.Aggregate(1, (n, size) => n * size);
        for (int element = 0; element < count; element++)
        {
            for (int d = sizes.Length - 1, rest = element; d >= 0; d--) (rest, index[d]) = Math.DivRem(rest, sizes[d]);
            visit(element, index);
        }
    }
}
