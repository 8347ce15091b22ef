// The transformer between residual blocks: pixels attend to each other and to the text (Rombach et al. 2022, section 3.3).

using Brushfire.Models.Layers;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.UNet;

/// <summary>Hidden [N, H, W, C] and context [N, L, contextChannels] to [N, H, W, C].</summary>
internal sealed class SpatialTransformer : Module<(Tensor Hidden, Tensor Context)>
{
    private const float NormEpsilon = 1e-6f;
    private readonly GroupNorm _norm;
    private readonly Linear _input, _output;
    private readonly TransformerBlock[] _blocks;

    public SpatialTransformer(UNetConfig config, UNetLevel level, AttentionCode code, WeightScope weights) : base(weights.Path)
    {
        // The projections are 1x1 convolutions or linear layers; on channels-last pixels both are the same product.
        _norm = new GroupNorm(weights["norm"], config.NormGroups, level.Channels, NormEpsilon);
        _input = new Linear(weights["proj_in"], level.Channels, level.Channels);
        _output = new Linear(weights["proj_out"], level.Channels, level.Channels);
        _blocks = [.. Enumerable.Range(0, level.TransformerLayers).Select(i => new TransformerBlock(level.Channels, config.ContextChannels, level.Heads, code, weights[$"transformer_blocks.{i}"]))];
    }

    protected override Tensor Forward((Tensor Hidden, Tensor Context) input)
    {
        Shape shape = input.Hidden.Shape;
        Tensor tokens = _norm.Call(input.Hidden).Reshape(shape[0], shape[1] * shape[2], shape[3]); // [N, H * W, C]
        tokens = _input.Call(tokens);
        foreach (TransformerBlock block in _blocks) tokens = block.Call((tokens, input.Context));
        return input.Hidden + _output.Call(tokens).Reshape(shape.Sizes);
    }
}

/// <summary>Tokens [N, L, C] and context [N, L', contextChannels] to [N, L, C]: self-attention, cross-attention, gated feed-forward.</summary>
internal sealed class TransformerBlock(int channels, int contextChannels, int heads, AttentionCode code, WeightScope weights) : Module<(Tensor Tokens, Tensor Context)>(weights.Path)
{
    private readonly LayerNorm _norm1 = new(weights["norm1"], channels);
    private readonly LayerNorm _norm2 = new(weights["norm2"], channels);
    private readonly LayerNorm _norm3 = new(weights["norm3"], channels);
    private readonly Attention _self = new(weights["attn1"], channels, channels, heads, code);
    private readonly Attention _cross = new(weights["attn2"], channels, contextChannels, heads, code);
    private readonly Linear _gated = new(weights["ff.net.0.proj"], channels, 8 * channels);
    private readonly Linear _down = new(weights["ff.net.2"], 4 * channels, channels);

    protected override Tensor Forward((Tensor Tokens, Tensor Context) input)
    {
        Tensor tokens = input.Tokens;
        Tensor normed = _norm1.Call(tokens);
        tokens += _self.Call((normed, normed));
        tokens += _cross.Call((_norm2.Call(tokens), input.Context));
        Tensor[] halves = _gated.Call(_norm3.Call(tokens)).Split(-1, 2); // GEGLU (Shazeer 2020): two of [N, L, 4 C]
        return tokens + _down.Call(halves[0].GeluGate(halves[1]));
    }
}
