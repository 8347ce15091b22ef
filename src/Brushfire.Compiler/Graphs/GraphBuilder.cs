// Makes a graph: nodes are added in running order, each with its type and shape inferred and checked.

using System.Collections.Immutable;
using System.Globalization;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Graphs;

/// <summary>Nodes on their way to one graph.</summary>
public sealed class GraphBuilder(string name)
{
    private readonly List<Node> _nodes = [];
    private bool _built;

    /// <summary>An op on nodes of this builder.</summary>
    /// <exception cref="BrushfireException">The op refuses the inputs.</exception>
    public Node Add(Op op, params ImmutableArray<Node> inputs)
    {
        var specs = new TensorSpec[inputs.Length];
        for (int i = 0; i < specs.Length; i++) specs[i] = inputs[i].Spec;
        var node = new Node(op, inputs, op.Infer(specs));
        _nodes.Add(node);
        return node;
    }

    /// <summary>The graph of what the outputs need, with all inputs. Nodes are numbered here: weights %w1 …, constants %c1 …, the rest %1 …, but for what an input is named.</summary>
    public Graph Build(params ImmutableArray<Node> outputs)
    {
        if (_built) throw new InvalidOperationException("A builder makes one graph.");
        _built = true;
        HashSet<Node> needed = Needed(outputs);
        ImmutableArray<Node> nodes = [.. _nodes.Where(node => needed.Contains(node) || node.Op is Input)];
        HashSet<string> taken = [.. nodes.Select(node => node.Op).OfType<Input>().Select(input => $"%{input.Label}")];
        (int weights, int constants, int others) = (0, 0, 0);
        for (int i = 0; i < nodes.Length; i++)
        {
            nodes[i].Place(nodes[i].Op switch
            {
                Input input => $"%{input.Label}",
                Weight => Next("%w", ref weights),
                Constant => Next("%c", ref constants),
                _ => Next("%", ref others),
            }, i);
        }

        return new Graph(name, nodes, [.. nodes.Where(node => node.Op is Input)], outputs);

        string Next(string prefix, ref int count)
        {
            string next;
            do next = string.Create(CultureInfo.InvariantCulture, $"{prefix}{++count}");
            while (taken.Contains(next));
            return next;
        }
    }

    private static HashSet<Node> Needed(ImmutableArray<Node> outputs)
    {
        HashSet<Node> needed = [];
        var open = new Stack<Node>(outputs);
        while (open.TryPop(out Node? node))
        {
            if (!needed.Add(node)) continue;
            foreach (Node input in node.Inputs) open.Push(input);
        }

        return needed;
    }
}
