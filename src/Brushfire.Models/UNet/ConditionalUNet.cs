// The conditional U-Net of Stable Diffusion (Rombach et al. 2022): noisy latents, a noise level and a text in, the
// prediction of the noise (or of v, or of the sample) out. Layouts SD1.x, SD2.x, in-painting and SDXL by configuration.

using Brushfire.Models.Layers;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.UNet;

/// <summary>What the U-Net takes.</summary>
/// <param name="Sample">Latents [N, H, W, inputChannels], scaled as the sampler's input.</param>
/// <param name="Timesteps">[N], f32, 0 … 999.</param>
/// <param name="Context">Text states [N, L, contextChannels].</param>
/// <param name="TextEmbeds">SDXL only: [N, embedding].</param>
/// <param name="TimeIds">SDXL only: sizes and crops [N, 6].</param>
public sealed record UNetInput(Tensor Sample, Tensor Timesteps, Tensor Context, Tensor? TextEmbeds = null, Tensor? TimeIds = null);

/// <summary><see cref="UNetInput"/> to [N, H, W, outputChannels].</summary>
public sealed class ConditionalUNet : Module<UNetInput>
{
    private readonly UNetConfig _config;
    private readonly TimestepFrequencies _frequencies;
    private readonly TimestepEmbedding _time;
    private readonly TimestepFrequencies? _additionFrequencies;
    private readonly TimestepEmbedding? _addition;
    private readonly Conv2d _input, _output;
    private readonly DownBlock[] _down;
    private readonly MidBlock _mid;
    private readonly UpBlock[] _up;
    private readonly GroupNorm _norm;

    public ConditionalUNet(UNetConfig config, WeightScope weights, AttentionCode code = AttentionCode.Optimized) : base(weights.Path)
    {
        int channels = config.Levels[0].Channels, levels = config.Levels.Count;
        _config = config;
        _frequencies = new TimestepFrequencies(channels, config.CosinesFirst, config.FrequencyShift);
        _time = new TimestepEmbedding(weights["time_embedding"], channels, config.TimeChannels);
        if (config.AdditionTimeChannels is { } additionChannels)
        {
            _additionFrequencies = new TimestepFrequencies(additionChannels, config.CosinesFirst, config.FrequencyShift);
            _addition = new TimestepEmbedding(weights["add_embedding"], config.AdditionInputChannels!.Value, config.TimeChannels);
        }

        _input = Conv2d.Same(weights["conv_in"], config.InputChannels, channels);
        _down = [.. Enumerable.Range(0, levels).Select(i => new DownBlock(config, i, code, weights[$"down_blocks.{i}"]))];
        _mid = new MidBlock(config, code, weights["mid_block"]);
        _up = [.. Enumerable.Range(0, levels).Select(i => new UpBlock(config, i, code, weights[$"up_blocks.{i}"]))];
        _norm = GroupNorm.WithSilu(weights["conv_norm_out"], config.NormGroups, channels, config.NormEpsilon);
        _output = Conv2d.Same(weights["conv_out"], channels, config.OutputChannels);
    }

    protected override Tensor Forward(UNetInput input)
    {
        Check(input);
        var conditions = new Conditions(Embed(input).Silu(), input.Context);
        Tensor hidden = _input.Call(input.Sample); // [N, H, W, C]
        List<Tensor> skips = [hidden];
        foreach (DownBlock block in _down)
        {
            DownOutput output = block.Call((hidden, conditions));
            hidden = output.Hidden;
            skips.AddRange(output.Skips);
        }

        hidden = _mid.Call((hidden, conditions));
        foreach (UpBlock block in _up)
        {
            int rest = skips.Count - block.SkipCount;
            hidden = block.Call((hidden, conditions, skips[rest..], rest > 0 ? skips[rest - 1] : null));
            skips.RemoveRange(rest, block.SkipCount);
        }

        return _output.Call(_norm.Call(hidden)); // [N, H, W, outputChannels]
    }

    // [N, timeChannels]
    private Tensor Embed(UNetInput input)
    {
        Tensor time = _time.Call(_frequencies.Of(input.Timesteps));
        if (_addition is null || _additionFrequencies is null) return time;
        if (input.TextEmbeds is null || input.TimeIds is null) throw new BrushfireException("unet: this network also takes text embeddings and time ids (SDXL), and they are missing.");
        Tensor ids = _additionFrequencies.Of(input.TimeIds.Reshape(-1)).Reshape(input.TimeIds.Shape[0], -1);
        return time + _addition.Call(Tensor.Concatenate(1, input.TextEmbeds, ids));
    }

    private void Check(UNetInput input)
    {
        Shape sample = input.Sample.Shape, context = input.Context.Shape;
        if (sample.Rank != 4 || sample[3] != _config.InputChannels) throw new BrushfireException($"unet: the latents must be [N, H, W, {_config.InputChannels}], but they are {input.Sample.Spec}.");
        if (input.Timesteps.Shape != [sample[0]]) throw new BrushfireException($"unet: there must be one timestep for each of the {sample[0]} latents, but the timesteps are {input.Timesteps.Spec}.");
        if (context.Rank != 3 || context[0] != sample[0] || context[2] != _config.ContextChannels) throw new BrushfireException($"unet: the context must be [{sample[0]}, L, {_config.ContextChannels}], but it is {input.Context.Spec}.");
    }
}
