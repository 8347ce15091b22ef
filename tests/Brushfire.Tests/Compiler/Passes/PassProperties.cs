// What holds for every graph: a pass keeps its meaning, makes a right graph, and has nothing left to do.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Tensors;

namespace Brushfire.Tests.Compiler.Passes;

public sealed class PassProperties
{
    private const int Graphs = 150;

    [Fact]
    public void Simplify_changes_no_bit_but_the_sign_of_zero() => ForRandomGraphs(Simplify.Run, 0);

    [Fact]
    public void Fold_constants_changes_no_bit() => ForRandomGraphs(FoldConstants.Run, 0);

    [Fact]
    public void Merge_equal_changes_no_bit() => ForRandomGraphs(MergeEqual.Run, 0);

    [Fact]
    public void Decompose_changes_only_rounding() => ForRandomGraphs(Decompose.Run, 1e-4);

    [Fact]
    public void Join_linears_changes_only_rounding() => ForRandomGraphs(JoinLinears.Run, 1e-5);

    [Fact]
    public void All_passes_together_change_only_rounding() =>
        ForRandomGraphs(graph => new Func<Graph, Graph>[] { FoldConstants.Run, Simplify.Run, FindAttention.Run, Decompose.Run, Simplify.Run, MergeEqual.Run, JoinLinears.Run, Simplify.Run }.Aggregate(graph, (rest, pass) => pass(rest)), 1e-4);

    private static void ForRandomGraphs(Func<Graph, Graph> pass, double tolerance)
    {
        for (int seed = 0; seed < Graphs; seed++)
        {
            using var scope = new TensorScope();
            Graph graph = RandomPrograms.Create(seed), result = pass(graph);
            GraphVerifier.Verify(result, "the pass");
            PassTexts.Same(graph, result, $"seed {seed}: {graph}\n{result}", tolerance);
            if (tolerance == 0) Assert.Equal(result.ToString(), pass(result).ToString());
        }
    }
}
