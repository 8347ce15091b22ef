// Reductions along one axis, and softmax and norms, which reduce and then apply. All in float32.

using Brushfire.Kernels;

namespace Brushfire.Tensors.Ops;

/// <summary>Sum, mean, largest or smallest along an axis, which is kept with size 1.</summary>
public sealed record Reduce(ReduceOperator Operator, int Axis) : ComputeOp
{
    // Max and Min are functions of two tensors as well.
    public override string Name => "reduce_" + Names.SnakeCase(Operator.ToString());

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        RequireAxis(Axis, inputs[0]);
        return inputs[0].Shape[Axis] > 0
            ? inputs[0] with { Shape = inputs[0].Shape.With(Axis, 1) }
            : Refuse($"axis {Axis} of {inputs[0]} is empty.");
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        nint outer = 1, inner = 1;
        for (int axis = 0; axis < Axis; axis++) outer *= input.Shape[axis];
        for (int axis = Axis + 1; axis < input.Rank; axis++) inner *= input.Shape[axis];
        Reduction.Run(Operator, outer, input.Shape[Axis], inner, (float*)input.Pointer, (float*)output.Pointer);
    }
}

/// <summary>exp(x) over its sum along the last axis.</summary>
public sealed record Softmax : ComputeOp
{
    public override string Name => "softmax";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        return inputs[0].Shape.Rank > 0 ? inputs[0] : Refuse("needs at least one axis, but the input is a scalar.");
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        int columns = input.Shape[^1];
        Kernels.Softmax.Run((nint)(input.Shape.Count / columns), columns, (float*)input.Pointer, (float*)output.Pointer);
    }
}

/// <summary>Layer normalization over the last axis (Ba et al. 2016, equation 4): (x - mean) / sqrt(variance + Epsilon) * weight + bias.</summary>
public sealed record LayerNorm(float Epsilon) : ComputeOp
{
    public override string Name => "layer_norm";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        if (inputs[0].Shape.Rank < 1) return Refuse("needs at least one axis, but the input is a scalar.");
        Shape expected = [inputs[0].Shape[^1]];
        return inputs[1].Shape == expected && inputs[2].Shape == expected
            ? inputs[0]
            : Refuse($"weight and bias for {inputs[0]} must be {expected}, but they are {inputs[1]} and {inputs[2]}.");
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        using Tensor weight = inputs[1].ContiguousOrSelf();
        using Tensor bias = inputs[2].ContiguousOrSelf();
        int columns = input.Shape[^1];
        Kernels.LayerNorm.Run((nint)(input.Shape.Count / columns), columns, (float*)input.Pointer, (float*)output.Pointer, (float*)weight.Pointer, (float*)bias.Pointer, Epsilon);
    }
}

/// <summary>Group normalization of [N, …, C] over the pixels and the channels of each group (Wu and He 2018, equation 1), then the activation, if any, in the same pass.</summary>
public sealed record GroupNorm(int Groups, float Epsilon, UnaryOperator? Activation = null) : ComputeOp
{
    public override string Name => "group_norm";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        if (inputs[0].Shape.Rank < 2) return Refuse($"takes [N, …, C], but the input is {inputs[0]}.");
        int channels = inputs[0].Shape[^1];
        if (Groups < 1 || channels % Groups != 0) return Refuse($"the {channels} channels of {inputs[0]} cannot be cut into {Groups} groups.");
        Shape expected = [channels];
        return inputs[1].Shape == expected && inputs[2].Shape == expected
            ? inputs[0]
            : Refuse($"weight and bias for {inputs[0]} must be {expected}, but they are {inputs[1]} and {inputs[2]}.");
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        using Tensor weight = inputs[1].ContiguousOrSelf();
        using Tensor bias = inputs[2].ContiguousOrSelf();
        (int batch, int channels) = (input.Shape[0], input.Shape[^1]);
        nint pixels = (nint)(input.Shape.Count / batch / channels);
        Kernels.GroupNorm.Run((float*)input.Pointer, (float*)output.Pointer, batch, pixels, channels, Groups, (float*)weight.Pointer, (float*)bias.Pointer, Epsilon, Activation);
    }
}
