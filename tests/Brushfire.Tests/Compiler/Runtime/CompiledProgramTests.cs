// Scheduled and compiled graphs mean what the interpreter says, whatever the graph, and side by side.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Runtime;
using Brushfire.Tensors;
using Brushfire.Tests.Compiler.Graphs;
using CsCheck;

namespace Brushfire.Tests.Compiler.Runtime;

public sealed class CompiledProgramTests
{
    [Fact]
    public void Random_graphs_agree_with_the_interpreter() => RandomGraphs.All.Sample(graph =>
    {
        Tensor[] inputs = GraphSamples.Inputs(graph);
        var program = new CompiledProgram(graph);
        Assert.Equal(0, program.InterpretedNodes);
        Agree(graph, GraphInterpreter.Run(graph, inputs), program.Run(inputs));
        Agree(graph, GraphInterpreter.Run(graph, inputs), program.Run(inputs));
    }, iter: 60);

    [Fact]
    public void Movement_that_cancels_needs_no_loops_of_its_own()
    {
        Graph graph = GraphSamples.Parse("""
            graph f(%x: f32[2,4,4,8])
              %1: f32[2,4,8,4] = permute(%x) order=[0,1,3,2]
              %2: f32[2,4,4,8] = permute(%1) order=[0,1,3,2]
              %3: f32[2,16,8] = reshape(%2) shape=[2,16,8]
              %4: f32[2,8,16] = permute(%3) order=[0,2,1]
              %5: f32[2,8,16] = silu(%4)
              %6: f32[2,8,1] = reduce_min(%5) axis=2
              return %6
            """);
        Tensor[] inputs = GraphSamples.Inputs(graph);
        var program = new CompiledProgram(graph);
        Assert.Equal(0, program.InterpretedNodes);
        Agree(graph, GraphInterpreter.Run(graph, inputs), program.Run(inputs));
    }

    [Fact]
    public void Strided_inputs_are_read_in_their_order()
    {
        Graph graph = GraphSamples.Parse("graph f(%x: f32[3,5])\n%1: f32[3,5] = silu(%x)\n%2: f32[3,5] = multiply(%1, %x)\nreturn %2");
        Tensor transposed = Tensor.Create([5, 3], values =>
        {
            for (int i = 0; i < values.Length; i++) values[i] = i - 7;
        }).Transpose(0, 1);
        Agree(graph, GraphInterpreter.Run(graph, [transposed]), new CompiledProgram(graph).Run([transposed]));
    }

    [Fact]
    public void Values_without_elements_are_left_alone()
    {
        Graph graph = GraphSamples.Parse("graph f(%x: f32[0,4], %y: f32[4,3])\n%1: f32[0,3] = matmul(%x, %y)\n%2: f32[0,3] = softmax(%1)\nreturn %2");
        Assert.Equal(new TensorSpec(DType.Float32, [0, 3]), new CompiledProgram(graph).Run([Tensor.Zeros([0, 4]), Tensor.Zeros([4, 3])])[0].Spec);
    }

    [Fact]
    public void Memory_that_was_given_back_is_taken_anew()
    {
        Graph graph = GraphSamples.Parse("graph f(%x: f32[3,5])\n%1: f32[3,5] = softmax(%x)\n%2: f32[3,5] = softmax(%1)\nreturn %2");
        Tensor[] inputs = GraphSamples.Inputs(graph);
        var program = new CompiledProgram(graph);
        program.Run(inputs);
        program.Release();
        Agree(graph, GraphInterpreter.Run(graph, inputs), program.Run(inputs));
    }

    [Fact]
    public void Calls_run_side_by_side()
    {
        Graph graph = GraphSamples.Parse("""
            graph f(%x: f32[64,32])
            %w1: f32[32,32] = weight "linear.weight"
            %1: f32[64,32] = linear(%x, %w1)
            %2: f32[64,32] = silu(%1)
            %3: f32[64,32] = softmax(%2)
            %4: f32[64,32] = multiply(%3, %2)
            return %4
            """);
        var program = new CompiledProgram(graph);
        Parallel.For(0, 16, i =>
        {
            Tensor input = Tensor.Full([64, 32], i / 16f);
            for (int repeat = 0; repeat < 10; repeat++) Agree(graph, GraphInterpreter.Run(graph, [input]), program.Run([input]));
        });
    }

    private static void Agree(Graph graph, Tensor[] expected, Tensor[] got)
    {
        Assert.Equal(expected.Length, got.Length);
        foreach ((Tensor a, Tensor b) in expected.Zip(got))
        {
            float[] left = a.ToArray<float>(), right = b.ToArray<float>();
            Assert.Equal(a.Shape, b.Shape);
            float largest = Math.Max(1e-6f, left.Max(Math.Abs));
            for (int i = 0; i < left.Length; i++) Assert.True(Math.Abs(left[i] - right[i]) <= 2e-5f * largest, $"element {i}: {left[i]} and {right[i]} of\n{graph}");
        }
    }
}
