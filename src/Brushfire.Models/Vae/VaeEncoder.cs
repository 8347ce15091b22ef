// The encoder half of the VAE: a picture to the mean and log-variance of its latents.

using Brushfire.Models.Layers;
using Brushfire.Models.UNet;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Vae;

/// <summary>Pictures [N, H, W, imageChannels] in [-1, 1] to moments [N, H / downsampling, W / downsampling, 2 · latentChannels]: mean, then log-variance.</summary>
public sealed class VaeEncoder : Module<Tensor>
{
    private readonly Conv2d _input, _output;
    private readonly DownLevel[] _levels;
    private readonly VaeMidBlock _mid;
    private readonly GroupNorm _norm;
    private readonly Conv2d? _quant;

    public VaeEncoder(VaeConfig config, WeightScope weights) : base("encoder")
    {
        WeightScope encoder = weights["encoder"];
        int deepest = config.Channels[^1], moments = 2 * config.LatentChannels;
        _input = Conv2d.Same(encoder["conv_in"], config.ImageChannels, config.Channels[0]);
        _levels = [.. Enumerable.Range(0, config.Channels.Count).Select(i => new DownLevel(config, i, encoder[$"down_blocks.{i}"]))];
        _mid = new VaeMidBlock(config, encoder["mid_block"]);
        _norm = GroupNorm.WithSilu(encoder["conv_norm_out"], config.NormGroups, deepest, VaeConfig.NormEpsilon);
        _output = Conv2d.Same(encoder["conv_out"], deepest, moments);
        _quant = config.QuantConvolution ? new Conv2d(weights["quant_conv"], moments, moments, 1) : null;
    }

    protected override Tensor Forward(Tensor image)
    {
        Tensor hidden = _input.Call(image); // [N, H, W, C]
        foreach (DownLevel level in _levels) hidden = level.Call(hidden);
        hidden = _output.Call(_norm.Call(_mid.Call(hidden))); // [N, H / downsampling, W / downsampling, moments]
        return _quant?.Call(hidden) ?? hidden;
    }

    private sealed class DownLevel : Module<Tensor>
    {
        // Right and bottom only, before the size is halved.
        private static readonly Padding s_padding = new(Top: 0, Left: 0, Bottom: 1, Right: 1);
        private readonly ResnetBlock[] _resnets;
        private readonly Conv2d? _downsampler;

        public DownLevel(VaeConfig config, int index, WeightScope weights) : base(weights.Path)
        {
            int channels = config.Channels[index], inputs = config.Channels[Math.Max(0, index - 1)];
            _resnets = [.. Enumerable.Range(0, config.LayersPerBlock).Select(i => VaeMidBlock.Resnet(config, weights[$"resnets.{i}"], i == 0 ? inputs : channels, channels))];
            _downsampler = index < config.Channels.Count - 1 ? new Conv2d(weights["downsamplers.0.conv"], channels, channels, 3, 2, s_padding) : null;
        }

        protected override Tensor Forward(Tensor hidden)
        {
            foreach (ResnetBlock resnet in _resnets) hidden = resnet.Call((hidden, null));
            return _downsampler?.Call(hidden) ?? hidden;
        }
    }
}
