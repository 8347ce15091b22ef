// Computes once what stands several times: nodes of the same op on the same inputs, and equal constants.

using Brushfire.Compiler.Graphs;

namespace Brushfire.Compiler.Passes;

internal static class MergeEqual
{
    public static Graph Run(Graph graph)
    {
        HashSet<Node> first = new(new SameWork());
        return graph.Rewrite((_, node) =>
        {
            if (first.TryGetValue(node, out Node? same)) return same;
            first.Add(node);
            return node;
        });
    }

    // Inputs were merged before, so equal ones are the same.
    private sealed class SameWork : IEqualityComparer<Node>
    {
        public bool Equals(Node? x, Node? y) => x!.Op == y!.Op && x.Inputs.SequenceEqual(y.Inputs);
        public int GetHashCode(Node node) => node.Inputs.Aggregate(node.Op.GetHashCode(), HashCode.Combine);
    }
}
