// The layers that all models share. Each takes its weights from the scope it is given.

using Brushfire.Models.Weights;
using Brushfire.Tensors;
using UnaryOperator = Brushfire.Kernels.UnaryOperator;

namespace Brushfire.Models.Layers;

/// <summary>[…, inputs] to […, outputs].</summary>
public sealed class Linear(WeightScope weights, int inputs, int outputs, bool bias = true) : Module<Tensor>(weights.Path)
{
    private readonly Tensor _weight = weights.Take("weight", [outputs, inputs]);
    private readonly Tensor? _bias = bias ? weights.Take("bias", [outputs]) : null;

    protected override Tensor Forward(Tensor input) => input.Linear(_weight, _bias);
}

/// <summary>[N, H, W, inputs] to [N, H', W', outputs].</summary>
public sealed class Conv2d(WeightScope weights, int inputs, int outputs, int kernel, int stride = 1, Padding padding = default) : Module<Tensor>(weights.Path)
{
    private readonly Tensor _weight = weights.Take("weight", [outputs, inputs, kernel, kernel]);
    private readonly Tensor _bias = weights.Take("bias", [outputs]);

    protected override Tensor Forward(Tensor input) => input.Conv2d(_weight, _bias, stride, padding);

    /// <summary>3x3 with one pixel of padding, which keeps height and width.</summary>
    public static Conv2d Same(WeightScope weights, int inputs, int outputs) => new(weights, inputs, outputs, 3, 1, new Padding(1));
}

/// <summary>Of [N, …, channels], over the pixels and the channels of each group; then the activation, if any.</summary>
public sealed class GroupNorm(WeightScope weights, int groups, int channels, float epsilon, UnaryOperator? activation = null) : Module<Tensor>(weights.Path)
{
    private readonly Tensor _weight = weights.Take("weight", [channels]);
    private readonly Tensor _bias = weights.Take("bias", [channels]);

    protected override Tensor Forward(Tensor input) => input.GroupNorm(groups, _weight, _bias, epsilon, activation);

    /// <summary>With SiLU on the result, as before each convolution of a residual block.</summary>
    public static GroupNorm WithSilu(WeightScope weights, int groups, int channels, float epsilon) => new(weights, groups, channels, epsilon, UnaryOperator.Silu);
}

/// <summary>Of […, channels], over the channels.</summary>
public sealed class LayerNorm(WeightScope weights, int channels, float epsilon = 1e-5f) : Module<Tensor>(weights.Path)
{
    private readonly Tensor _weight = weights.Take("weight", [channels]);
    private readonly Tensor _bias = weights.Take("bias", [channels]);

    protected override Tensor Forward(Tensor input) => input.LayerNorm(_weight, _bias, epsilon);
}
