// The comparison that most tests rest on can fail.

namespace Brushfire.Tests;

public sealed class CloseTests
{
    [Theory]
    [InlineData(new[] { 1f, 100 }, new[] { 1.2f, 100 })]
    [InlineData(new[] { 1f, float.NaN }, new[] { 2f, float.NaN })]
    [InlineData(new[] { 1f, float.PositiveInfinity }, new[] { 2f, float.PositiveInfinity })]
    [InlineData(new[] { 1f, float.PositiveInfinity }, new[] { 1f, float.NegativeInfinity })]
    [InlineData(new[] { 1f, float.NaN }, new[] { 1f, 1 })]
    [InlineData(new[] { 1f, 1 }, new[] { 1f, float.NaN })]
    [InlineData(new[] { 0f }, new[] { 1e-9f })]
    public void Other_values_fail(float[] expected, float[] actual) =>
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Close.Relative(expected, actual, 1e-3));

    [Theory]
    [InlineData(new[] { 1f, 100 }, new[] { 1.05f, 100 })]
    [InlineData(new[] { float.NaN, float.PositiveInfinity, 1 }, new[] { float.NaN, float.PositiveInfinity, 1.0005f })]
    public void Near_values_pass(float[] expected, float[] actual) => Close.Relative(expected, actual, 1e-3);
}
