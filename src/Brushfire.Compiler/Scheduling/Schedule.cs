// A graph as kernels in running order. Printed as schedule.txt: a line a group, then its nodes.

using System.Collections.Immutable;
using System.Text;
using Brushfire.Compiler.Graphs;

namespace Brushfire.Compiler.Scheduling;

/// <param name="Outputs">The graph's outputs as views of written values.</param>
internal sealed record Schedule(Graph Graph, ImmutableArray<FusionGroup> Groups, ImmutableArray<View> Outputs)
{
    public override string ToString()
    {
        var text = new StringBuilder();
        for (int i = 0; i < Groups.Length; i++)
        {
            FusionGroup group = Groups[i];
            text.Append($"{i} {group.Kind.ToString().ToLowerInvariant()}: {Names(group.Outputs)} from {Names(group.Inputs)}\n");
            foreach (Node node in group.Nodes) text.Append($"    {node}\n");
        }

        return text.ToString();
    }

    private static string Names(IEnumerable<Node> nodes) => string.Join(", ", nodes.Select(node => node.Name));
}
