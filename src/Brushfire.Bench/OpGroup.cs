// The groups that measurements are summed by: kinds of work that have the same limit.

using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using BinaryOperator = Brushfire.Kernels.BinaryOperator;

namespace Brushfire.Bench;

public static class OpGroup
{
    /// <summary>The name of the group that a unit of a model's part belongs to.</summary>
    public static string Of(OpUnit unit, string part)
    {
        IReadOnlyList<Operand> inputs = unit.Calls[0].Inputs;
        return unit.Calls[0].Op switch
        {
            Conv2d when inputs[1].Spec.Shape is var filter => filter[2] * filter[3] == 1 ? "1x1 convolutions" : $"{filter[2]}x{filter[3]} convolutions, {part}",
            Linear => $"linear layers, {part}",
            ScaledDotProductAttention => Attention(inputs[0].Spec.Shape, inputs[1].Spec.Shape, part),
            GroupNorm norm when unit.Calls.Count > 1 || norm.Activation is not null => "group norm with activation",
            Unary when unit.Calls.Count > 1 => "GEGLU",
            Binary { Operator: BinaryOperator.GeluGate } => "GEGLU",
            var op => op.Name.Replace('_', ' '),
        };
    }

    private static string Attention(Shape query, Shape key, string part) =>
        query[2] == key[2] ? $"self-attention d{query[3]}, {part}" : $"cross-attention, {part}";
}
