// Records a function instead of running it: an executor that adds each op to a graph and gives back a tensor without values.
// Whoever reads the values of such a tensor breaks the graph: what was recorded so far is run as compiled code, the values are
// handed over, and recording goes on in a new graph. A tracer serves one call.

using System.Globalization;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Runtime;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;

namespace Brushfire.Compiler.Capture;

/// <param name="function">The function's name.</param>
/// <param name="hostValuesVary">
/// True where tensors that the function's own code makes of numbers may differ from call to call: they are inputs of the
/// graph then. Otherwise single numbers (x * 0.5f) are constants.
/// </param>
/// <param name="fullGraph">Makes a break an error.</param>
/// <param name="programs">Gives the program of a graph, compiled before or now.</param>
internal sealed class Tracer(string function, bool hostValuesVary, bool fullGraph, Func<Graph, IGraphProgram> programs) : IExecutor
{
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly long _begin = Storage.NewestVersion;
    private readonly Dictionary<Storage, Value> _deferred = [];
    private readonly List<GraphBreak> _breaks = [];
    private Segment _segment = new(function);
    private bool _hostValuesVary = hostValuesVary;
    private int _computed, _made;

    public IReadOnlyList<GraphBreak> Breaks => _breaks;

    /// <summary>True where the function's own code must run at every call: it read values, or made tensors of its own numbers.</summary>
    public bool NeedsOwnCode { get; private set; } = hostValuesVary;

    /// <summary>A tensor that stands for an argument while the function runs.</summary>
    public Tensor Argument(string label, Tensor value)
    {
        Value deferred = Defer(value.Spec, label, value);
        _segment.Input(deferred, new Input(label, value.Spec), Keep(value));
        return deferred.Storage.ToTensor();
    }

    public Tensor Run(Op op, ReadOnlySpan<Tensor> inputs)
    {
        var nodes = new Node[inputs.Length];
        for (int i = 0; i < nodes.Length; i++) nodes[i] = NodeOf(inputs[i]);
        Node node = _segment.Builder.Add(op, [.. nodes]);
        Value value = Defer(node.Spec, null, null);
        _segment.Nodes.Add(value, node);
        return value.Storage.ToTensor();
    }

    /// <summary>The function's results, in this order, by one last graph where something is left to compute. A tensor of its own each, in no scope.</summary>
    /// <param name="results">As the function returned them.</param>
    /// <param name="rehearse">Only rehearses that graph: the results have no values.</param>
    public Tensor[] Finish(IReadOnlyList<Tensor> results, bool rehearse = false)
    {
        // A function whose code runs again may hand over what it has; otherwise the graph tells all results.
        Value?[] ready = [.. results.Select(result => NeedsOwnCode && result.Storage is DeferredStorage storage && _deferred.TryGetValue(storage, out Value? value) && value.Known is not null ? value : null)];
        Tensor[] rest = [.. results.Where((_, i) => ready[i] is null)];
        var computed = new Queue<Tensor>(rest.Length == 0 ? [] : Close([.. rest.Select(NodeOf)], rehearse));
        return [.. ready.Select(value => value is null ? computed.Dequeue() : Keep(value.Known!))];
    }

    /// <summary>The last graph and its program: all of the function, where its code need not run again.</summary>
    public (Graph Graph, IGraphProgram Program)? Last { get; private set; }

    // Ends the graph and runs it.
    private Tensor[] Close(Node[] outputs, bool rehearse = false)
    {
        Graph graph = _segment.Builder.Build([.. outputs]);
        IGraphProgram program = programs(graph);
        Last = (graph, program);
        using IDisposable eager = Executor.Use(EagerExecutor.Instance), rehearsal = WorkerPool.Rehearse(rehearse);
        Tensor[] values = TensorScope.Outside(() => program.Run(_segment.Inputs.ToArray()));
        foreach (Tensor input in _segment.Inputs) input.Dispose();
        return values;
    }

    private Value Defer(TensorSpec spec, string? label, Tensor? known)
    {
        var storage = new DeferredStorage(spec, Read, Forget);
        var value = new Value(storage, label, known);
        _deferred.Add(storage, value);
        return value;
    }

    private Node NodeOf(Tensor tensor)
    {
        RequireThread();
        if (tensor.Storage is DeferredStorage deferred)
        {
            if (!_deferred.TryGetValue(deferred, out Value? value)) throw new BrushfireException($"{function}: {tensor.Spec} belongs to another call of a compiled function; a tensor cannot be kept from one call for the next.");
            return _segment.Nodes.TryGetValue(value, out Node? node) ? node : _segment.Input(value, new Input(value.Label ??= Label("computed", ref _computed), tensor.Spec), Keep(value.Known!));
        }

        return _segment.Given.TryGetValue(new Place(tensor), out Node? given) ? given : _segment.Given[new Place(tensor)] = Give(tensor);
    }

    // A tensor that no op of this function made: a parameter, one from outside of the function, or one made of numbers in it.
    private Node Give(Tensor tensor)
    {
        Tensor kept = Keep(tensor);
        if (tensor.Storage is ParameterStorage parameter && tensor.IsContiguous && tensor.Spec.Bytes == parameter.Bytes)
            return _segment.Builder.Add(new Weight(_segment.Key(parameter.Name), kept));
        bool madeHere = tensor.Storage.Version > _begin;
        if (madeHere && tensor.Shape.Count > 1) NeedsOwnCode = true;
        return madeHere && (_hostValuesVary || tensor.Shape.Count > 1)
            ? _segment.Input(null, new Input(Label("made", ref _made), tensor.Spec), kept)
            : _segment.Builder.Add(new Constant(Contiguous(kept)));
    }

    // The reader gets the values, contiguous as they are promised to be.
    private Tensor Read(DeferredStorage storage)
    {
        RequireThread();
        if (!_deferred.TryGetValue(storage, out Value? value)) throw new BrushfireException($"{function}: {storage.Spec} was made while the function was captured and has no values; return it from the function instead of keeping it.");
        if (!value.WasRead) Break(value);
        if (value.Known is null) RunSegment();
        if (!value.Known!.IsContiguous) value.Replace(Contiguous(value.Known));
        return value.Known;
    }

    // As kernels read constants, and readers values.
    private static Tensor Contiguous(Tensor tensor)
    {
        if (tensor.IsContiguous) return tensor;
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        return TensorScope.Outside(tensor.Contiguous);
    }

    private void Break(Value value)
    {
        GraphBreak here = GraphBreak.Here(function, value.Storage.Spec);
        if (fullGraph) throw new BrushfireException($"{here}, and the function is compiled with fullGraph; compute with ops instead (Max, LessThan, GatherRows, …), or compile it without fullGraph.");
        value.WasRead = true;
        _breaks.Add(here);
        (_hostValuesVary, NeedsOwnCode) = (true, true);
    }

    // Everything recorded that the function still holds may be used later.
    private void RunSegment()
    {
        KeyValuePair<Value, Node>[] held = [.. _segment.Nodes.Where(pair => pair.Key.Known is null && pair.Key.IsHeld)];
        Tensor[] values = Close([.. held.Select(pair => pair.Value)]);
        for (int i = 0; i < held.Length; i++) held[i].Key.Replace(values[i]);
        _segment = new Segment(function);
    }

    private void Forget(DeferredStorage storage)
    {
        if (_deferred.TryGetValue(storage, out Value? value)) value.Drop();
    }

    private void RequireThread()
    {
        if (Environment.CurrentManagedThreadId != _thread) throw new BrushfireException($"{function}: a captured function used a tensor on another thread; compiled functions run on one.");
    }

    private static Tensor Keep(Tensor tensor) => TensorScope.Outside(() => tensor.View(tensor.Shape, tensor.Strides, tensor.Offset));

    private static string Label(string kind, ref int count) => string.Create(CultureInfo.InvariantCulture, $"{kind}.{++count}");

    /// <summary>Where a tensor lies: two tensors of one place are one.</summary>
    private readonly record struct Place(Storage Storage, long Offset, TensorSpec Spec, Strides Strides)
    {
        public Place(Tensor tensor) : this(tensor.Storage, tensor.Offset, tensor.Spec, tensor.Strides) { }
    }

    /// <summary>A tensor without values, or with those that an earlier graph computed.</summary>
    private sealed class Value(DeferredStorage storage, string? label, Tensor? known)
    {
        private bool _ownsKnown; // an argument is the caller's

        public DeferredStorage Storage => storage;
        public string? Label { get; set; } = label;
        public Tensor? Known { get; private set; } = known;
        public bool WasRead { get; set; }
        public bool IsHeld { get; private set; } = true;

        public void Replace(Tensor values)
        {
            if (_ownsKnown) Known?.Dispose();
            (Known, _ownsKnown) = (values, true);
        }

        public void Drop()
        {
            IsHeld = false;
            if (_ownsKnown) Known?.Dispose();
        }
    }

    /// <summary>The graph being recorded, and the values of its inputs, held until it has run.</summary>
    private sealed class Segment(string function)
    {
        private readonly Dictionary<string, int> _keys = new(StringComparer.Ordinal);

        public GraphBuilder Builder { get; } = new(function);
        public Dictionary<Value, Node> Nodes { get; } = [];
        public Dictionary<Place, Node> Given { get; } = [];
        public List<Tensor> Inputs { get; } = [];

        public Node Input(Value? value, Input input, Tensor tensor)
        {
            Node node = Builder.Add(input);
            if (value is not null) Nodes.Add(value, node);
            Inputs.Add(tensor);
            return node;
        }

        // Two parameters may have the same key, for example in two models.
        public string Key(string name)
        {
            int count = _keys[name] = _keys.GetValueOrDefault(name) + 1;
            return count == 1 ? name : $"{name}#{count}";
        }
    }
}
