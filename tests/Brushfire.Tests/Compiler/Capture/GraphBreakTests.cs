// Functions that read values while they are captured: still right, breaks counted with their lines, compiled again in parts.

using Brushfire.Compiler;
using Brushfire.Tensors;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Tests.Compiler.Capture;

public sealed class GraphBreakTests
{
    [Fact]
    public void A_branch_on_data_takes_either_side_at_every_call_and_compiles_each_part_once()
    {
        using var scope = new TensorScope();
        Func<Tensor, Tensor> f = x =>
        {
            Tensor scaled = x * 0.5f;
            return scaled.Sum(0).Item() > 0 ? scaled.Silu() + 1 : scaled.Gelu();
        };
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile(f);
        float[][] inputs = [[1, 2], [-1, -2], [3, 4], [-5, 1], [1, 1]];
        foreach (float[] values in inputs)
        {
            Tensor x = Tensor.FromArray(values, [2]);
            Assert.Equal(f(x).ToArray(), compiled.Call(x).ToArray());
        }

        Assert.Equal(3, compiled.Reports.Count); // up to the sum, and each branch
        Assert.Empty(compiled.Recompiles);
        var broken = Assert.Single(compiled.GraphBreaks);
        Assert.Equal(("f", "Item", "f32[1]"), (broken.Function, broken.Method, broken.Value));
        Assert.Equal("GraphBreakTests.cs:18", broken.Source);
        Assert.Equal("f: Item of f32[1] at GraphBreakTests.cs:18 breaks the graph", broken.ToString());
    }

    [Fact]
    public void A_number_that_was_read_is_an_input_of_what_follows()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x / (x.Max(0).Item() + 1));
        foreach (float largest in new[] { 1f, 3, 7 }) Assert.Equal([0, largest / (largest + 1)], compiled.Call(Tensor.FromArray([0, largest], [2])).ToArray());
        Assert.Equal(2, compiled.Reports.Count);
        Assert.Equal("graph function(%x: f32[2], %made.1: f32[])", compiled.Reports[1].Graph.ToString().Split('\n')[0]);
    }

    [Fact]
    public void Reading_an_argument_prints_and_arrays_are_breaks_too()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) =>
        {
            float[] values = x.ToArray();
            Tensor rows = Tensor.FromArray([.. values.Select(value => value + 1)], x.Shape);
            Tensor both = rows.Transpose(0, 1).MatMul(x);
            Assert.StartsWith("f32[2,2] = ", both.ToString(), StringComparison.Ordinal);
            return both;
        });
        foreach (int k in new[] { 1, 2 })
        {
            Tensor x = Tensor.FromArray([1f * k, 2, 3, 4], [2, 2]);
            Assert.Equal((x + 1).Transpose(0, 1).MatMul(x).ToArray(), compiled.Call(x).ToArray());
        }

        Assert.Equal(["ToArray", "ToString"], compiled.GraphBreaks.Select(broken => broken.Method));
    }

    [Fact]
    public void A_result_that_was_read_is_returned_as_it_is()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, (Tensor, float)>> compiled = Compile((Tensor x) =>
        {
            Tensor sum = x.Transpose(0, 1);
            return (sum, sum.ToArray()[1]);
        });
        foreach (int k in new[] { 1, 2 })
        {
            (Tensor sum, float second) = compiled.Call(Tensor.FromArray([1f, 2, 3 * k, 4], [2, 2]));
            Assert.Equal([1, 3 * k, 2, 4], sum.ToArray());
            Assert.Equal(3 * k, second);
        }

        Assert.Single(compiled.Reports);
    }

    [Fact]
    public void What_a_scope_freed_before_the_break_is_not_computed_for_it()
    {
        using var outer = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) =>
        {
            Tensor kept;
            using (var scope = new TensorScope())
            {
                Tensor temporary = x.Exp();
                kept = scope.Keep(temporary + x);
            }

            return kept.Max(0).Item() > 0 ? kept : x;
        });
        Assert.Equal(2, compiled.Call(Tensor.FromArray([1f, 0], [2])).Shape.Count);
        Assert.EndsWith("  return %2, %3\n", compiled.Reports[0].Graph.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void With_fullGraph_a_break_is_an_error_that_names_the_line_and_the_way_out()
    {
        using var scope = new TensorScope();
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) => x.Item() > 0 ? x : -x, fullGraph: true);
        var exception = Assert.Throws<BrushfireException>(() => compiled.Call(Tensor.Scalar(1)));
        Assert.Matches(@"^function: Item of f32\[\] at GraphBreakTests\.cs:\d+ breaks the graph, and the function is compiled with fullGraph; compute with ops instead", exception.Message);
    }

    [Fact]
    public void Other_numbers_of_its_own_become_inputs_instead_of_new_graphs_forever()
    {
        using var scope = new TensorScope();
        int calls = 0;
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile((Tensor x) =>
        {
            Tensor counted = x + ++calls;
            return counted.Item() > 0 ? counted : -counted;
        });
        for (int i = 1; i < 10; i++) Assert.Equal(i + 1, compiled.Call(Tensor.Scalar(1)).Item());
        Assert.Equal(3, compiled.Reports.Count); // with 1, with 2, with an input
    }
}
