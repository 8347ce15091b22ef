// The blocks of a U-Net: residual blocks with optional transformers, then half or twice the size.

using Brushfire.Models.Layers;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.UNet;

/// <summary>What every block of one evaluation sees.</summary>
/// <param name="Time">[N, timeChannels], through SiLU.</param>
/// <param name="Context">[N, L, contextChannels].</param>
internal sealed record Conditions(Tensor Time, Tensor Context);

/// <summary>Hidden states after a down block, and those that the up blocks will read again.</summary>
internal sealed record DownOutput(Tensor Hidden, IReadOnlyList<Tensor> Skips) : ITensorGroup
{
    public IEnumerable<Tensor> Tensors => [Hidden, .. Skips];
}

/// <summary>[N, H, W, inputs] and a time embedding, if any, to [N, H, W, outputs]. The VAE has the same block without time.</summary>
internal sealed class ResnetBlock(WeightScope weights, int inputs, int outputs, int groups, float epsilon, int? timeChannels) : Module<(Tensor Hidden, Tensor? Time)>(weights.Path)
{
    private readonly GroupNorm _norm1 = GroupNorm.WithSilu(weights["norm1"], groups, inputs, epsilon);
    private readonly Conv2d _conv1 = Conv2d.Same(weights["conv1"], inputs, outputs);
    private readonly Linear? _time = timeChannels is { } channels ? new(weights["time_emb_proj"], channels, outputs) : null;
    private readonly GroupNorm _norm2 = GroupNorm.WithSilu(weights["norm2"], groups, outputs, epsilon);
    private readonly Conv2d _conv2 = Conv2d.Same(weights["conv2"], outputs, outputs);
    private readonly Conv2d? _shortcut = inputs == outputs ? null : new(weights["conv_shortcut"], inputs, outputs, 1);

    protected override Tensor Forward((Tensor Hidden, Tensor? Time) input)
    {
        Tensor inner = _conv1.Call(_norm1.Call(input.Hidden));                                                    // [N, H, W, outputs]
        if (_time is not null) inner += _time.Call(input.Time!).Reshape(inner.Shape[0], 1, 1, inner.Shape[3]);
        inner = _conv2.Call(_norm2.Call(inner));
        return (_shortcut?.Call(input.Hidden) ?? input.Hidden) + inner;
    }
}

internal sealed class DownBlock : Module<(Tensor Hidden, Conditions Conditions), DownOutput>
{
    private readonly ResnetBlock[] _resnets;
    private readonly SpatialTransformer[]? _attentions;
    private readonly Conv2d? _downsampler;

    public DownBlock(UNetConfig config, int index, AttentionCode code, WeightScope weights) : base(weights.Path)
    {
        UNetLevel level = config.Levels[index];
        int inputs = config.Levels[Math.Max(0, index - 1)].Channels;
        _resnets = [.. Enumerable.Range(0, config.LayersPerBlock).Select(i => new ResnetBlock(weights[$"resnets.{i}"], i == 0 ? inputs : level.Channels, level.Channels, config.NormGroups, config.NormEpsilon, config.TimeChannels))];
        _attentions = level.AttendsDown ? [.. Enumerable.Range(0, config.LayersPerBlock).Select(i => new SpatialTransformer(config, level, code, weights[$"attentions.{i}"]))] : null;
        _downsampler = index < config.Levels.Count - 1 ? new Conv2d(weights["downsamplers.0.conv"], level.Channels, level.Channels, 3, 2, new Padding(1)) : null;
    }

    protected override DownOutput Forward((Tensor Hidden, Conditions Conditions) input)
    {
        (Tensor hidden, Conditions conditions) = input;
        List<Tensor> skips = [];
        for (int i = 0; i < _resnets.Length; i++)
        {
            hidden = _resnets[i].Call((hidden, conditions.Time));
            if (_attentions is not null) hidden = _attentions[i].Call((hidden, conditions.Context));
            skips.Add(hidden);
        }

        if (_downsampler is not null) skips.Add(hidden = _downsampler.Call(hidden)); // half the height and width
        return new DownOutput(hidden, skips);
    }
}

internal sealed class MidBlock(UNetConfig config, AttentionCode code, WeightScope weights) : Module<(Tensor Hidden, Conditions Conditions)>(weights.Path)
{
    private readonly ResnetBlock _first = new(weights["resnets.0"], config.Levels[^1].Channels, config.Levels[^1].Channels, config.NormGroups, config.NormEpsilon, config.TimeChannels);
    private readonly SpatialTransformer? _attention = config.MidBlockAttends ? new(config, config.Levels[^1], code, weights["attentions.0"]) : null;
    private readonly ResnetBlock _second = new(weights["resnets.1"], config.Levels[^1].Channels, config.Levels[^1].Channels, config.NormGroups, config.NormEpsilon, config.TimeChannels);

    protected override Tensor Forward((Tensor Hidden, Conditions Conditions) input)
    {
        Tensor hidden = _first.Call((input.Hidden, input.Conditions.Time));
        if (_attention is not null) hidden = _attention.Call((hidden, input.Conditions.Context));
        return _second.Call((hidden, input.Conditions.Time));
    }
}

/// <summary>Hidden states joined, before each residual block, with a skip connection; then twice the size of the next level's skips.</summary>
internal sealed class UpBlock : Module<(Tensor Hidden, Conditions Conditions, IReadOnlyList<Tensor> Skips, Tensor? NextSkip)>
{
    private readonly ResnetBlock[] _resnets;
    private readonly SpatialTransformer[]? _attentions;
    private readonly Conv2d? _upsampler;

    public UpBlock(UNetConfig config, int index, AttentionCode code, WeightScope weights) : base(weights.Path)
    {
        int deepest = config.Levels.Count - 1, at = deepest - index, count = config.LayersPerBlock + 1;
        UNetLevel level = config.Levels[at];
        int before = config.Levels[Math.Min(deepest, at + 1)].Channels, below = config.Levels[Math.Max(0, at - 1)].Channels;
        _resnets = [.. Enumerable.Range(0, count).Select(i => new ResnetBlock(
            weights[$"resnets.{i}"],
            (i == 0 ? before : level.Channels) + (i == count - 1 ? below : level.Channels),
            level.Channels, config.NormGroups, config.NormEpsilon, config.TimeChannels))];
        _attentions = level.AttendsUp ? [.. Enumerable.Range(0, count).Select(i => new SpatialTransformer(config, level, code, weights[$"attentions.{i}"]))] : null;
        _upsampler = index < deepest ? Conv2d.Same(weights["upsamplers.0.conv"], level.Channels, level.Channels) : null;
    }

    public int SkipCount => _resnets.Length;

    protected override Tensor Forward((Tensor Hidden, Conditions Conditions, IReadOnlyList<Tensor> Skips, Tensor? NextSkip) input)
    {
        (Tensor hidden, Conditions conditions, IReadOnlyList<Tensor> skips, Tensor? nextSkip) = input;
        for (int i = 0; i < _resnets.Length; i++)
        {
            hidden = _resnets[i].Call((Tensor.Concatenate(3, hidden, skips[^(i + 1)]), conditions.Time));
            if (_attentions is not null) hidden = _attentions[i].Call((hidden, conditions.Context));
        }

        if (_upsampler is null || nextSkip is null) return hidden;

        // A level of odd size was halved rounding up: twice that, cut to the size of the level to come.
        hidden = hidden.UpsampleNearest(2).Slice(1, 0, nextSkip.Shape[1]).Slice(2, 0, nextSkip.Shape[2]);
        return _upsampler.Call(hidden);
    }
}
