// Values that live at the same time have memory of their own; those that do not, share it.

using Brushfire.Compiler.Scheduling;
using Brushfire.Tests.Compiler.Graphs;
using CsCheck;

namespace Brushfire.Tests.Compiler.Scheduling;

public sealed class MemoryPlanTests
{
    [Fact]
    public void No_two_live_values_overlap() => RandomGraphs.All.Sample(graph =>
    {
        MemoryPlan plan = MemoryPlan.Of(Scheduler.Run(graph));
        Placement[] placements = [.. plan.Placements.Values];
        foreach (Placement a in placements)
        {
            Assert.True(a.Offset % 64 == 0 && a.Offset + a.Bytes <= plan.Bytes && a.Bytes >= a.Node.Spec.Bytes);
            foreach (Placement b in placements)
                if (a.Node != b.Node && a.First <= b.Last && b.First <= a.Last) Assert.True(a.Offset + a.Bytes <= b.Offset || b.Offset + b.Bytes <= a.Offset, $"{a} {b}");
        }

        Assert.True(plan.Bytes <= plan.UnsharedBytes);
    }, iter: 300);

    [Fact]
    public void A_chain_needs_the_memory_of_two_values()
    {
        string chain = string.Concat(Enumerable.Range(1, 8).Select(i => $"  %{i}: f32[16,64] = softmax(%{(i == 1 ? "x" : i - 1)})\n"));
        MemoryPlan plan = MemoryPlan.Of(Scheduler.Run(GraphSamples.Parse($"graph f(%x: f32[16,64])\n{chain}return %8")));
        Assert.Equal((2 * 4096, 7 * 4096), (plan.Bytes, plan.UnsharedBytes));
    }
}
