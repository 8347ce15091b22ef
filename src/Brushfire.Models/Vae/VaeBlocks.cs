// What the VAE's encoder and decoder share: the middle with its one-headed attention over all pixels.

using Brushfire.Models.Layers;
using Brushfire.Models.UNet;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Vae;

/// <summary>[N, H, W, C] to the same.</summary>
internal sealed class VaeMidBlock(VaeConfig config, WeightScope weights) : Module<Tensor>(weights.Path)
{
    private readonly ResnetBlock _first = Resnet(config, weights["resnets.0"], config.Channels[^1], config.Channels[^1]);
    private readonly VaeAttention? _attention = config.MidBlockAttends ? new(config, weights["attentions.0"]) : null;
    private readonly ResnetBlock _second = Resnet(config, weights["resnets.1"], config.Channels[^1], config.Channels[^1]);

    /// <summary>A residual block without a time embedding.</summary>
    public static ResnetBlock Resnet(VaeConfig config, WeightScope weights, int inputs, int outputs) =>
        new(weights, inputs, outputs, config.NormGroups, VaeConfig.NormEpsilon, timeChannels: null);

    protected override Tensor Forward(Tensor hidden)
    {
        hidden = _first.Call((hidden, null));
        if (_attention is not null) hidden = _attention.Call(hidden);
        return _second.Call((hidden, null));
    }
}

/// <summary>Every pixel attends to every other: [N, H, W, C] to the same.</summary>
internal sealed class VaeAttention(VaeConfig config, WeightScope weights) : Module<Tensor>(weights.Path)
{
    private readonly GroupNorm _norm = new(weights["group_norm"], config.NormGroups, config.Channels[^1], VaeConfig.NormEpsilon);
    private readonly Attention _attention = new(weights, config.Channels[^1], config.Channels[^1], heads: 1, AttentionCode.Optimized, bias: true);

    protected override Tensor Forward(Tensor hidden)
    {
        Shape shape = hidden.Shape;
        Tensor tokens = _norm.Call(hidden).Reshape(shape[0], shape[1] * shape[2], shape[3]); // [N, H * W, C]
        return hidden + _attention.Call((tokens, tokens)).Reshape(shape.Sizes);
    }
}
