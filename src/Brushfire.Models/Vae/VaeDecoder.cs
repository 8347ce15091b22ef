// The decoder half of the VAE: latents to a picture.

using Brushfire.Models.Layers;
using Brushfire.Models.UNet;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Vae;

/// <summary>Latents [N, H, W, latentChannels], without the scaling factor, to pictures [N, H · downsampling, W · downsampling, imageChannels] in about [-1, 1].</summary>
public sealed class VaeDecoder : Module<Tensor>
{
    private readonly Conv2d? _postQuant;
    private readonly Conv2d _input, _output;
    private readonly VaeMidBlock _mid;
    private readonly UpLevel[] _levels;
    private readonly GroupNorm _norm;

    public VaeDecoder(VaeConfig config, WeightScope weights) : base("decoder")
    {
        WeightScope decoder = weights["decoder"];
        int deepest = config.Channels[^1], levels = config.Channels.Count;
        _postQuant = config.PostQuantConvolution ? new Conv2d(weights["post_quant_conv"], config.LatentChannels, config.LatentChannels, 1) : null;
        _input = Conv2d.Same(decoder["conv_in"], config.LatentChannels, deepest);
        _mid = new VaeMidBlock(config, decoder["mid_block"]);
        _levels = [.. Enumerable.Range(0, levels).Select(i => new UpLevel(config, i, decoder[$"up_blocks.{i}"]))];
        _norm = GroupNorm.WithSilu(decoder["conv_norm_out"], config.NormGroups, config.Channels[0], VaeConfig.NormEpsilon);
        _output = Conv2d.Same(decoder["conv_out"], config.Channels[0], config.ImageChannels);
    }

    protected override Tensor Forward(Tensor latents)
    {
        Tensor hidden = _input.Call(_postQuant?.Call(latents) ?? latents); // [N, H, W, C]
        hidden = _mid.Call(hidden);
        foreach (UpLevel level in _levels) hidden = level.Call(hidden);
        return _output.Call(_norm.Call(hidden));
    }

    private sealed class UpLevel : Module<Tensor>
    {
        private readonly ResnetBlock[] _resnets;
        private readonly Conv2d? _upsampler;

        public UpLevel(VaeConfig config, int index, WeightScope weights) : base(weights.Path)
        {
            int deepest = config.Channels.Count - 1;
            int channels = config.Channels[deepest - index], inputs = config.Channels[Math.Min(deepest, deepest - index + 1)];
            _resnets = [.. Enumerable.Range(0, config.LayersPerBlock + 1).Select(i => VaeMidBlock.Resnet(config, weights[$"resnets.{i}"], i == 0 ? inputs : channels, channels))];
            _upsampler = index < deepest ? Conv2d.Same(weights["upsamplers.0.conv"], channels, channels) : null;
        }

        protected override Tensor Forward(Tensor hidden)
        {
            foreach (ResnetBlock resnet in _resnets) hidden = resnet.Call((hidden, null));
            return _upsampler?.Call(hidden.UpsampleNearest(2)) ?? hidden;
        }
    }
}
