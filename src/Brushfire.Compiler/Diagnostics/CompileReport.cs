// What one compile did, stage by stage, as numbers and as the text of report.md.

using System.Globalization;
using System.Text;
using Brushfire.Compiler.Graphs;

namespace Brushfire.Compiler.Diagnostics;

/// <summary>One step of a compile.</summary>
/// <param name="Name">The pass.</param>
/// <param name="Time">What it took, verification apart.</param>
/// <param name="NodesBefore">Nodes that compute something, before it.</param>
/// <param name="NodesAfter">The same, after it.</param>
/// <param name="BytesBefore">Bytes that those nodes' results fill.</param>
/// <param name="BytesAfter">The same, after it.</param>
public sealed record StageReport(string Name, TimeSpan Time, int NodesBefore, int NodesAfter, long BytesBefore, long BytesAfter)
{
    internal static StageReport Of(string name, TimeSpan time, Graph before, Graph after) =>
        new(name, time, Nodes(before), Nodes(after), Bytes(before), Bytes(after));

    private static int Nodes(Graph graph) => graph.Nodes.Count(node => !node.IsLeaf);
    private static long Bytes(Graph graph) => graph.Nodes.Where(node => !node.IsLeaf).Sum(node => node.Spec.Bytes);
}

/// <summary>How a graph became a program.</summary>
/// <param name="Function">The function's name.</param>
/// <param name="Graph">As it was captured.</param>
/// <param name="Final">After all passes.</param>
/// <param name="Stages">The passes in order.</param>
public sealed record CompileReport(string Function, Graph Graph, Graph Final, IReadOnlyList<StageReport> Stages)
{
    /// <summary>A table in Markdown.</summary>
    public override string ToString()
    {
        var text = new StringBuilder($"# {Function}\n\n| stage | nodes before | after | MB of results before | after | ms |\n| --- | --: | --: | --: | --: | --: |\n");
        foreach (StageReport stage in Stages)
            text.Append(CultureInfo.InvariantCulture, $"| {stage.Name} | {stage.NodesBefore} | {stage.NodesAfter} | {stage.BytesBefore / 1e6:F2} | {stage.BytesAfter / 1e6:F2} | {stage.Time.TotalMilliseconds:F2} |\n");
        return text.ToString();
    }
}
