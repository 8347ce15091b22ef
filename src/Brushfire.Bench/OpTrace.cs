// What a function computes, as a list of its ops with the layout of their inputs. A trace either runs the function and times
// each op, or only follows it: then nothing is computed, no weight is loaded, and every result is one zero, repeated.

using System.Diagnostics;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Bench;

/// <summary>An input of an op: a tensor in memory, seen through views.</summary>
/// <param name="Root">What lies in memory.</param>
/// <param name="Views">Movement ops on the way from there.</param>
/// <param name="Spec">What the op sees.</param>
/// <param name="Producer">Index of the call that computed the root; null for the function's inputs and for constants.</param>
/// <param name="IsConstant">A parameter, or another tensor that is neither computed nor an input of the function.</param>
public sealed record Operand(TensorSpec Root, IReadOnlyList<Op> Views, TensorSpec Spec, int? Producer, bool IsConstant);

/// <summary>An op that computes, with its inputs, its result, and its seconds where it was timed.</summary>
public sealed record OpCall(Op Op, IReadOnlyList<Operand> Inputs, TensorSpec Result, double Seconds);

public sealed class OpTrace : IExecutor
{
    private readonly bool _runs;
    private readonly List<OpCall> _calls = [];
    private readonly Dictionary<Tensor, Operand> _known = [];
    private readonly Dictionary<DType, Tensor> _zeros = [];

    private OpTrace(bool runs, Tensor[] inputs)
    {
        _runs = runs;
        foreach (Tensor input in inputs) _known[input] = new Operand(input.Spec, [], input.Spec, null, IsConstant: false);
    }

    /// <summary>The ops that compute, in order.</summary>
    public IReadOnlyList<OpCall> Calls => _calls;

    /// <summary>Seconds of the movement ops, most of which only give views; those that had to copy included.</summary>
    public double ViewSeconds { get; private set; }
    public int Views { get; private set; }

    /// <summary>Follows the function on this thread without computing. Values that it reads of results are zeros.</summary>
    /// <param name="inputs">The function's inputs; other tensors that it takes from outside count as constants.</param>
    public static OpTrace Follow(Action function, params Tensor[] inputs) => Run(new OpTrace(runs: false, inputs), function);

    /// <summary>Runs the function on this thread and times every op.</summary>
    public static OpTrace Time(Action function, params Tensor[] inputs) => Run(new OpTrace(runs: true, inputs), function);

    private static OpTrace Run(OpTrace trace, Action function)
    {
        using var scope = new TensorScope();
        foreach (DType dtype in Enum.GetValues<DType>()) trace._zeros[dtype] = Tensor.FromBytes(new byte[dtype.Size()], new TensorSpec(dtype, Shape.Scalar));
        using (Executor.Use(trace)) function();
        return trace;
    }

    Tensor IExecutor.Run(Op op, ReadOnlySpan<Tensor> inputs)
    {
        var operands = new Operand[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
            operands[i] = _known.TryGetValue(inputs[i], out Operand? known) ? known : new Operand(inputs[i].Spec, [], inputs[i].Spec, null, IsConstant: true);

        (Tensor result, double seconds) = _runs ? Compute(op, inputs) : (Zeros(op, op.Infer([.. operands.Select(operand => operand.Spec)])), 0);
        if (op is ViewOp)
        {
            Views++;
            ViewSeconds += seconds;
            _known[result] = operands[0] with { Views = [.. operands[0].Views, op], Spec = result.Spec };
        }
        else
        {
            _known[result] = new Operand(result.Spec, [], result.Spec, _calls.Count, IsConstant: false);
            _calls.Add(new OpCall(op, operands, result.Spec, seconds));
        }

        return result;
    }

    // Ops that an op uses inside are part of its own time.
    private static (Tensor Result, double Seconds) Compute(Op op, ReadOnlySpan<Tensor> inputs)
    {
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        long start = Stopwatch.GetTimestamp();
        Tensor result = EagerExecutor.Instance.Run(op, inputs);
        return (result, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    // A copy is what code reads values from, so it has memory of its own.
    private Tensor Zeros(Op op, TensorSpec spec)
    {
        Tensor repeated = EagerExecutor.Instance.Run(new Expand(spec.Shape), [_zeros[spec.DType]]);
        return op is Copy ? EagerExecutor.Instance.Run(op, [repeated]) : repeated;
    }
}
