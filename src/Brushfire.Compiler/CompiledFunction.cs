// A compiled function: the same arguments, the same results. The first call captures, compiles and runs; later ones check
// guards and run a program, or are captured anew with a reason that names what changed.

using System.Collections.Concurrent;
using System.Diagnostics;
using Brushfire.Compiler.Capture;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Compiler.Runtime;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using KernelCompiler = Brushfire.Compiler.Emission.KernelCompiler;

namespace Brushfire.Compiler;

/// <summary>What is known of a compiled function. Calls may run side by side.</summary>
public abstract class CompiledFunction
{
    private const int MostEntries = 8, MostPrograms = 128, MostReasons = 64;

    // Graphs that were compiled of all functions of a name: by it and this number, each has a folder of its own below that of dumps.
    private static readonly ConcurrentDictionary<string, int> s_graphs = new(StringComparer.OrdinalIgnoreCase);

    private readonly Func<object?[], object?> _function;
    private readonly IReadOnlyList<string> _parameters;
    private readonly IReadOnlyList<Pass> _passes;
    private readonly bool _fullGraph;
    private readonly Recent<Graph, IGraphProgram> _programs = new(MostPrograms);
    private readonly Lock _compiling = new(), _gate = new();
    private readonly KernelCompiler _kernels = new();
    private readonly List<Entry> _entries = [];
    private readonly List<RecompileReason> _recompiles = [], _newPlans = [];
    private readonly List<GraphBreak> _breaks = [];
    private readonly List<CompileReport> _reports = [];

    private protected CompiledFunction(string name, IReadOnlyList<string> parameters, Func<object?[], object?> function, bool fullGraph, IReadOnlyList<Pass> passes)
    {
        Name = name;
        _parameters = parameters;
        _function = function;
        _fullGraph = fullGraph;
        _passes = passes;
    }

    public string Name { get; }

    /// <summary>Why calls did not fit what was compiled before, in order; the first capture is none. Past a bound of entries such calls run the function itself. The first reasons are kept, and all are logged.</summary>
    public IReadOnlyList<RecompileReason> Recompiles => Copy(_recompiles);

    /// <summary>Which sizes led to a new plan for what was compiled before; the first ones, as above.</summary>
    public IReadOnlyList<RecompileReason> NewPlans => Copy(_newPlans);

    /// <summary>The places that read values while the function was captured, each once.</summary>
    public IReadOnlyList<GraphBreak> GraphBreaks => Copy(_breaks);

    /// <summary>One for each graph that was compiled, in order; the latest ones, as many as programs are kept.</summary>
    public IReadOnlyList<CompileReport> Reports => Copy(_reports);

    // Inside of another captured function this one is a part of that.
    private static bool RunsAsWritten => Executor.Current is not EagerExecutor || CompilerSettings.Current.Executor == GraphExecutor.Eager;

    /// <summary>
    /// Compiles for a call with arguments like these, packs the weights and has the JIT compile the kernels, so that such a call is as fast as a later one. Of tensors
    /// only the types and shapes count. Where the graph breaks, the function runs up to its last break. May run beside calls.
    /// </summary>
    public void Prepare(params object?[] arguments)
    {
        if (RunsAsWritten) return;
        Part[] parts = PartsOf(arguments);
        var sizes = new Sizes(parts);
        if (!TryFindEntry(parts, out Entry? entry) || entry?.Plans.Find(sizes) is not null) return;
        using var scope = new TensorScope();
        Capture(arguments, parts, entry, sizes, rehearse: true);
    }

    private protected object? Invoke(params object?[] arguments)
    {
        if (RunsAsWritten) return _function(arguments);
        Part[] parts = PartsOf(arguments);
        if (!TryFindEntry(parts, out Entry? entry)) return _function(arguments);
        var sizes = new Sizes(parts);
        if (entry?.Plans.Find(sizes) is not { } plan) return Capture(arguments, parts, entry, sizes);
        return plan.Program is null ? Capture(arguments, parts, entry, sizes) : Run(plan, plan.Program, parts);
    }

    private Part[] PartsOf(object?[] arguments) => [.. arguments.SelectMany((argument, i) => Structure.Parts(_parameters[i], argument))];

    // The entry that fits; none for a first call or a recompile. False where there are too many entries already.
    private bool TryFindEntry(Part[] parts, out Entry? entry)
    {
        lock (_gate)
        {
            entry = _entries.Find(candidate => !candidate.Guards.Misses(parts).Any());
            if (entry is not null) return true;
            if (_entries.MinBy(candidate => candidate.Guards.Misses(parts).Count()) is { } nearest)
                Note(_recompiles, nearest.Guards.Misses(parts).First().Reason(Name, _entries.IndexOf(nearest) + 1));
            return _entries.Count < MostEntries;
        }
    }

    private static object? Run(Plan plan, IGraphProgram program, Part[] parts)
    {
        Tensor[] values = program.Run([.. parts.Select(part => part.Value).OfType<Tensor>()]);
        return Structure.Replace(plan.Result, tensor => values[Place(plan.Outputs, tensor)]);
    }

    // Runs the function's own code under a tracer: to learn it, or at every call where its graph breaks. A rehearsal gives results without values.
    private object? Capture(object?[] arguments, Part[] parts, Entry? entry, Sizes sizes, bool rehearse = false)
    {
        long start = Stopwatch.GetTimestamp();
        var tracer = new Tracer(Name, entry?.HostValuesVary == true || parts.Any(part => part.IsFloat), _fullGraph, graph => ProgramOf(graph, Stopwatch.GetElapsedTime(start), entry));
        HashSet<Setting> read = [];
        object? result;
        List<Tensor> outputs = [];
        Tensor[] values;
        using (new TensorScope())
        using (Executor.Use(tracer))
        using (Setting.NoteReads(read))
        {
            int next = 0;
            string[] labels = [.. parts.Where(part => part.Value is Tensor).Select(part => part.Label)];
            object?[] deferred = [.. arguments.Select(argument => Structure.Replace(argument, tensor => tracer.Argument(labels[next++], tensor)))];
            result = _function(deferred);
            Structure.Replace(result, tensor => Add(outputs, tensor));
            values = tracer.Finish(outputs, rehearse);
        }

        foreach (Tensor value in values) TensorScope.Register(value);
        Learn(tracer, parts, read, entry, sizes, new Plan(tracer.NeedsOwnCode ? null : tracer.Last?.Program, result, outputs));
        return Structure.Replace(result, tensor => values[Place(outputs, tensor)]);
    }

    private void Learn(Tracer tracer, Part[] parts, HashSet<Setting> read, Entry? entry, Sizes sizes, Plan plan)
    {
        lock (_gate)
        {
            foreach (GraphBreak broken in tracer.Breaks)
                if (!_breaks.Contains(broken)) Note(_breaks, broken, int.MaxValue, "capture");

            // Meanwhile, a call beside this one may have made the entry, or read another value of a setting for it.
            if (entry is null || entry.Guards.Misses(parts).Any()) entry = _entries.Find(candidate => !candidate.Guards.Misses(parts).Any());
            if (entry is null) _entries.Add(entry = new Entry(new Guards(parts)));
            else if (entry.Newest is { } planned && entry.Plans.Find(sizes) is null) Note(_newPlans, sizes.FirstDifference(planned).Reason(Name, _entries.IndexOf(entry) + 1));
            entry.Guards.Add(read);
            entry.Newest = sizes;
            entry.Plans.Add(sizes, plan);
        }
    }

    // Threads that capture the same graph at once compile it once.
    private IGraphProgram ProgramOf(Graph graph, TimeSpan capturing, Entry? entry)
    {
        if (_programs.Find(graph) is { } known) return known;
        lock (_compiling)
        {
            if (_programs.Find(graph) is { } other) return other;

            // The same but for numbers that the function's own code made: those are inputs from now on.
            if (entry is not null && _programs.Keys.Any(graph.EqualsButForConstants)) entry.HostValuesVary = true;
            (IGraphProgram program, CompileReport report) = Compilation.Run(graph, capturing, $"{Name}-{s_graphs.AddOrUpdate(Name, 1, (_, count) => count + 1)}", _passes, CompilerSettings.Current, _kernels);
            _programs.Add(graph, program);
            lock (_gate)
            {
                if (_reports.Count == MostPrograms) _reports.RemoveAt(0);
                _reports.Add(report);
            }

            CompilerLog.Write("capture", () => $"{Name}: a graph of {graph.Nodes.Length} nodes");
            return program;
        }
    }

    private static Tensor Add(List<Tensor> outputs, Tensor tensor)
    {
        if (!outputs.Contains(tensor)) outputs.Add(tensor);
        return tensor;
    }

    private static int Place(IReadOnlyList<Tensor> outputs, Tensor tensor)
    {
        int place = 0;
        while (outputs[place] != tensor) place++;
        return place;
    }

    private static void Note<T>(List<T> list, T item, int most = MostReasons, string channel = "guards") where T : notnull
    {
        if (list.Count < most) list.Add(item);
        CompilerLog.Write(channel, () => item.ToString()!);
    }

    private T[] Copy<T>(List<T> list)
    {
        lock (_gate) return [.. list];
    }
}

/// <summary>A compiled function of the signature <typeparamref name="TFunction"/>.</summary>
public sealed class CompiledFunction<TFunction> : CompiledFunction where TFunction : Delegate
{
    internal CompiledFunction(string name, IReadOnlyList<string> parameters, Func<object?[], object?> function, bool fullGraph, Func<Func<object?[], object?>, TFunction> typed, IReadOnlyList<Pass> passes)
        : base(name, parameters, function, fullGraph, passes) => Call = typed(Invoke);

    /// <summary>Runs the function, compiled.</summary>
    public TFunction Call { get; }

    public static implicit operator TFunction(CompiledFunction<TFunction> function) => function.Call;
}
