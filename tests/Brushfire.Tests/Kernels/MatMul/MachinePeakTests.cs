// The measured peak is plausible for the vector width in use.

using System.Runtime.Intrinsics;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed class MachinePeakTests
{
    [Theory]
    [InlineData(ElementKind.Float32)]
    [InlineData(ElementKind.BFloat16)]
    public void Operations_a_cycle_are_within_what_processors_do(ElementKind element)
    {
        MachinePeak peak = MachinePeak.Measure(TimeSpan.FromMilliseconds(20), element);

        // At most two multiply-adds, or pairs of them, of the widest vector a cycle; the clock may be timed lower on a busy machine.
        Assert.True(peak.OperationsPerSecond > 1e8, $"{peak}");
        Assert.InRange(peak.CyclesPerSecond, 5e8, 8e9);
        Assert.InRange(peak.OperationsPerCycle, 0.05, 2 * 8 * Vector512<float>.Count);
    }
}
