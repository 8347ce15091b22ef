// Layer norm against float64 loops.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class LayerNormTests
{
    [Theory]
    [InlineData(1, 1, 0, true, true)]
    [InlineData(3, 5, 0, true, true)]
    [InlineData(77, 768, 0, true, true)]
    [InlineData(65, 323, 0, false, true)]
    [InlineData(65, 320, 1, true, false)]
    [InlineData(9, 1280, -3, false, false)]
    [InlineData(2, 40001, 0.5, true, true)]
    [InlineData(3301, 320, 0.5, true, true)] // larger than the caches
    [InlineData(3301, 327, 0.5, true, false)]
    public void Rows_get_mean_zero_and_variance_one_before_weight_and_bias(int rows, int columns, double mean, bool weighted, bool biased)
    {
        float[] values = KernelRuns.Numbers(rows * columns, columns, (float)mean);
        float[]? weight = weighted ? KernelRuns.Numbers(columns, 1, 1) : null, bias = biased ? KernelRuns.Numbers(columns, 2) : null;
        float[] actual = KernelRuns.SameForAnyThreads(() => Run(rows, columns, values, weight, bias));
        Close.Relative(Expected(rows, columns, values, weight, bias), actual, 2e-6);
    }

    [Theory]
    [InlineData(1000, 1e-5)]
    [InlineData(-30000, 1e-5)]
    public void A_large_mean_costs_no_digits(int mean, double tolerance)
    {
        float[] values = KernelRuns.Numbers(7 * 1281, 5, mean);
        Close.Relative(Expected(7, 1281, values, null, null), Run(7, 1281, values, null, null), tolerance);
    }

    // The center is the mean of the first values: they may be nothing like the others.
    [Theory]
    [InlineData(0)]
    [InlineData(500)]
    public void Neither_does_an_outlier(int position)
    {
        float[] values = KernelRuns.Numbers(7 * 1280, 5);
        for (int row = 0; row < 7; row++) values[row * 1280 + position] = 1e5f;
        Close.Relative(Expected(7, 1280, values, null, null), Run(7, 1280, values, null, null), 5e-6);
    }

    [Fact]
    public void A_constant_row_gives_the_bias() => Assert.Equal([7, 8, 9], Run(1, 3, [5, 5, 5], null, [7, 8, 9]));

    private static float[] Run(int rows, int columns, float[] values, float[]? weight, float[]? bias)
    {
        using var input = new Guarded(values);
        using var output = new Guarded(values.Length, seed: 1);
        using var weights = new Guarded(weight ?? []);
        using var biases = new Guarded(bias ?? []);
        float* w = weight is null ? null : weights.Pointer, b = bias is null ? null : biases.Pointer;
        LayerNorm.Run(rows, columns, input.Pointer, output.Pointer, w, b, 1e-5f);
        LayerNorm.Run(rows, columns, input.Pointer, input.Pointer, w, b, 1e-5f);
        Assert.Equal(output.Span, input.Span);
        return output.Span.ToArray();
    }

    private static float[] Expected(int rows, int columns, float[] values, float[]? weight, float[]? bias)
    {
        float[] expected = new float[values.Length];
        for (int row = 0; row < rows; row++)
        {
            double mean = 0, variance = 0;
            for (int i = 0; i < columns; i++) mean += (double)values[row * columns + i] / columns;
            for (int i = 0; i < columns; i++) variance += Math.Pow(values[row * columns + i] - mean, 2) / columns;
            for (int i = 0; i < columns; i++)
                expected[row * columns + i] = (float)((values[row * columns + i] - mean) / Math.Sqrt(variance + 1e-5f) * (weight?[i] ?? 1) + (bias?[i] ?? 0));
        }

        return expected;
    }
}
