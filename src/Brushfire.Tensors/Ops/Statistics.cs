// The first half of a norm: what it must know of its whole input before it can be applied to one element. The compiler
// makes these ops out of norms, and applies them where the elements are read next.

namespace Brushfire.Tensors.Ops;

/// <summary>Of x [N, …, C], weight [C] and bias [C]: [2, N, C], the scale and the shift such that x * scale + shift is <see cref="GroupNorm"/>.</summary>
public sealed record GroupNormStatistics(int Groups, float Epsilon) : ComputeOp
{
    public override string Name => "group_norm_statistics";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        Shape shape = new GroupNorm(Groups, Epsilon).Infer(inputs).Shape;
        return inputs[0] with { Shape = [2, shape[0], shape[^1]] };
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        using Tensor weight = inputs[1].ContiguousOrSelf();
        using Tensor bias = inputs[2].ContiguousOrSelf();
        (int batch, int channels) = (input.Shape[0], input.Shape[^1]);
        nint pixels = (nint)(input.Shape.Count / batch / channels), count = (nint)batch * channels;
        float* scale = (float*)output.Pointer;
        Kernels.GroupNorm.Statistics((float*)input.Pointer, batch, pixels, channels, Groups, (float*)weight.Pointer, (float*)bias.Pointer, Epsilon, scale, scale + count);
    }
}

/// <summary>Of x […, C]: [2, …, 1], the mean and the scale of each row such that (x - mean) * scale * weight + bias is <see cref="LayerNorm"/>.</summary>
public sealed record LayerNormStatistics(float Epsilon) : ComputeOp
{
    public override string Name => "layer_norm_statistics";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        Shape shape = inputs[0].Shape;
        return shape.Rank > 0 && shape[^1] > 0 ? inputs[0] with { Shape = [2, .. shape.Sizes[..^1], 1] } : Refuse($"needs rows of at least one element, but the input is {inputs[0]}.");
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        nint rows = (nint)(output.Shape.Count / 2);
        float* mean = (float*)output.Pointer;
        Kernels.LayerNorm.Statistics(rows, input.Shape[^1], (float*)input.Pointer, Epsilon, mean, mean + rows);
    }
}
