// Comparison of float arrays: the largest difference, relative to the largest expected value. Infinity and NaN must be met exactly.

namespace Brushfire.Tests;

public static class Close
{
    /// <summary>Fails unless every |actual - expected| is at most <paramref name="tolerance"/> times the largest finite |expected|.</summary>
    public static void Relative(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what = "values")
    {
        double largest = 0;
        foreach (float value in expected)
            if (float.IsFinite(value)) largest = Math.Max(largest, Math.Abs((double)value));
        Absolute(expected, actual, tolerance * largest, what);
    }

    /// <summary>Fails unless every |actual - expected| is at most <paramref name="tolerance"/>; NaN never passes unless expected.</summary>
    public static void Absolute(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what = "values")
    {
        Assert.Equal(expected.Length, actual.Length);
        double worst = -1;
        int at = -1;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)expected[i] - actual[i]);
            if (double.IsNaN(difference)) difference = expected[i].Equals(actual[i]) ? 0 : double.PositiveInfinity;
            if (difference > worst) (worst, at) = (difference, i);
        }

        if (worst > tolerance) Assert.Fail($"{what}: element {at} of {expected.Length} is {actual[at]:R} instead of {expected[at]:R}; the difference {worst:G3} is over {tolerance:G3}.");
    }
}
