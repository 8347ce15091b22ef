// Takes out of a graph what depends only on weights, constants and inputs that did not change since the last call: a
// prologue, which runs again only when one of these inputs changes. Keys and values of cross-attention are so computed once
// an image. Movement stays in the main graph, where it costs nothing.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Passes;

/// <summary>A graph in two.</summary>
/// <param name="Prologue">Takes all of the graph's inputs, and reads only the stable ones.</param>
/// <param name="Main">Takes the graph's inputs, then the prologue's outputs.</param>
public sealed record HoistedGraph(Graph Prologue, Graph Main);

internal static class HoistInvariants
{
    /// <summary>The graph in two, or null if nothing is worth keeping between calls.</summary>
    /// <param name="stable">For each input of the graph, whether it is what it was at the last call.</param>
    public static HoistedGraph? Split(Graph graph, ReadOnlySpan<bool> stable)
    {
        var invariant = new HashSet<Node>();
        for (int i = 0; i < stable.Length; i++)
            if (stable[i]) invariant.Add(graph.Inputs[i]);
        foreach (Node node in graph.Nodes)
            if (node.Op is not Input && node.Inputs.All(invariant.Contains)) invariant.Add(node);

        List<Node> kept = [.. graph.Nodes.Where(node => IsComputed(node) && invariant.Contains(node) && IsNeeded(graph, node, invariant))];
        return kept.Count == 0 ? null : new HoistedGraph(Prologue(graph, kept), Main(graph, kept));
    }

    private static bool IsComputed(Node node) => !node.IsLeaf && node.Op is not ViewOp;

    // True if something that runs every call reads the node, perhaps through movement.
    private static bool IsNeeded(Graph graph, Node node, HashSet<Node> invariant) =>
        graph.IsOutput(node) || node.Users.Any(user => !invariant.Contains(user) || (user.Op is ViewOp && IsNeeded(graph, user, invariant)));

    private static Graph Prologue(Graph graph, List<Node> kept)
    {
        var builder = new GraphBuilder($"{graph.Name}.prologue");
        Node[] copies = Copy(graph, builder, []);
        return builder.Build([.. kept.Select(node => copies[node.Index])]);
    }

    private static Graph Main(Graph graph, List<Node> kept)
    {
        var builder = new GraphBuilder(graph.Name);
        Node[] copies = Copy(graph, builder, kept);
        return builder.Build([.. graph.Outputs.Select(output => copies[output.Index])]);
    }

    // All nodes in another builder, the kept ones as further inputs.
    private static Node[] Copy(Graph graph, GraphBuilder builder, List<Node> kept)
    {
        var copies = new Node[graph.Nodes.Length];
        foreach (Node input in graph.Inputs) copies[input.Index] = builder.Add(input.Op);
        for (int i = 0; i < kept.Count; i++) copies[kept[i].Index] = builder.Add(new Input($"prologue.{i}", kept[i].Spec));
        foreach (Node node in graph.Nodes) copies[node.Index] ??= builder.Add(node.Op, [.. node.Inputs.Select(input => copies[input.Index])]);
        return copies;
    }
}
