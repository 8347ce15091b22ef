// The step benchmark counts the work of the model that it is asked to measure.

using Brushfire.Bench;

namespace Brushfire.Tests.Bench;

public sealed class StepBenchmarkTests
{
    [Fact]
    public void A_full_size_step_has_the_published_work_of_two_evaluations() =>
        Assert.Equal(2 * 803.3, new StepBenchmark(new StepBenchmarkOptions()).CountWork().Total / 1e9, 0.1);
}
