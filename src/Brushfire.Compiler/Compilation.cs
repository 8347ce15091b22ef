// One graph on its way to a program: every pass in turn, verified, timed, written to the dump folder, skipped or replaced as
// the settings say; then the program.

using System.Diagnostics;
using System.Globalization;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Compiler.Runtime;
using Brushfire.Kernels;
using Brushfire.Tensors;
using KernelCompiler = Brushfire.Compiler.Emission.KernelCompiler;

namespace Brushfire.Compiler;

internal sealed class Compilation
{
    // Not in the list of passes: it needs a call to see which inputs change.
    private const string Hoisting = "hoist-invariants";

    private readonly CompilerSettings _settings;
    private readonly Graph _captured;
    private readonly string _folder;
    private readonly KernelCompiler _kernels;
    private readonly List<StageReport> _stages = [];

    private Compilation(Graph captured, string folder, CompilerSettings settings, KernelCompiler kernels) => (_captured, _folder, _settings, _kernels) = (captured, folder, settings, kernels);

    /// <summary>The program of a captured graph, and how it came about.</summary>
    /// <param name="captured">The graph.</param>
    /// <param name="capturing">What it took to capture it.</param>
    /// <param name="folder">Its own folder below that of dumps.</param>
    /// <param name="passes">In order.</param>
    /// <param name="settings">What to verify, write, skip and replace.</param>
    /// <param name="kernels">Compiles the kernels of this and the function's other graphs.</param>
    public static (IGraphProgram Program, CompileReport Report) Run(Graph captured, TimeSpan capturing, string folder, IReadOnlyList<Pass> passes, CompilerSettings settings, KernelCompiler kernels)
    {
        CheckSkipped(passes, settings);
        var compilation = new Compilation(captured, folder, settings, kernels);
        Graph graph = compilation.Replaced("00-captured", captured, captured);
        if (settings.Verify) GraphVerifier.Verify(graph, "the capture");
        for (int i = 0; i < passes.Count; i++)
            if (!settings.Skip.Contains(passes[i].Name)) graph = compilation.Apply(passes[i], i + 1, graph);
        var report = new CompileReport(captured.Name, capturing, captured, graph, compilation._stages);
        IGraphProgram program = settings.Executor == GraphExecutor.Interpreted ? new InterpretedProgram(graph)
            : settings.Skip.Contains(Hoisting) ? compilation.Compile(graph, report)
            : new HoistingProgram(graph, part => compilation.Compile(part, report));
        compilation.Write("report.md", report.ToString);
        return (program, report);
    }

    /// <exception cref="BrushfireException">A pass to skip is none.</exception>
    public static void CheckSkipped(IReadOnlyList<Pass> passes, CompilerSettings settings)
    {
        string[] known = [.. passes.Select(pass => pass.Name), Hoisting];
        string[] unknown = [.. settings.Skip.Except(known, StringComparer.Ordinal)];
        if (unknown.Length > 0) throw new BrushfireException($"{Knobs.Skip.Name} names {string.Join(", ", unknown)}, which the compiler does not have; there are {string.Join(", ", known)}.");
    }

    // Schedule, memory plan and kernels of a graph, or of a part of it that is hoisted later.
    private CompiledProgram Compile(Graph graph, CompileReport report)
    {
        var clock = new StageClock();
        var program = new CompiledProgram(graph, clock, _settings.VerifyKernels, _kernels);
        report.Add(new ProgramReport(graph.Name, clock.Times, program.Schedule.Groups.Length, program.KernelCount, program.InterpretedNodes, program.Refusals, program.Plan.Bytes, program.Plan.UnsharedBytes));
        string prefix = report.Programs.Count == 1 ? "" : $"{report.Programs.Count}-";
        Write(prefix + "schedule.txt", program.Schedule.ToString);
        Write(prefix + "memory.txt", program.Plan.ToString);
        foreach (Launch launch in program.Launches)
            if (launch.Kernel is { } kernel) Write(Path.Combine(prefix + "kernels", string.Create(CultureInfo.InvariantCulture, $"{launch.Index:00}-{kernel.Name}.cs")), () => kernel.Source);
        if (prefix.Length > 0) Write("report.md", report.ToString);
        CompilerLog.Write("schedule", () => report.Programs[^1].ToString());
        return program;
    }

    private Graph Apply(Pass pass, int number, Graph before)
    {
        long start = Stopwatch.GetTimestamp();
        Graph after = pass.Run(before);
        var stage = StageReport.Of(pass.Name, Stopwatch.GetElapsedTime(start), before, after);
        after = Replaced(string.Create(CultureInfo.InvariantCulture, $"{number:00}-{pass.Name}"), before, after);
        if (_settings.Verify) GraphVerifier.Verify(after, $"the pass {pass.Name}");
        _stages.Add(stage);
        CompilerLog.Write("passes", () => string.Create(CultureInfo.InvariantCulture, $"{before.Name}: {pass.Name}: {stage.NodesBefore} nodes to {stage.NodesAfter}, {stage.Time.TotalMilliseconds:F2} ms"));
        return after;
    }

    // Writes what a stage gave, where it changed something, and reads what a person put in its place.
    private Graph Replaced(string stage, Graph before, Graph after)
    {
        if (ReferenceEquals(after, _captured) || !after.Equals(before)) Write(stage + ".graph", after.ToString);
        if (_settings.Override is null) return after;
        string path = Path.Combine(_settings.Override, _folder, stage + ".graph");
        return File.Exists(path) ? GraphParser.Parse(File.ReadAllText(path), LeafOf) : after;
    }

    private Tensor LeafOf(string key, TensorSpec spec)
    {
        foreach (Node node in _captured.Nodes)
        {
            if (node.Op is Weight weight && weight.Key == key) return weight.Value;
            if (node.Op is Constant constant && node.Spec == spec && key.StartsWith('#') && ConstantText.Key(constant.Value) == key) return constant.Value;
        }

        throw new BrushfireException($"{_captured.Name} has no weight or constant '{key}' as captured; a graph that replaces another can use only those.");
    }

    private void Write(string file, Func<string> text)
    {
        if (_settings.Dump is null) return;
        string folder = Path.Combine(_settings.Dump, _folder);
        string path = Path.Combine(folder, file);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BrushfireException($"{path} cannot be written: {exception.Message} Name another folder by {Knobs.Dump.Name}.", exception);
        }
    }
}
