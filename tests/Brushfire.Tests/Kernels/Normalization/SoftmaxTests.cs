// Softmax against float64 loops.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class SoftmaxTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 7)]
    [InlineData(5, 8)]
    [InlineData(40, 77)]
    [InlineData(33, 1025)]
    [InlineData(2, 40000)]
    public void Rows_are_exponentials_that_sum_to_one(int rows, int columns)
    {
        float[] values = KernelRuns.Numbers(rows * columns, columns, 30);
        for (int i = 0; i < values.Length; i++) values[i] *= 4;
        float[] actual = KernelRuns.SameForAnyThreads(() => Run(rows, columns, values));
        Close.Absolute(Expected(rows, columns, values), actual, 1e-6);
    }

    [Fact]
    public void Entries_of_minus_infinity_give_zero_and_a_row_of_them_gives_NaN()
    {
        float low = float.NegativeInfinity;
        float[] actual = Run(2, 3, [1, low, 1, low, low, low]);
        Assert.Equal([0.5f, 0, 0.5f, float.NaN, float.NaN, float.NaN], actual);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12)]
    [InlineData(16)]
    public void NaN_spoils_its_row_only(int position)
    {
        float[] values = KernelRuns.Numbers(3 * 17, 1);
        values[17 + position] = float.NaN;
        float[] actual = Run(3, 17, values);
        for (int i = 0; i < actual.Length; i++) Assert.Equal(i / 17 == 1, float.IsNaN(actual[i]));
    }

    [Fact]
    public void Huge_differences_give_zeros_and_ones() => Assert.Equal([0, 1, 0, 0], Run(1, 4, [-3e38f, 3e38f, 0, float.NegativeInfinity]));

    [Fact]
    public void Nothing_is_no_work()
    {
        Assert.Empty(Run(0, 5, []));
        Assert.Empty(Run(5, 0, []));
    }

    private static float[] Run(int rows, int columns, float[] values)
    {
        using var input = new Guarded(values);
        using var output = new Guarded(values.Length, seed: 1);
        Softmax.Run(rows, columns, input.Pointer, output.Pointer);
        Softmax.Run(rows, columns, input.Pointer, input.Pointer);
        Assert.Equal(output.Span, input.Span);
        return output.Span.ToArray();
    }

    private static float[] Expected(int rows, int columns, float[] values)
    {
        float[] expected = new float[values.Length];
        for (int row = 0; row < rows; row++)
        {
            double max = double.NegativeInfinity, sum = 0;
            for (int i = 0; i < columns; i++) max = Math.Max(max, values[row * columns + i]);
            for (int i = 0; i < columns; i++) sum += Math.Exp(values[row * columns + i] - max);
            for (int i = 0; i < columns; i++) expected[row * columns + i] = (float)(Math.Exp(values[row * columns + i] - max) / sum);
        }

        return expected;
    }
}
