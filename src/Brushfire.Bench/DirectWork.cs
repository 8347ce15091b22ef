// The direct work of a function's contractions: 2 x multiply-adds of the formulas, from shapes alone.

using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Bench;

/// <summary>Operations by kind of contraction; a multiply-add is two.</summary>
/// <param name="Convolution">Convolutions with filters larger than 1x1.</param>
/// <param name="PointConvolution">Convolutions with filters of 1x1.</param>
/// <param name="Attention">Both products of attention, and products of two computed matrices, which attention written step by step consists of.</param>
public sealed record DirectWork(double Convolution, double PointConvolution, double Linear, double Attention)
{
    public double Total => Convolution + PointConvolution + Linear + Attention;

    /// <summary>The work of all ops that the function would run on this thread; nothing is computed.</summary>
    public static DirectWork Of(Action function) => Of(OpTrace.Follow(function));

    public static DirectWork Of(OpTrace trace)
    {
        var none = new DirectWork(0, 0, 0, 0);
        return trace.Calls.Aggregate(none, (sum, call) =>
        {
            DirectWork work = Of(call);
            return new DirectWork(sum.Convolution + work.Convolution, sum.PointConvolution + work.PointConvolution, sum.Linear + work.Linear, sum.Attention + work.Attention);
        });
    }

    public static DirectWork Of(OpCall call)
    {
        Shape[] inputs = [.. call.Inputs.Select(input => input.Spec.Shape)];
        double results = call.Result.Shape.Count;
        return call.Op switch
        {
            // The filter is [outputs, C, height, width].
            Conv2d when inputs[1][2] * inputs[1][3] == 1 => new(0, 2 * results * inputs[1][1], 0, 0),
            Conv2d => new(2 * results * inputs[1][1] * inputs[1][2] * inputs[1][3], 0, 0, 0),
            Tensors.Ops.Linear => new(0, 0, 2 * results * inputs[1][1], 0),
            MatMul => new(0, 0, 0, 2 * results * inputs[0][^1]),
            ScaledDotProductAttention => new(0, 0, 0, 4 * results * inputs[1][2]), // query keyᵀ, then scores value
            _ => new(0, 0, 0, 0),
        };
    }
}
