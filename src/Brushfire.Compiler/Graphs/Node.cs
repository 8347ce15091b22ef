// One value of a graph: an op applied to earlier nodes. Printed as %12: f32[2,64,64,320] = conv2d(%11, %w3) stride=1 pad=1.

using System.Collections.Immutable;
using System.Diagnostics;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Graphs;

/// <summary>An op, what it is applied to, and the type and shape of its result. Never changes once its graph is built.</summary>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class Node
{
    private readonly List<Node> _users = [];

    internal Node(Op op, ImmutableArray<Node> inputs, TensorSpec spec) => (Op, Inputs, Spec) = (op, inputs, spec);

    public Op Op { get; }
    public ImmutableArray<Node> Inputs { get; }
    public TensorSpec Spec { get; }
    public Shape Shape => Spec.Shape;
    public DType DType => Spec.DType;

    /// <summary>As printed, for example %12; unique in the graph. Known once the graph is built, as are the two below.</summary>
    public string Name { get; private set; } = "%?";

    /// <summary>Place in the graph's order.</summary>
    public int Index { get; private set; } = -1;

    /// <summary>The nodes that take this one as an input, each once, in order.</summary>
    public IReadOnlyList<Node> Users => _users;

    /// <summary>True for what the graph does not compute: inputs, weights and constants.</summary>
    public bool IsLeaf => Op is Input or Weight or Constant;

    public override string ToString() => GraphText.Line(this);

    internal void Place(string name, int index)
    {
        (Name, Index) = (name, index);
        foreach (Node input in Inputs)
            if (input._users.Count == 0 || input._users[^1] != this) input._users.Add(this);
    }
}
