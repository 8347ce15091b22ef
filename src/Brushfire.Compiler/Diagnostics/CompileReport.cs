// What one compile did, stage by stage, as numbers and as the text of report.md.

using System.Globalization;
using System.Text;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Diagnostics;

/// <summary>One step of a compile.</summary>
/// <param name="Name">The pass.</param>
/// <param name="Time">What it took, verification apart.</param>
/// <param name="NodesBefore">Nodes that compute something, before it.</param>
/// <param name="NodesAfter">The same, after it.</param>
/// <param name="BytesBefore">Bytes that those nodes read and write if each is a kernel of its own.</param>
/// <param name="BytesAfter">The same, after it.</param>
public sealed record StageReport(string Name, TimeSpan Time, int NodesBefore, int NodesAfter, long BytesBefore, long BytesAfter)
{
    internal static StageReport Of(string name, TimeSpan time, Graph before, Graph after) =>
        Of(name, time, GraphCost.Of(before), GraphCost.Of(after));

    private static StageReport Of(string name, TimeSpan time, GraphCost before, GraphCost after) => new(name, time, before.Nodes, after.Nodes, before.Bytes, after.Bytes);
}

/// <summary>A program that was made of a graph, or of a part of it.</summary>
/// <param name="Name">Of the graph.</param>
/// <param name="Times">What scheduling, planning, emitting, compiling (or reading the cache) and loading took.</param>
/// <param name="Groups">Launches in a call, of generated kernels and of the library.</param>
/// <param name="Kernels">Generated ones among them.</param>
/// <param name="InterpretedNodes">Nodes for which no kernel could be generated.</param>
/// <param name="Refusals">Why: of each such group its number and the reason.</param>
/// <param name="ArenaBytes">Planned memory of a call.</param>
/// <param name="UnsharedBytes">The same if no values shared memory.</param>
public sealed record ProgramReport(string Name, IReadOnlyList<StageTime> Times, int Groups, int Kernels, int InterpretedNodes, IReadOnlyList<string> Refusals, long ArenaBytes, long UnsharedBytes)
{
    public override string ToString()
    {
        IEnumerable<string> times = Times.Select(time => string.Create(CultureInfo.InvariantCulture, $"{time.Stage} {time.Time.TotalMilliseconds:F1} ms"));
        return string.Create(CultureInfo.InvariantCulture,
            $"{Name}: {Groups} launches, {Kernels} of generated kernels, {InterpretedNodes} interpreted nodes; arena {ArenaBytes / 1e6:F2} MB ({UnsharedBytes / 1e6:F2} MB without sharing); {string.Join(", ", times)}");
    }
}

/// <summary>How a graph became a program.</summary>
/// <param name="Function">The function's name.</param>
/// <param name="Capture">From the beginning of the call until the graph was recorded.</param>
/// <param name="Graph">As it was captured.</param>
/// <param name="Final">After all passes.</param>
/// <param name="Stages">The passes in order.</param>
public sealed record CompileReport(string Function, TimeSpan Capture, Graph Graph, Graph Final, IReadOnlyList<StageReport> Stages)
{
    private readonly List<ProgramReport> _programs = [];

    /// <summary>The program of the whole graph; then those of the parts that it was cut into when some inputs were seen not to change.</summary>
    public IReadOnlyList<ProgramReport> Programs
    {
        get { lock (_programs) return [.. _programs]; }
    }

    /// <summary>Bytes of memory that its weights hold now, as they are and packed.</summary>
    public long WeightBytes => Final.Nodes.Select(node => node.Op).OfType<Weight>().Select(weight => weight.Value.Storage).OfType<ParameterStorage>().Distinct().Sum(storage => storage.HeldBytes);

    internal void Add(ProgramReport program)
    {
        lock (_programs) _programs.Add(program);
    }

    /// <summary>A table in Markdown.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {Function}\n\nCaptured in {Capture.TotalMilliseconds:F1} ms.\n\n| stage | nodes before | after | MB of traffic before | after | ms |\n| --- | --: | --: | --: | --: | --: |\n");
        foreach (StageReport stage in Stages)
            text.Append(CultureInfo.InvariantCulture, $"| {stage.Name} | {stage.NodesBefore} | {stage.NodesAfter} | {stage.BytesBefore / 1e6:F2} | {stage.BytesAfter / 1e6:F2} | {stage.Time.TotalMilliseconds:F2} |\n");
        foreach (ProgramReport program in Programs)
        {
            text.Append($"\n{program}\n");
            foreach (string refusal in program.Refusals) text.Append($"- group {refusal}\n");
        }

        return text.ToString();
    }
}
