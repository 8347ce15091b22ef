// Generated kernels beside what they stand for: right ones pass, a wrong one is named with the element and both values.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Runtime;
using Brushfire.Compiler.Scheduling;
using Brushfire.Tensors;
using Brushfire.Tests.Compiler.Graphs;
using CsCheck;

namespace Brushfire.Tests.Compiler.Runtime;

public sealed class VerifiedStepTests
{
    [Fact]
    public void Right_kernels_pass_and_their_results_stay() => RandomGraphs.All.Sample(graph =>
    {
        using var scope = new TensorScope();
        Tensor[] inputs = GraphSamples.Inputs(graph);
        Tensor[] plain = new CompiledProgram(graph).Run(inputs), verified = new CompiledProgram(graph, verify: true).Run(inputs);
        for (int i = 0; i < plain.Length; i++) Assert.Equal(plain[i].ToArray(), verified[i].ToArray());
    }, iter: 40);

    [Fact]
    public void A_wrong_kernel_is_told_with_the_element_and_both_values()
    {
        using var scope = new TensorScope();
        Graph graph = GraphSamples.Parse("graph f(%x: f32[2,3])\n%1: f32[2,3] = abs(%x)\n%2: f32[2,3] = add(%1, %1)\nreturn %2");
        FusionGroup group = Scheduler.Run(graph).Groups.Single();
        var frame = new Frame(2, 0, new Dictionary<int, Placement>(), new Dictionary<int, Tensor>());
        frame.Set(0, Tensor.FromArray([1f, -2, 3, -4, 5, -6], [2, 3]));
        frame.Set(1, Tensor.Zeros([2, 3]));
        var step = new VerifiedStep(new Wrong(), "abs_add_0", group, new Dictionary<Node, int> { [graph.Inputs[0]] = 0, [graph.Outputs[0]] = 1 });
        var exception = Assert.Throws<BrushfireException>(() => step.Run(frame));
        Assert.StartsWith("The kernel abs_add_0 gives 7 for element 3 of %2: f32[2,3], but its loops give 8; ", exception.Message, StringComparison.Ordinal);
    }

    private sealed class Wrong : Step
    {
        public override unsafe void Run(Frame frame)
        {
            float[] values = [2, 4, 6, 7, 10, 12];
            values.CopyTo(new Span<float>(frame.Pointer(1), values.Length));
        }
    }
}
