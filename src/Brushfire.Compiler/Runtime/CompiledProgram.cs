// Runs a graph as scheduled: kernels in order over planned memory. Immutable once made; a call takes a frame, and calls
// may run side by side.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Compiler.Emission;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Scheduling;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Runtime;

/// <summary>One group of a schedule, bound to what runs it.</summary>
/// <param name="Index">Of the group.</param>
/// <param name="Step">Runs it.</param>
/// <param name="Kind">For reports.</param>
/// <param name="Name">Likewise: the ops.</param>
/// <param name="Kernel">Generated for it, if one could be.</param>
/// <param name="Refusal">Why not, unless it is a library call.</param>
internal sealed record Launch(int Index, Step Step, LaunchKind Kind, string Name, Kernel? Kernel, string? Refusal);

/// <summary>A scheduled graph bound to its kernels.</summary>
internal sealed unsafe class CompiledProgram : IGraphProgram
{
    private readonly Schedule _schedule;
    private readonly Dictionary<Node, int> _slots = [];
    private readonly PackedWeights _packed = new();
    private readonly Launch[] _launches;
    private readonly int[] _inputSlots;
    private readonly (int Slot, TensorSpec Spec)[] _results;
    private readonly Operand[] _outputs;
    private readonly ConcurrentBag<Frame> _frames = [];

    /// <summary>Schedules, plans, emits and compiles.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="clock">Is told when each of these ends.</param>
    /// <param name="verify">Compares every launch of a generated kernel with what it stands for.</param>
    /// <param name="kernels">Compiles the kernels; that of the function whose graph this is.</param>
    /// <param name="emit">Gives the kernel of a group, or why there is none; <see cref="KernelEmitter.TryEmit"/> unless given.</param>
    public CompiledProgram(Graph graph, StageClock? clock = null, bool verify = false, KernelCompiler? kernels = null, Func<FusionGroup, (Kernel? Kernel, string? Refusal)>? emit = null)
    {
        _schedule = Scheduler.Run(graph);
        clock?.End("schedule");
        Plan = MemoryPlan.Of(_schedule);
        clock?.End("memory plan");
        foreach (Node node in graph.Nodes.Where(node => node.IsLeaf)) AddSlot(node);
        foreach (Node node in _schedule.Groups.SelectMany(group => group.Outputs)) AddSlot(node);
        _inputSlots = [.. graph.Inputs.Select(input => _slots[input])];
        _results = [.. _schedule.Outputs.Select(output => output.Base).Where(node => !node.IsLeaf).Distinct().Select(node => (_slots[node], node.Spec))];
        _outputs = [.. _schedule.Outputs.Select(output => new Operand(_slots[output.Base], output))];
        emit ??= KernelEmitter.TryEmit;
        int count = _schedule.Groups.Length;
        var emitted = new Kernel?[count];
        string?[] refusals = new string?[count];
        for (int i = 0; i < count; i++) (emitted[i], refusals[i]) = emit(_schedule.Groups[i]);
        clock?.End("emission");
        delegate*<void**, nint*, void>[] compiled = (kernels ?? new KernelCompiler()).Compile([.. emitted.OfType<Kernel>()], clock);
        _launches = new Launch[count];
        for (int i = 0, next = 0; i < count; i++)
        {
            (FusionGroup group, Kernel? kernel) = (_schedule.Groups[i], emitted[i]);
            delegate*<void**, nint*, void> code = kernel is null ? null : compiled[next++];
            if (kernel is not null && code is null) (kernel, refusals[i]) = (null, "its text does not compile, a mistake in the emitter");
            Step step = kernel is null ? Bind(group) : Bind(group, kernel, code, verify);
            _launches[i] = new Launch(i, step, KindOf(step, group), NameOf(group, kernel), kernel, group.Kind == GroupKind.Library ? null : refusals[i]);
        }

        clock?.End("binding");
    }

    public Schedule Schedule => _schedule;
    public MemoryPlan Plan { get; }

    /// <summary>What a call does, in order.</summary>
    public IReadOnlyList<Launch> Launches => _launches;

    /// <summary>Launches of generated kernels in a call.</summary>
    public int KernelCount => _launches.Count(launch => launch.Kernel is not null);

    /// <summary>Nodes for which no kernel could be generated.</summary>
    public int InterpretedNodes => _launches.Select(launch => launch.Step).OfType<InterpretedStep>().Sum(step => step.NodeCount);

    /// <summary>Why: the number of each such group, and the reason.</summary>
    public IReadOnlyList<string> Refusals => [.. _launches.Where(launch => launch.Refusal is not null).Select(launch => $"{launch.Index}: {launch.Refusal}")];

    public Tensor[] Run(ReadOnlySpan<Tensor> inputs)
    {
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        using var scope = new TensorScope();
        if (!_frames.TryTake(out Frame? frame)) frame = NewFrame();
        try
        {
            for (int i = 0; i < inputs.Length; i++) frame.Set(_inputSlots[i], inputs[i].ContiguousOrSelf());
            foreach ((int slot, TensorSpec spec) in _results) frame.Set(slot, new Tensor(spec));
            foreach (Launch launch in _launches)
            {
                WorkerPool.Cancellation.ThrowIfCancellationRequested();
                long start = Stopwatch.GetTimestamp();
                launch.Step.Run(frame);
                LaunchTimes.Current?.Add(new LaunchTime(launch.Kind, launch.Name, Stopwatch.GetElapsedTime(start)));
            }

            return [.. _outputs.Select(output => scope.Keep(output.Viewed(frame)))];
        }
        finally
        {
            foreach (int slot in _inputSlots) frame.Set(slot, null);
            foreach ((int slot, _) in _results) frame.Set(slot, null);
            _frames.Add(frame);
        }
    }

    /// <summary>Gives back the memory that is kept for later calls; these take it anew.</summary>
    public void Release()
    {
        while (_frames.TryTake(out Frame? frame)) frame.Dispose();
    }

    private void AddSlot(Node node) => _slots.Add(node, _slots.Count);

    private Frame NewFrame()
    {
        var kept = new Dictionary<int, Tensor>();
        foreach ((Node node, int slot) in _slots)
            if (Leaf.Kept(node.Op) is { } value) kept.Add(slot, value);

        return new Frame(_slots.Count, Plan.Bytes, Plan.Placements.Values.ToDictionary(value => _slots[value.Node]), kept);
    }

    private Step Bind(FusionGroup group, Kernel kernel, delegate*<void**, nint*, void> code, bool verify)
    {
        Node? packed = group.Anchor is null ? null : View.Through(group.Anchor.Inputs[1], _slots.ContainsKey).Base;
        int[] slots = [.. group.Inputs.Concat(group.Outputs).Select(node => node == packed ? ~_packed.Add(Leaf.Kept(node.Op)!, group.Anchor!.Inputs[1].Shape, ((Contraction)group.Anchor.Op).Precision, group.Halves) : _slots[node])];
        var step = new KernelStep(code, slots, [.. kernel.Arguments], _packed);
        return verify ? new VerifiedStep(step, kernel.Name, group, Slots(group.Inputs.AddRange(group.Outputs))) : step;
    }

    private Step Bind(FusionGroup group)
    {
        if (group.Kind != GroupKind.Library) return new InterpretedStep(group.Nodes, Slots(group.Inputs), Slots(group.Outputs));
        Node node = group.Outputs[0];
        Operand[] operands = [.. node.Inputs.Select(Operand)];
        return node.Op is ComputeOp op ? new LibraryStep(op, operands, _slots[node]) : new CopyStep(node.Op, operands[0], _slots[node]);
    }

    private static string NameOf(FusionGroup group, Kernel? kernel) =>
        kernel is null ? string.Join('_', group.Outputs.Select(node => node.Op.Name)) : kernel.Name[..kernel.Name.LastIndexOf('_')];

    private static LaunchKind KindOf(Step step, FusionGroup group) => (step, group.Kind) switch
    {
        (InterpretedStep, _) => LaunchKind.Interpreted,
        (CopyStep, _) => LaunchKind.Copy,
        (_, GroupKind.Contraction) => LaunchKind.Contraction,
        (_, GroupKind.Reduction) => LaunchKind.Reduction,
        (_, GroupKind.Pointwise) => LaunchKind.Pointwise,
        _ => group.Outputs[0].Op switch
        {
            Linear or Conv2d or MatMul => LaunchKind.Contraction,
            ScaledDotProductAttention => LaunchKind.Attention,
            _ => LaunchKind.Library,
        },
    };

    private Operand Operand(Node node)
    {
        View view = View.Through(node, _slots.ContainsKey);
        return new Operand(_slots[view.Base], view);
    }

    private Dictionary<Node, int> Slots(ImmutableArray<Node> nodes) => nodes.ToDictionary(node => node, node => _slots[node]);
}
