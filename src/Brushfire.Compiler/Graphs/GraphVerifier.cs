// Checks a graph after every pass: results are what their ops infer, inputs come first, names are unique, nothing is dead.

using Brushfire.Tensors;

namespace Brushfire.Compiler.Graphs;

internal static class GraphVerifier
{
    /// <summary>Refuses a graph that breaks a rule.</summary>
    /// <param name="maker">Who made the graph, for the error: a pass, or the capture.</param>
    /// <exception cref="BrushfireException">All problems, with their nodes.</exception>
    public static void Verify(Graph graph, string maker)
    {
        List<string> problems = [.. Problems(graph)];
        if (problems.Count > 0) throw new BrushfireException($"{maker} made a wrong graph of {graph.Name}: {string.Join("; ", problems)}.");
    }

    private static IEnumerable<string> Problems(Graph graph)
    {
        HashSet<string> names = new(StringComparer.Ordinal), keys = new(StringComparer.Ordinal);
        if (graph.Outputs.IsEmpty) yield return "it has no output";
        for (int i = 0; i < graph.Nodes.Length; i++)
        {
            Node node = graph.Nodes[i];
            if (node.Index != i) yield return $"{node} stands at place {i}, but says {node.Index}";
            if (!names.Add(node.Name)) yield return $"two nodes are named {node.Name}";
            if (node.Op is Weight weight && !keys.Add(weight.Key)) yield return $"the weight '{weight.Key}' stands twice";
            if (node.Users.Count == 0 && node.Op is not Input && !graph.IsOutput(node)) yield return $"nobody uses {node}";
            foreach (Node input in node.Inputs.Where(input => !Stands(graph, input) || input.Index >= i)) yield return $"{node} comes before its input {input.Name}";
            foreach (Node input in node.Inputs.Where(input => !input.Users.Contains(node))) yield return $"{input.Name} does not know its user {node.Name}";
            if (Misinferred(node) is { } problem) yield return $"{node}: {problem}";
        }

        foreach (Node node in graph.Outputs.Concat(graph.Inputs).Where(node => !Stands(graph, node))) yield return $"{node} is no node of the graph";
    }

    private static bool Stands(Graph graph, Node node) => (uint)node.Index < (uint)graph.Nodes.Length && graph.Nodes[node.Index] == node;

    private static string? Misinferred(Node node)
    {
        try
        {
            TensorSpec spec = node.Op.Infer([.. node.Inputs.Select(input => input.Spec)]);
            return spec == node.Spec ? null : $"its op gives {spec}";
        }
        catch (BrushfireException exception)
        {
            return exception.Message;
        }
    }
}
