// Sums and their kin along one axis, which is kept with size 1; softmax and norms.

using Brushfire.Kernels;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Tensors;

public sealed partial class Tensor
{
    public Tensor Sum(int axis) => Run(new Reduce(ReduceOperator.Sum, Shape.Axis(axis, "sum")), this);
    public Tensor Mean(int axis) => Run(new Reduce(ReduceOperator.Mean, Shape.Axis(axis, "mean")), this);
    public Tensor Max(int axis) => Run(new Reduce(ReduceOperator.Max, Shape.Axis(axis, "max")), this);
    public Tensor Min(int axis) => Run(new Reduce(ReduceOperator.Min, Shape.Axis(axis, "min")), this);

    /// <summary>exp(x) over its sum along the last axis.</summary>
    public Tensor Softmax() => Run(new Ops.Softmax(), this);

    /// <summary>Over the last axis; weight and bias are [columns].</summary>
    public Tensor LayerNorm(Tensor weight, Tensor bias, float epsilon) => Executor.Current.Run(new Ops.LayerNorm(epsilon), [this, weight, bias]);

    /// <summary>Of [N, …, C] over the pixels and the channels of each group; weight and bias are [C]. An activation is applied to the result in the same pass.</summary>
    public Tensor GroupNorm(int groups, Tensor weight, Tensor bias, float epsilon, UnaryOperator? activation = null) =>
        Executor.Current.Run(new Ops.GroupNorm(groups, epsilon, activation), [this, weight, bias]);
}
