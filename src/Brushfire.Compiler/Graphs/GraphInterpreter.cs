// The meaning of a graph: its ops, one after the other, eagerly.

using Brushfire.Tensors;
using Brushfire.Tensors.Execution;

namespace Brushfire.Compiler.Graphs;

internal static class GraphInterpreter
{
    /// <summary>The graph's outputs for inputs in the graph's order. Each output is a tensor of its own; temporaries are freed after their last use.</summary>
    public static Tensor[] Run(Graph graph, ReadOnlySpan<Tensor> inputs)
    {
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        using var scope = new TensorScope();
        var values = new Tensor[graph.Nodes.Length];
        int[] uses = [.. graph.Nodes.Select(node => node.Users.Count + (graph.IsOutput(node) ? 1 : 0))];
        int next = 0;
        foreach (Node node in graph.Nodes)
        {
            values[node.Index] = node.Op switch
            {
                Input => inputs[next++],
                Weight weight => weight.Value,
                Constant constant => constant.Value,
                Op op => EagerExecutor.Instance.Run(op, [.. node.Inputs.Select(input => values[input.Index])]),
            };
            foreach (Node input in node.Inputs.Distinct())
                if (--uses[input.Index] == 0 && !input.IsLeaf) values[input.Index].Dispose();
        }

        return [.. graph.Outputs.Select(output => scope.Keep(Own(values[output.Index])))];
    }

    // The caller may dispose of an output without harm to a weight, an input or another output.
    private static Tensor Own(Tensor value) => value.View(value.Shape, value.Strides, value.Offset);
}
