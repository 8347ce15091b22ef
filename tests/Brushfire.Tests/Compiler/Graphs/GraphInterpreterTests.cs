// What the interpreter holds of a graph's values. Alone, because it looks at the memory of the whole process.

using Brushfire.Compiler.Graphs;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using Brushfire.Tests.Tensors;

namespace Brushfire.Tests.Compiler.Graphs;

[Collection(nameof(ParameterTests))]
public sealed class GraphInterpreterTests
{
    public GraphInterpreterTests() => ProcessMemory.Settle();

    [Fact]
    public void The_interpreter_frees_what_is_not_used_again()
    {
        using var scope = new TensorScope();
        var builder = new GraphBuilder("chain");
        Node node = builder.Add(new Input("x", new TensorSpec(DType.Float32, [1 << 20])));
        for (int i = 0; i < 50; i++) node = builder.Add(new Unary(UnaryOperator.Sigmoid), node);
        Graph graph = builder.Build(node);
        Tensor x = Tensor.Zeros([1 << 20]);
        long before = Allocator.Statistics.BytesInUse;
        GraphInterpreter.Run(graph, [x]);
        Assert.InRange(Allocator.Statistics.BytesInUse - before, 0, 5L << 20); // the result
    }
}
