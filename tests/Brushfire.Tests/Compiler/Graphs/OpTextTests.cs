// Every op of the samples, captured: its text reads back, and the interpreter gives its meaning.

using Brushfire.Compiler;
using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using Brushfire.Tests.Tensors;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Tests.Compiler.Graphs;

public sealed class OpTextTests
{
    public static TheoryData<string> Names => OpTests.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Captured_ops_read_back_and_agree_with_eager(string name)
    {
        using var scope = new TensorScope();
        OpSample sample = OpSamples.All.Single(sample => sample.Name == name);
        Tensor[] inputs = [.. sample.Inputs.Select((shape, i) => GraphSamples.Values(shape, 17 * i + 1))];
        CompiledFunction<Func<Tensor[], Tensor>> compiled = Compile(sample.Op, name: "sample");
        Close.Relative(sample.Op(inputs).ToArray(), compiled.Call(inputs).ToArray(), 1e-5, name);
        Graph graph = Assert.Single(compiled.Reports).Graph;
        Assert.Equal(graph, GraphSamples.Parse(graph.ToString()));
        Assert.Equal(graph.ToString(), GraphSamples.Parse(graph.ToString()).ToString());
    }

    [Fact]
    public void Every_op_record_has_its_line_in_the_catalogue()
    {
        Type[] records = [.. typeof(Op).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Op)) && !type.IsAbstract)];
        Assert.Equal(records.Select(type => type.Name).Order(StringComparer.Ordinal), OpCatalogue.Records.Select(type => type.Name).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_attribute_is_printed_and_read()
    {
        foreach (Op op in new Op[]
        {
            new AsStrided([2, 3], new Strides([1, 4]), 5), new Cast(DType.BFloat16), new Slice(1, 2, 3), new Conv2d(2, new Padding(1, 2, 3, 4)), new ScaledDotProductAttention(true, 0.125f),
            new GroupNorm(4, 1e-6f, Brushfire.Kernels.UnaryOperator.Silu), new LayerNorm(1e-5f), new UpsampleNearest(3), new Concatenate(2), new Permute(new Axes([1, 0])), new Expand([2, 2]), new Reshape([4]),
        })
        {
            Dictionary<string, string> attributes = OpCatalogue.Print(op).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=')).ToDictionary(part => part[0], part => part[1], StringComparer.Ordinal);
            Assert.Equal(op, OpCatalogue.Parse(op.Name, attributes));
            Assert.Equal(op.GetType().GetConstructors()[0].GetParameters().Length, attributes.Count);
        }
    }
}
