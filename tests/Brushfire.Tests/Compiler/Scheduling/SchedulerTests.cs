// Which nodes share a kernel, and that any graph's schedule computes every node once, after what it reads.

using Brushfire.Compiler.Emission;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Scheduling;
using Brushfire.Tests.Compiler.Graphs;
using CsCheck;

namespace Brushfire.Tests.Compiler.Scheduling;

public sealed class SchedulerTests
{
    [Fact]
    public void A_chain_of_pointwise_ops_is_one_kernel() => Groups("""
        graph f(%x: f32[4,8])
          %1: f32[4,8] = silu(%x)
          %2: f32[4,8] = multiply(%1, %x)
          %3: f32[32] = reshape(%2) shape=[32]
          %4: f32[32] = tanh(%3)
          return %4
        """, "pointwise: %4 from %x");

    [Fact]
    public void One_op_is_a_library_call() => Groups("""
        graph f(%x: f32[4,8])
          %1: f32[4,8] = silu(%x)
          return %1
        """, "library: %1 from %x");

    [Fact]
    public void A_value_with_a_reader_that_cannot_fuse_is_written() => Groups("""
        graph f(%x: f32[4,8])
          %1: f32[4,8] = silu(%x)
          %2: f32[4,8] = tanh(%1)
          %3: f32[4,8] = softmax(%2)
          %4: f32[4,8] = add(%2, %3)
          return %4
        """, "pointwise: %2 from %x", "library: %3 from %2", "library: %4 from %2, %3");

    [Fact]
    public void Root_mean_square_norm_is_one_kernel() => Groups("""
        graph f(%x: f32[2,3,8], %weight: f32[8])
          %1: f32[2,3,8] = multiply(%x, %x)
          %2: f32[2,3,1] = reduce_mean(%1) axis=2
          %c1: f32[] = constant 1E-05
          %3: f32[2,3,1] = add(%2, %c1)
          %4: f32[2,3,1] = rsqrt(%3)
          %5: f32[2,3,8] = multiply(%x, %4)
          %6: f32[2,3,8] = multiply(%5, %weight)
          return %6
        """, "reduction: %6 from %x, %c1, %weight");

    [Fact]
    public void A_reduction_that_feeds_two_consumers_is_one_kernel_with_them() => Groups("""
        graph f(%x: f32[4,8])
          %1: f32[4,1] = reduce_mean(%x) axis=1
          %2: f32[4,8] = subtract(%x, %1)
          %3: f32[4,8] = multiply(%x, %1)
          return %2, %3
        """, "reduction: %2, %3 from %x");

    [Fact]
    public void A_reduction_of_a_chain_is_one_kernel_with_what_becomes_of_the_rows() => Groups("""
        graph f(%x: f32[4,8])
          %1: f32[4,8] = exp(%x)
          %2: f32[4,8] = multiply(%1, %x)
          %3: f32[4,1] = reduce_sum(%2) axis=1
          %4: f32[4,1] = log(%3)
          return %4
        """, "reduction: %4 from %x");

    [Fact]
    public void What_becomes_of_a_product_is_its_epilogue() => Groups("""
        graph f(%x: f32[2,4,4,8], %residual: f32[2,4,4,8], %time: f32[2,1,1,8])
          %w1: f32[8,8,3,3] = weight "conv.weight"
          %w2: f32[8] = weight "conv.bias"
          %1: f32[2,4,4,8] = conv2d(%x, %w1, %w2) stride=1 pad=1
          %2: f32[2,4,4,8] = add(%1, %time)
          %3: f32[2,4,4,8] = silu(%2)
          %4: f32[2,4,4,8] = add(%3, %residual)
          return %4
        """, "contraction: %4 from %x, %w1, %w2, %time, %residual");

    [Fact]
    public void A_gated_layer_is_one_kernel() => Groups("""
        graph f(%x: f32[2,9,16])
          %w1: f32[24,16] = weight "proj.weight"
          %w2: f32[24] = weight "proj.bias"
          %1: f32[2,9,24] = linear(%x, %w1, %w2)
          %2: f32[2,9,12] = slice(%1) axis=2 start=0 length=12
          %3: f32[2,9,12] = slice(%1) axis=2 start=12 length=12
          %4: f32[2,9,12] = gelu(%3)
          %5: f32[2,9,12] = multiply(%2, %4)
          return %5
        """, "contraction: %5 from %x, %w1, %w2");

    [Fact]
    public void Halves_that_are_read_apart_are_written() => Groups("""
        graph f(%x: f32[9,16])
          %w1: f32[24,16] = weight "proj.weight"
          %1: f32[9,24] = linear(%x, %w1)
          %2: f32[9,12] = slice(%1) axis=1 start=0 length=12
          %3: f32[9,12] = slice(%1) axis=1 start=12 length=12
          %4: f32[9,12] = softmax(%3)
          %5: f32[9,12] = multiply(%2, %4)
          return %5
        """, "library: %1 from %x, %w1", "library: %4 from %1", "library: %5 from %1, %4");

    [Fact]
    public void Two_products_that_meet_are_two_kernels() => Groups("""
        graph f(%x: f32[4,8])
          %w1: f32[8,8] = weight "a.weight"
          %w2: f32[8,8] = weight "b.weight"
          %1: f32[4,8] = linear(%x, %w1)
          %2: f32[4,8] = linear(%x, %w2)
          %3: f32[4,8] = add(%1, %2)
          return %3
        """, "library: %1 from %x, %w1", "contraction: %3 from %x, %w2, %1");

    [Fact]
    public void A_view_costs_no_kernel_and_an_output_in_another_order_is_copied() => Groups("""
        graph f(%x: f32[4,8])
          %1: f32[4,8] = softmax(%x)
          %2: f32[32] = reshape(%1) shape=[32]
          %3: f32[8,4] = permute(%1) order=[1,0]
          return %2, %3
        """, "library: %1 from %x", "library: %3 from %1");

    [Fact]
    public void Groups_of_any_graph_compute_each_node_once_and_read_what_is_written_before() => RandomGraphs.All.Sample(graph =>
    {
        Schedule schedule = Scheduler.Run(graph);
        HashSet<Node> written = [.. graph.Nodes.Where(node => node.IsLeaf)];
        HashSet<Node> computed = [];
        foreach (FusionGroup group in schedule.Groups)
        {
            Assert.All(group.Inputs, input => Assert.Contains(input, written));
            Assert.All(group.Outputs, output => Assert.True(written.Add(output)));
            foreach (Node node in group.Nodes)
            {
                Assert.True(computed.Add(node) || node.Op is Brushfire.Tensors.Ops.Reshape or Brushfire.Tensors.Ops.Permute or Brushfire.Tensors.Ops.Slice or Brushfire.Tensors.Ops.Expand);
                Assert.All(node.Inputs, input => Assert.True(group.Nodes.Contains(input) || group.Inputs.Contains(input)));
            }
        }

        Assert.All(schedule.Outputs, output => Assert.Contains(output.Base, written));
    }, iter: 300);

    [Fact]
    public void Groups_of_any_graph_become_kernels() => RandomGraphs.All.Sample(graph =>
        Assert.All(Scheduler.Run(graph).Groups, group => Assert.True(group.Kind == GroupKind.Library || KernelEmitter.Refusal(group) is null, KernelEmitter.Refusal(group))), iter: 2000);

    private static void Groups(string text, params string[] groups)
    {
        Schedule schedule = Scheduler.Run(GraphSamples.Parse(text));
        string[] lines = [.. schedule.ToString().Split('\n').Where(line => line.Length > 0 && line[0] != ' ').Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..])];
        Assert.Equal(groups, lines);
    }
}
