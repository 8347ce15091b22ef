// Graphs: their text and its parser, the verifier, rewriting, equality and the interpreter.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Tests.Compiler.Graphs;

public sealed class GraphTests
{
    private const string Block = """
        graph block(%x: f32[2,6,6,4], %ids: i64[3])
          %w1: f32[8,4,3,3] = weight "conv.weight"
          %w2: f32[8] = weight "conv.bias"
          %1: f32[2,3,3,8] = conv2d(%x, %w1, %w2) stride=2 pad=[0,0,1,1] precision=bf16
          %c1: f32[] = constant 0.1
          %2: f32[2,3,3,8] = multiply(%1, %c1)
          %3: f32[2,9,8] = reshape(%2) shape=[2,9,8]
          %4: f32[8,2,9] = permute(%3) order=[2,0,1]
          %5: f32[8,2,1] = reduce_sum(%4) axis=2
          %c2: f32[3,2] = constant [1,-0.5,NaN,Infinity,1E-20,0.33333334]
          %6: f32[3,2] = gather_rows(%c2, %ids)
          return %5, %6, %2

        """;

    [Fact]
    public void A_text_reads_back_as_itself() => Assert.Equal(Block, GraphSamples.Parse(Block).ToString());

    [Fact]
    public void Comments_and_other_names_are_read_and_then_normalized() => Assert.Equal(
        "graph f(%x: f32[2])\n  %1: f32[2] = silu(%x)\n  return %1\n",
        GraphSamples.Parse("# a comment\n\ngraph f(%x: f32[2])\n# more\n%hidden: f32[2] = silu(%x)\nreturn %hidden").ToString());

    [Theory]
    [InlineData("%1: f32[2] = silu(%y)", "there is no %y above")]
    [InlineData("%1: f32[2] = silly(%x)", "There is no op 'silly'; the ops are abs, add,")]
    [InlineData("%1: f32[3] = silu(%x)", "the line says f32[3], but the result is f32[2]")]
    [InlineData("%1: f32[2] = silu(%x) axis=1", "silu has no attribute 'axis'")]
    [InlineData("%1: f32[1] = reduce_sum(%x)", "reduce_sum needs the attribute 'axis'")]
    [InlineData("%1: f32[1] = reduce_sum(%x) axis=one", "'one' cannot be the value of 'axis'")]
    [InlineData("%1: f33[2] = silu(%x)", "'f33[2]' is not a type and shape")]
    [InlineData("%1: f32[2] := silu(%x)", "a node is '%name: f32[2,3] = op(%input, …) attribute=value …'")]
    [InlineData("%x: f32[2] = silu(%x)", "%x is already another node")]
    [InlineData("%1: f32[3] = add(%x, %x) ", "the line says f32[3]")]
    [InlineData("%w1: f32[3] = weight conv", "a weight is named by its key in quotation marks")]
    [InlineData("%1: f32[1] = reduce_sum(%x) axis=7", "axis 7 is outside of f32[2], which has rank 1")]
    [InlineData("%1: f32[1] = slice(%x) axis=-1 start=0 length=1", "axis -1 is outside of f32[2], which has rank 1")]
    [InlineData("%1: f32[2] = slice(%x) axis=0 start=0 length=2 start=1", "the attribute 'start' stands twice")]
    [InlineData("%1: f32[2] = add(%x)", "add takes 2 inputs, not 1")]
    [InlineData("%1: f32[2] = silu(%x, %x)", "silu takes 1 input, not 2")]
    [InlineData("%1: f32[2] = linear(%x)", "linear takes 2 or 3 inputs, not 1")]
    [InlineData("%1: f32[2] = concatenate() axis=0", "concatenate takes 1 or more inputs, not 0")]
    [InlineData("%1: f32[2] = concatenate(%x) axis=1", "axis 1 is outside of f32[2]")]
    [InlineData("%c1: f32[] = constant half", "'half' cannot be the values of f32[]")]
    [InlineData("%c1: i32[] = constant 1.5", "'1.5' cannot be the values of i32[]")]
    public void A_wrong_line_is_told_with_its_number(string line, string problem)
    {
        var exception = Assert.Throws<BrushfireException>(() => GraphSamples.Parse($"graph f(%x: f32[2])\n{line}\nreturn %x"));
        Assert.Contains("Line 2 of the graph", exception.Message, StringComparison.Ordinal);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbered_names_make_way_for_inputs_of_that_name()
    {
        Graph graph = GraphSamples.Parse("graph f(%c1: f32[], %2: f32[])\n%c: f32[] = constant 2\n%a: f32[] = multiply(%c1, %c)\n%b: f32[] = add(%a, %2)\nreturn %b");
        GraphVerifier.Verify(graph, "the parser");
        Assert.Equal("graph f(%c1: f32[], %2: f32[])\n  %c2: f32[] = constant 2\n  %1: f32[] = multiply(%c1, %c2)\n  %3: f32[] = add(%1, %2)\n  return %3\n", graph.ToString());
    }

    [Fact]
    public void A_long_constant_is_named_by_its_content()
    {
        var builder = new GraphBuilder("f");
        Tensor table = Tensor.Create([40], values => values.Fill(3));
        Graph graph = builder.Build(builder.Add(new Constant(table)));
        Assert.Equal("%c1: f32[40] = constant \"#", graph.Nodes[0].ToString()[..26]);
        Graph parsed = GraphParser.Parse(graph.ToString(), (key, spec) => key == ConstantText.Key(table) && spec == table.Spec ? table : throw new KeyNotFoundException(key));
        Assert.Equal(graph, parsed);
    }

    [Fact]
    public void Every_element_type_of_a_constant_reads_back()
    {
        foreach (DType dtype in Enum.GetValues<DType>())
        {
            var builder = new GraphBuilder("f");
            Graph graph = builder.Build(builder.Add(new Constant(Tensor.FromArray([0f, 1, 2.5f, 200], [4]).Cast(dtype))));
            Assert.Equal(graph, GraphSamples.Parse(graph.ToString()));
            Assert.Equal(graph.ToString(), GraphSamples.Parse(graph.ToString()).ToString());
        }
    }

    [Fact]
    public void The_interpreter_gives_the_ops_meaning()
    {
        using var scope = new TensorScope();
        Graph graph = GraphSamples.Parse("""
            graph f(%x: f32[2,3], %y: f32[3])
              %c1: f32[] = constant 2
              %1: f32[2,3] = multiply(%x, %c1)
              %2: f32[2,3] = add(%1, %y)
              %3: f32[3,2] = permute(%2) order=[1,0]
              return %3, %1, %y
            """);
        Tensor y = Tensor.FromArray([10f, 20, 30], [3]);
        Tensor[] outputs = GraphInterpreter.Run(graph, [Tensor.FromArray([1f, 2, 3, 4, 5, 6], [2, 3]), y]);
        Assert.Equal([12f, 18, 24, 30, 36, 42], outputs[0].ToArray());
        Assert.Equal([2f, 4, 6, 8, 10, 12], outputs[1].ToArray());
        foreach (Tensor output in outputs) output.Dispose();
        Assert.Equal([10f, 20, 30], y.ToArray());
    }

    [Fact]
    public void A_rewrite_sees_new_inputs_and_leaves_nothing_dead()
    {
        Graph graph = GraphSamples.Parse("""
            graph f(%x: f32[2,3], %unused: f32[7])
              %1: f32[3,2] = permute(%x) order=[1,0]
              %2: f32[2,3] = permute(%1) order=[1,0]
              %3: f32[2,3] = silu(%2)
              return %3
            """);
        Graph simpler = graph.Rewrite((_, node) => node switch
        {
            { Op: Permute, Inputs: [{ Op: Permute, Inputs: [var x] }] } => x,
            _ => node,
        });
        Assert.Equal("graph f(%x: f32[2,3], %unused: f32[7])\n  %1: f32[2,3] = silu(%x)\n  return %1\n", simpler.ToString());
        GraphVerifier.Verify(simpler, "the rule");
    }

    [Fact]
    public void Graphs_are_equal_by_what_they_compute()
    {
        const string Text = "graph f(%x: f32[], %y: f32[])\n%c: f32[] = constant 1\n%1: f32[] = add(%x, %c)\nreturn %1";
        Assert.Equal(GraphSamples.Parse(Text), GraphSamples.Parse(Text.Replace("graph f", "graph g", StringComparison.Ordinal)));
        Assert.Equal(GraphSamples.Parse(Text).GetHashCode(), GraphSamples.Parse(Text).GetHashCode());
        foreach ((string from, string to) in new[] { ("add", "subtract"), ("(%x, %c)", "(%y, %c)"), ("constant 1", "constant 2"), ("return %1", "return %1, %1") })
            Assert.NotEqual(GraphSamples.Parse(Text), GraphSamples.Parse(Text.Replace(from, to, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_verifier_lists_every_problem()
    {
        Graph graph = GraphSamples.Parse(Block);
        GraphVerifier.Verify(graph, "the parser");
        Graph broken = new(graph.Name, [.. graph.Nodes.Reverse()], graph.Inputs, [.. graph.Outputs.Take(1)]);
        var exception = Assert.Throws<BrushfireException>(() => GraphVerifier.Verify(broken, "a pass"));
        Assert.StartsWith("a pass made a wrong graph of block: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains("stands at place 0, but says", exception.Message, StringComparison.Ordinal);
        Assert.Contains("nobody uses %6", exception.Message, StringComparison.Ordinal);
    }
}
