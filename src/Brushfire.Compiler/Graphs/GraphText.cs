// A graph as text, in dumps, errors, documents and tests alike. GraphParser reads it back; the grammar is in ARCHITECTURE.md.

using System.Text;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Graphs;

internal static class GraphText
{
    public static string Print(Graph graph)
    {
        var text = new StringBuilder();
        text.Append($"graph {graph.Name}({string.Join(", ", graph.Inputs.Select(input => $"{input.Name}: {input.Spec}"))})\n");
        foreach (Node node in graph.Nodes)
            if (node.Op is not Input) text.Append($"  {Line(node)}\n");
        return text.Append($"  return {Names(graph.Outputs)}\n").ToString();
    }

    /// <summary>%12: f32[2,64,64,320] = conv2d(%11, %w3) stride=1 pad=1.</summary>
    public static string Line(Node node) => $"{node.Name}: {node.Spec} = {Right(node)}";

    private static string Right(Node node) => node.Op switch
    {
        Input => "input",
        Weight weight => $"weight \"{weight.Key}\"",
        Constant constant => $"constant {ConstantText.Print(constant.Value)}",
        Op op => $"{op.Name}({Names(node.Inputs)}){OpCatalogue.Print(op)}",
    };

    private static string Names(IEnumerable<Node> nodes) => string.Join(", ", nodes.Select(node => node.Name));
}
