// Group norm against float64 loops: sizes that fill no block, large means, outliers, several images.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class GroupNormTests
{
    [Theory]
    [InlineData(1, 1, 2, 1)]
    [InlineData(2, 3, 6, 2)]
    [InlineData(1, 9, 32, 32)]
    [InlineData(2, 64, 320, 32)]
    [InlineData(1, 1000, 96, 32)]
    [InlineData(3, 1023, 33, 3)]
    [InlineData(2, 17, 2560, 32)]
    [InlineData(1, 5000, 128, 32)]
    public void Groups_get_mean_zero_and_variance_one_before_weight_and_bias(int batch, int pixels, int channels, int groups)
    {
        float[] values = KernelRuns.Numbers(batch * pixels * channels, channels, 0.5f);
        float[] weight = KernelRuns.Numbers(channels, 1, 1), bias = KernelRuns.Numbers(channels, 2);
        float[] actual = KernelRuns.SameForAnyThreads(() => Run(batch, pixels, channels, groups, values, weight, bias));
        Close.Relative(Expected(batch, pixels, channels, groups, values, weight, bias), actual, 2e-6);
    }

    [Theory]
    [InlineData(2, 9, 12, 3, UnaryOperator.Silu)]
    [InlineData(2, 300, 320, 32, UnaryOperator.Silu)]
    [InlineData(1, 65, 40, 4, UnaryOperator.Relu)]
    [InlineData(1, 8_300, 128, 32, UnaryOperator.Silu)] // larger than the caches
    [InlineData(1, 16_000, 66, 33, null)]
    public void The_result_goes_through_the_activation(int batch, int pixels, int channels, int groups, UnaryOperator? activation)
    {
        float[] values = KernelRuns.Numbers(batch * pixels * channels, channels, 0.5f);
        float[] weight = KernelRuns.Numbers(channels, 1, 1), bias = KernelRuns.Numbers(channels, 2);
        float[] actual = KernelRuns.SameForAnyThreads(() => Run(batch, pixels, channels, groups, values, weight, bias, activation));
        float[] expected = Expected(batch, pixels, channels, groups, values, weight, bias);
        if (activation is not null) expected = [.. expected.Select(x => activation == UnaryOperator.Silu ? (float)(x / (1 + Math.Exp(-x))) : Math.Max(x, 0))];
        Close.Relative(expected, actual, 2e-6);
    }

    [Theory]
    [InlineData(1000, 2e-4)] // scale and shift are rounded: twice 6e-8 of |mean| / deviation = 1732
    [InlineData(-30000, 6e-3)]
    public void A_large_mean_costs_no_digits_of_the_variance(int mean, double tolerance)
    {
        float[] values = KernelRuns.Numbers(2 * 2000 * 64, 5, mean);
        Close.Absolute(Expected(2, 2000, 64, 8, values, null, null), Run(2, 2000, 64, 8, values, null, null), tolerance);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4321)]
    public void Neither_does_an_outlier(int position)
    {
        float[] values = KernelRuns.Numbers(2000 * 32, 5);
        values[position] = 1e6f;
        Close.Relative(Expected(1, 2000, 32, 4, values, null, null), Run(1, 2000, 32, 4, values, null, null), 2e-6);
    }

    [Fact]
    public void Statistics_give_scale_and_shift_by_image_and_channel()
    {
        using var input = new Guarded([1, 10, 3, 30, /* second image */ 5, 5, 7, 7]);
        using var weight = new Guarded([2, 3]);
        using var bias = new Guarded([0.5f, -0.5f]);
        using var scale = new Guarded(4, seed: 1);
        using var shift = new Guarded(4, seed: 1);
        GroupNorm.Statistics(input.Pointer, 2, 2, 2, 2, weight.Pointer, bias.Pointer, 0, scale.Pointer, shift.Pointer);
        Close.Absolute([2, 0.3f, 2, 3], scale.Span, 1e-6);
        Close.Absolute([-3.5f, -6.5f, -11.5f, -18.5f], shift.Span, 1e-5);
    }

    private static float[] Run(int batch, int pixels, int channels, int groups, float[] values, float[]? weight, float[]? bias, UnaryOperator? activation = null)
    {
        using var input = new Guarded(values);
        using var output = new Guarded(values.Length, seed: 1);
        using var weights = new Guarded(weight ?? []);
        using var biases = new Guarded(bias ?? []);
        float* w = weight is null ? null : weights.Pointer, b = bias is null ? null : biases.Pointer;
        GroupNorm.Run(input.Pointer, output.Pointer, batch, pixels, channels, groups, w, b, 1e-5f, activation);
        GroupNorm.Run(input.Pointer, input.Pointer, batch, pixels, channels, groups, w, b, 1e-5f, activation);
        Assert.Equal(output.Span, input.Span);
        return output.Span.ToArray();
    }

    private static float[] Expected(int batch, int pixels, int channels, int groups, float[] values, float[]? weight, float[]? bias)
    {
        float[] expected = new float[values.Length];
        int size = channels / groups;
        for (int n = 0; n < batch; n++)
        {
            for (int group = 0; group < groups; group++)
            {
                double mean = 0, variance = 0;
                foreach (int i in Indices()) mean += values[i];
                mean /= (double)pixels * size;
                foreach (int i in Indices()) variance += Math.Pow(values[i] - mean, 2);
                variance /= (double)pixels * size;
                foreach (int i in Indices())
                    expected[i] = (float)((values[i] - mean) / Math.Sqrt(variance + 1e-5f) * (weight?[i % channels] ?? 1) + (bias?[i % channels] ?? 0));

                IEnumerable<int> Indices()
                {
                    for (int pixel = 0; pixel < pixels; pixel++)
                        for (int c = group * size; c < (group + 1) * size; c++) yield return (n * pixels + pixel) * channels + c;
                }
            }
        }

        return expected;
    }
}
