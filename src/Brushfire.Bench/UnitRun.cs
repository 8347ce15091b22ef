// Runs one unit of a model again and again on its own: inputs and weights as in the model, laid out as there, in so many
// copies that each repetition finds its memory out of the caches.

using System.Diagnostics;
using Brushfire.Models.Weights;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;

namespace Brushfire.Bench;

public sealed class UnitRun : IDisposable
{
    private readonly OpUnit _unit;
    private readonly List<Tensor[]> _sets = []; // by set: the outer operands in order of use
    private readonly List<Tensor> _roots = [];
    private readonly Queue<Tensor> _results = new();
    private int _next;

    /// <param name="span">Bytes that must be touched before memory is touched again.</param>
    public UnitRun(OpUnit unit, long span)
    {
        _unit = unit;
        long bytes = unit.Outer.Sum(operand => Math.Min(operand.Root.Bytes, operand.Spec.Bytes)) + unit.Calls[^1].Result.Bytes;
        int sets = (int)(1 + span / Math.Max(bytes, 1));
        for (int i = 0; i < sets; i++) _sets.Add(Make(unit));
    }

    /// <summary>Repetitions that touch all memory once.</summary>
    public int Sets => _sets.Count;

    /// <summary>Seconds of one repetition, measured over several in a row.</summary>
    public double Seconds(int repetitions)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repetitions; i++) Repeat();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / repetitions;
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _sets.SelectMany(set => set).Concat(_roots).Concat(_results)) tensor.Dispose();
    }

    private void Repeat()
    {
        // As many results are kept as there are sets, so that they rotate through memory too.
        if (_results.Count == _sets.Count) _results.Dequeue().Dispose();
        Tensor[] set = _sets[_next++ % _sets.Count];
        using var scope = new TensorScope();
        var results = new Tensor[_unit.Calls.Count];
        int outer = 0;
        for (int i = 0; i < results.Length; i++)
        {
            OpCall call = _unit.Calls[i];
            var inputs = new Tensor[call.Inputs.Count];
            for (int k = 0; k < inputs.Length; k++) inputs[k] = _unit.Inner(call.Inputs[k]) is { } inner ? results[inner] : set[outer++];
            results[i] = EagerExecutor.Instance.Run(call.Op, inputs);
        }

        _results.Enqueue(scope.Keep(results[^1]));
    }

    // Operands that one call computed share their memory here as well.
    private Tensor[] Make(OpUnit unit)
    {
        var produced = new Dictionary<int, Tensor>();
        return [.. unit.Outer.Select(operand =>
        {
            if (operand.Producer is not { } producer) return See(Root(operand), operand);
            if (!produced.TryGetValue(producer, out Tensor? root)) produced[producer] = root = Root(operand);
            return See(root, operand);
        })];
    }

    private Tensor Root(Operand operand)
    {
        Shape shape = operand.Root.Shape;
        string name = $"benchmark.{_roots.Count}";
        Tensor root = operand.Root.DType != DType.Float32 ? Tensor.FromBytes(new byte[operand.Root.Bytes], operand.Root)
            : operand.IsConstant ? Parameter.Create(name, shape, () => FormulaWeights.Create(name, shape))
            : FormulaWeights.Input(name, shape, 1);
        _roots.Add(root);
        return root;
    }

    private static Tensor See(Tensor root, Operand operand) => operand.Views.Aggregate(root, (tensor, view) => EagerExecutor.Instance.Run(view, [tensor]));
}
