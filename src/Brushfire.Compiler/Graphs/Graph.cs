// A function of tensors as nodes in an order in which they can run. A pass takes one graph and gives another.

using System.Collections.Immutable;
using System.Diagnostics;

namespace Brushfire.Compiler.Graphs;

/// <summary>Nodes in running order. Every node but an input leads to an output. Never changes.</summary>
/// <remarks>Two graphs are equal if they do the same ops on the same inputs, weights and constants; the name does not count.</remarks>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class Graph : IEquatable<Graph>
{
    private readonly int _hash;

    internal Graph(string name, ImmutableArray<Node> nodes, ImmutableArray<Node> inputs, ImmutableArray<Node> outputs)
    {
        (Name, Nodes, Inputs, Outputs) = (name, nodes, inputs, outputs);
        var hash = new HashCode();
        foreach (Node node in nodes)
        {
            hash.Add(node.Op);
            foreach (Node input in node.Inputs) hash.Add(input.Index);
        }

        _hash = hash.ToHashCode();
    }

    public string Name { get; }
    public ImmutableArray<Node> Nodes { get; }
    public ImmutableArray<Node> Inputs { get; }
    public ImmutableArray<Node> Outputs { get; }

    public bool IsOutput(Node node) => Outputs.Contains(node);

    /// <summary>The graph that <paramref name="rule"/> makes of this one.</summary>
    /// <param name="rule">Takes the builder of the new graph and a node whose inputs were rewritten already; gives that node, or what stands for it.</param>
    public Graph Rewrite(Func<GraphBuilder, Node, Node> rule) => Rewrite((builder, node, _) => rule(builder, node));

    /// <summary>As above; the rule also sees the node as it was, with all its users.</summary>
    public Graph Rewrite(Func<GraphBuilder, Node, Node, Node> rule)
    {
        var builder = new GraphBuilder(Name);
        var rewritten = new Node[Nodes.Length];
        foreach (Node node in Nodes)
        {
            Node copy = builder.Add(node.Op, [.. node.Inputs.Select(input => rewritten[input.Index])]);
            rewritten[node.Index] = rule(builder, copy, node);
        }

        return builder.Build([.. Outputs.Select(output => rewritten[output.Index])]);
    }

    public bool Equals(Graph? other) => other is not null && _hash == other._hash && Matches(other, Same);

    /// <summary>Equal, or different only in constants' values.</summary>
    public bool EqualsButForConstants(Graph other) => Matches(other, (a, b) => Same(a, b) || (a.Op is Constant && b.Op is Constant && a.Spec == b.Spec));

    public override bool Equals(object? obj) => Equals(obj as Graph);
    public override int GetHashCode() => _hash;

    /// <summary>The whole text; the grammar is in ARCHITECTURE.md.</summary>
    public override string ToString() => GraphText.Print(this);

    private bool Matches(Graph other, Func<Node, Node, bool> same) =>
        Nodes.Length == other.Nodes.Length && SameNodes(Outputs, other.Outputs) && Nodes.Zip(other.Nodes).All(pair => same(pair.First, pair.Second));

    private static bool Same(Node a, Node b) => a.Spec == b.Spec && a.Op == b.Op && SameNodes(a.Inputs, b.Inputs);

    private static bool SameNodes(ImmutableArray<Node> a, ImmutableArray<Node> b) =>
        a.Length == b.Length && a.Zip(b).All(pair => pair.First.Index == pair.Second.Index);
}
