// What runs a graph. Programs keep no state of a call, so that calls may run side by side.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Runtime;

/// <summary>A graph ready to run.</summary>
public interface IGraphProgram
{
    /// <summary>The outputs, in the graph's order, for inputs of the graph's types and shapes. Each output is a tensor of its own.</summary>
    Tensor[] Run(ReadOnlySpan<Tensor> inputs);
}

/// <summary>Runs a graph op by op.</summary>
internal sealed class InterpretedProgram(Graph graph) : IGraphProgram
{
    public Tensor[] Run(ReadOnlySpan<Tensor> inputs) => GraphInterpreter.Run(graph, inputs);
}
