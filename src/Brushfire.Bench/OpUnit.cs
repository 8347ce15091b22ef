// What is measured as one thing: an op, or a norm with the activation on its result, or the gate of a feed-forward layer.
// Whether such a pair is computed in one pass or two is what its measurement tells, so its traffic counts one pass.

using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Bench;

/// <summary>Calls of a trace that belong together, in order; the last one's result is the unit's.</summary>
public sealed record OpUnit(IReadOnlyList<OpCall> Calls, IReadOnlyList<int> Indices)
{
    /// <summary>Names of the ops, such as group_norm + silu.</summary>
    public string Name => string.Join(" + ", Calls.Select(call => call.Op.Name));

    /// <summary>What the unit sees, without vectors, and the ops' settings that decide about work.</summary>
    public string Shapes
    {
        get
        {
            IEnumerable<string> specs = Outer.Select(operand => operand.Spec).Where((spec, i) => i == 0 || spec.Shape.Rank > 1).Select(spec => spec.ToString());
            IEnumerable<string> settings = Calls.Select(call => call.Op switch
            {
                Conv2d { Stride: > 1 } convolution => $"stride {convolution.Stride}",
                ScaledDotProductAttention { Causal: true } => "causal",
                _ => "",
            }).Where(text => text.Length > 0);
            return string.Join(' ', specs.Concat(settings));
        }
    }

    /// <summary>Units with the same key do the same work on the same layout.</summary>
    public string Key => string.Join("; ", Calls.Select(call => $"{call.Op}({string.Join(", ", call.Inputs.Select(Describe))})"));

    /// <summary>Inputs that the unit does not compute itself.</summary>
    public IEnumerable<Operand> Outer => Calls.SelectMany(call => call.Inputs).Where(operand => Inner(operand) is null);

    public double Operations => Calls.Sum(call => DirectWork.Of(call).Total);

    /// <summary>One read of each input that is not constant, one write of the result.</summary>
    public long Bytes => Outer.Where(operand => !operand.IsConstant).Sum(operand => Math.Min(operand.Root.Bytes, operand.Spec.Bytes)) + Calls[^1].Result.Bytes;

    public double Seconds => Calls.Sum(call => call.Seconds);

    /// <summary>The call of this unit that computes the operand; null where another one does.</summary>
    public int? Inner(Operand operand)
    {
        int index = operand.Producer is { } producer ? Indices.ToList().IndexOf(producer) : -1;
        return index < 0 ? null : index;
    }

    /// <summary>Cuts a trace into units, in order of their last call.</summary>
    public static IReadOnlyList<OpUnit> Of(OpTrace trace)
    {
        IReadOnlyList<OpCall> calls = trace.Calls;
        int[] uses = new int[calls.Count];
        foreach (Operand operand in calls.SelectMany(call => call.Inputs))
            if (operand.Producer is { } producer) uses[producer]++;

        var first = new Dictionary<int, int>(); // of each pair: the last call to the first
        for (int i = 0; i < calls.Count; i++)
        {
            foreach (Operand operand in calls[i].Inputs)
                if (operand is { Producer: { } producer, Views.Count: 0 } && uses[producer] == 1 && BelongTogether(calls[producer].Op, calls[i].Op)) first[i] = producer;
        }

        HashSet<int> taken = [.. first.Values];
        return [.. Enumerable.Range(0, calls.Count).Where(i => !taken.Contains(i)).Select(i => first.TryGetValue(i, out int start) ? new OpUnit([calls[start], calls[i]], [start, i]) : new OpUnit([calls[i]], [i]))];
    }

    private static bool BelongTogether(Op first, Op second) => (first, second) switch
    {
        (Tensors.Ops.GroupNorm, Unary) => true,
        (Unary { Operator: UnaryOperator.Gelu }, Binary { Operator: BinaryOperator.Multiply }) => true,
        _ => false,
    };

    private string Describe(Operand operand) =>
        Inner(operand) is { } inner ? $"%{inner}" : $"{(operand.IsConstant ? "constant " : "")}{operand.Root} {string.Join(' ', operand.Views)}";
}
