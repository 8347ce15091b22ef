// Sum, mean, max and min over a middle axis against float64 loops.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class ReductionTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(5, 7, 1)]
    [InlineData(300, 130, 1)]
    [InlineData(3, 100003, 1)]
    [InlineData(2, 3, 5)]
    [InlineData(4, 33, 41)]
    [InlineData(1, 4097, 37)]
    [InlineData(2, 70, 1300)]
    [InlineData(20000, 2, 3)]
    [InlineData(3, 0, 4)]
    [InlineData(3, 4, 0)]
    public void Every_operator_agrees_with_a_loop(int outer, int reduced, int inner)
    {
        // All above zero, so that 1e-6 of a sum is a fair demand.
        float[] values = KernelRuns.Numbers(outer * reduced * inner, reduced, 1);
        foreach (ReduceOperator op in Enum.GetValues<ReduceOperator>())
        {
            float[] expected = Expected(op, outer, reduced, inner, values);
            float[] actual = KernelRuns.SameForAnyThreads(() => Run(op, outer, reduced, inner, values));
            if (op is ReduceOperator.Sum or ReduceOperator.Mean) Close.Relative(expected, actual, 1e-6, op.ToString());
            else Assert.Equal(expected, actual);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_long_sum_keeps_its_digits(int inner)
    {
        float[] values = new float[3_000_000 * inner];
        Array.Fill(values, 0.1f);
        float[] expected = new float[inner];
        Array.Fill(expected, (float)(3_000_000 * (double)0.1f));
        Close.Relative(expected, Run(ReduceOperator.Sum, 1, 3_000_000, inner, values), 1e-6);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 99)]
    [InlineData(2, 57)]
    public void NaN_and_infinities_come_through(int inner, int position)
    {
        foreach (float special in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            float[] values = KernelRuns.Numbers(100 * inner, 3);
            values[position * inner] = special;
            foreach (ReduceOperator op in Enum.GetValues<ReduceOperator>())
                Close.Absolute(Expected(op, 1, 100, inner, values), Run(op, 1, 100, inner, values), 1e-5, op.ToString());
        }
    }

    private static float[] Run(ReduceOperator op, int outer, int reduced, int inner, float[] values)
    {
        using var input = new Guarded(values);
        using var output = new Guarded(outer * inner, seed: 1);
        Reduction.Run(op, outer, reduced, inner, input.Pointer, output.Pointer);
        return output.Span.ToArray();
    }

    private static float[] Expected(ReduceOperator op, int outer, int reduced, int inner, float[] values)
    {
        float[] expected = new float[outer * inner];
        for (int o = 0; o < outer; o++)
        {
            for (int i = 0; i < inner; i++)
            {
                double sum = 0, max = double.NegativeInfinity, min = double.PositiveInfinity;
                for (int r = 0; r < reduced; r++)
                {
                    double value = values[(o * reduced + r) * inner + i];
                    sum += value;
                    max = Math.Max(max, value);
                    min = Math.Min(min, value);
                }

                expected[o * inner + i] = (float)(op switch
                {
                    ReduceOperator.Sum => sum,
                    ReduceOperator.Mean => sum / reduced,
                    ReduceOperator.Max => max,
                    ReduceOperator.Min => min,
                });
            }
        }

        return expected;
    }
}
