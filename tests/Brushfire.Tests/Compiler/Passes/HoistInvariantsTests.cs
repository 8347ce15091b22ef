// What depends only on weights, constants and stable inputs runs in a prologue.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Tensors;
using Brushfire.Tests.Compiler.Graphs;

namespace Brushfire.Tests.Compiler.Passes;

public sealed class HoistInvariantsTests
{
    private const string CrossAttention = """
        graph f(%x: f32[2,9,8], %context: f32[2,7,4])
          %w1: f32[8,4] = weight "to_k"
          %1: f32[2,7,8] = linear(%context, %w1)
          %2: f32[2,7,2,4] = reshape(%1) shape=[2,7,2,4]
          %3: f32[2,2,7,4] = permute(%2) order=[0,2,1,3]
          %4: f32[2,9,2,4] = reshape(%x) shape=[2,9,2,4]
          %5: f32[2,2,9,4] = permute(%4) order=[0,2,1,3]
          %6: f32[2,9,2,4] = scaled_dot_product_attention(%5, %3, %3) causal=false scale=0.5
          return %6
        """;

    [Fact]
    public void Keys_of_a_stable_context_are_computed_before_and_movement_stays()
    {
        HoistedGraph hoisted = HoistInvariants.Split(GraphSamples.Parse(CrossAttention), [false, true])!;
        Assert.Equal("""
            graph f.prologue(%x: f32[2,9,8], %context: f32[2,7,4])
              %w1: f32[8,4] = weight "to_k"
              %1: f32[2,7,8] = linear(%context, %w1)
              return %1

            """, hoisted.Prologue.ToString());
        Assert.Equal("""
            graph f(%x: f32[2,9,8], %context: f32[2,7,4], %prologue.0: f32[2,7,8])
              %1: f32[2,7,2,4] = reshape(%prologue.0) shape=[2,7,2,4]
              %2: f32[2,2,7,4] = permute(%1) order=[0,2,1,3]
              %3: f32[2,9,2,4] = reshape(%x) shape=[2,9,2,4]
              %4: f32[2,2,9,4] = permute(%3) order=[0,2,1,3]
              %5: f32[2,9,2,4] = scaled_dot_product_attention(%4, %2, %2) causal=false scale=0.5
              return %5

            """, hoisted.Main.ToString());
    }

    [Fact]
    public void Without_stable_inputs_there_is_nothing_to_keep() =>
        Assert.Null(HoistInvariants.Split(GraphSamples.Parse(CrossAttention), [false, false]));

    [Fact]
    public void What_depends_on_weights_alone_is_always_kept()
    {
        HoistedGraph hoisted = HoistInvariants.Split(GraphSamples.Parse("graph f(%x: f32[3])\n%w1: f32[3] = weight \"a\"\n%1: f32[3] = silu(%w1)\n%2: f32[3] = add(%x, %1)\nreturn %2, %1"), [false])!;
        Assert.Single(hoisted.Prologue.Outputs);
        Assert.Equal(2, hoisted.Main.Inputs.Length);
    }

    [Fact]
    public void Both_graphs_one_after_the_other_mean_the_same()
    {
        int hoistedGraphs = 0;
        for (int seed = 0; seed < 100; seed++)
        {
            using var scope = new TensorScope();
            Graph graph = RandomPrograms.Create(seed);
            if (HoistInvariants.Split(graph, [seed % 2 == 0, true, seed % 3 == 0]) is not { } hoisted) continue;
            hoistedGraphs++;
            GraphVerifier.Verify(hoisted.Prologue, "the prologue");
            GraphVerifier.Verify(hoisted.Main, "the main graph");
            Tensor[] inputs = GraphSamples.Inputs(graph);
            Tensor[] actual = GraphInterpreter.Run(hoisted.Main, [.. inputs, .. GraphInterpreter.Run(hoisted.Prologue, inputs)]);
            foreach ((Tensor expected, Tensor output) in GraphInterpreter.Run(graph, inputs).Zip(actual)) Close.Absolute(expected.ToArray(), output.ToArray(), 0);
        }

        Assert.InRange(hoistedGraphs, 50, 100);
    }
}
