// CLIP's text encoder (Radford et al. 2021): a causal transformer over token ids, whose states are the context that the
// U-Net attends to.

using Brushfire.Models.Layers;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Clip;

/// <summary>What the encoder tells of a batch of texts.</summary>
/// <param name="LastHiddenState">[N, L, hidden], after the final norm.</param>
/// <param name="Penultimate">[N, L, hidden], output of the last block but one, without the final norm.</param>
/// <param name="Pooled">[N, hidden], the normed state at the first end token.</param>
/// <param name="TextEmbeds">[N, projection], the pooled state projected; null without a projection.</param>
public sealed record ClipOutput(Tensor LastHiddenState, Tensor Penultimate, Tensor Pooled, Tensor? TextEmbeds) : ITensorGroup
{
    public IEnumerable<Tensor> Tensors => TextEmbeds is null ? [LastHiddenState, Penultimate, Pooled] : [LastHiddenState, Penultimate, Pooled, TextEmbeds];
}

/// <summary>Token ids [N, L], i64, with L at most the context length, to <see cref="ClipOutput"/>.</summary>
public sealed class ClipTextEncoder : Module<Tensor, ClipOutput>
{
    private readonly ClipConfig _config;
    private readonly Tensor _tokens, _positions;
    private readonly ClipBlock[] _blocks;
    private readonly LayerNorm _norm;
    private readonly Tensor? _projection;
    private readonly Tensor _placesFromEnd; // [context length]: context length … 1

    public ClipTextEncoder(ClipConfig config, WeightScope weights) : base(weights.Path)
    {
        WeightScope text = weights["text_model"];
        _config = config;
        _tokens = text.Take("embeddings.token_embedding.weight", [config.VocabularySize, config.HiddenSize]);
        _positions = text.Take("embeddings.position_embedding.weight", [config.ContextLength, config.HiddenSize]);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => new ClipBlock(config, text[$"encoder.layers.{i}"]))];
        float[] places = [.. Enumerable.Range(0, config.ContextLength).Select(i => (float)(config.ContextLength - i))];
        _placesFromEnd = Parameter.Create("places from the end", [places.Length], () => Tensor.FromArray(places, [places.Length]));
        _norm = new LayerNorm(text["final_layer_norm"], config.HiddenSize, config.LayerNormEpsilon);
        _projection = config.ProjectionSize is { } size ? weights.Take("text_projection.weight", [size, config.HiddenSize]) : null;
    }

    protected override ClipOutput Forward(Tensor ids)
    {
        int length = ids.Shape[1];
        if (length > _config.ContextLength) throw new BrushfireException($"clip: {length} tokens are more than the context of {_config.ContextLength}; encode longer texts in chunks.");
        Tensor hidden = _tokens.GatherRows(ids) + _positions.Slice(0, 0, length); // [N, L, hidden]
        Tensor penultimate = hidden;
        foreach (ClipBlock block in _blocks)
        {
            penultimate = hidden;
            hidden = block.Call(hidden); // [N, L, hidden]
        }

        Tensor last = _norm.Call(hidden);
        Tensor pooled = Pool(last, ids); // [N, hidden]
        return new ClipOutput(last, penultimate, pooled, _projection is null ? null : pooled.Linear(_projection));
    }

    // The state at the first end token of each text; at the last token where there is none. Computed with ops, so that the
    // encoder can be captured whole: places are counted from the end, and the largest one is the first.
    private Tensor Pool(Tensor states, Tensor ids)
    {
        int length = ids.Shape[1];
        Tensor places = _placesFromEnd.Slice(0, 0, length);                               // [L], falling
        Tensor ends = Tensor.Equal(ids.Cast(DType.Float32), Tensor.Scalar(_config.EndToken)); // [N, L]
        Tensor first = Tensor.Max((ends * places).Max(1), Tensor.Scalar(_config.ContextLength - length + 1)); // [N, 1]
        Tensor chosen = Tensor.Equal(places, first);                                      // [N, L], 1 in one place
        return (states * chosen.Unsqueeze(2)).Sum(1).Reshape(states.Shape[0], -1);        // [N, hidden]
    }
}

/// <summary>One transformer block: [N, L, hidden] to the same.</summary>
internal sealed class ClipBlock(ClipConfig config, WeightScope weights) : Module<Tensor>(weights.Path)
{
    private readonly LayerNorm _norm1 = new(weights["layer_norm1"], config.HiddenSize, config.LayerNormEpsilon);
    private readonly LayerNorm _norm2 = new(weights["layer_norm2"], config.HiddenSize, config.LayerNormEpsilon);
    private readonly Linear _query = new(weights["self_attn.q_proj"], config.HiddenSize, config.HiddenSize);
    private readonly Linear _key = new(weights["self_attn.k_proj"], config.HiddenSize, config.HiddenSize);
    private readonly Linear _value = new(weights["self_attn.v_proj"], config.HiddenSize, config.HiddenSize);
    private readonly Linear _output = new(weights["self_attn.out_proj"], config.HiddenSize, config.HiddenSize);
    private readonly Linear _up = new(weights["mlp.fc1"], config.HiddenSize, config.IntermediateSize);
    private readonly Linear _down = new(weights["mlp.fc2"], config.IntermediateSize, config.HiddenSize);

    protected override Tensor Forward(Tensor hidden)
    {
        Tensor normed = _norm1.Call(hidden);
        Tensor attended = Tensor.ScaledDotProductAttention(SplitHeads(_query.Call(normed)), SplitHeads(_key.Call(normed)), SplitHeads(_value.Call(normed)), causal: true);
        hidden += _output.Call(attended.Transpose(1, 2).Reshape(hidden.Shape.Sizes)); // [N, L, hidden]
        Tensor inner = _up.Call(_norm2.Call(hidden));                                 // [N, L, intermediate]
        inner = config.Activation switch
        {
            ClipActivation.QuickGelu => inner.QuickGelu(),
            ClipActivation.Gelu => inner.Gelu(),
        };
        return hidden + _down.Call(inner);
    }

    // [N, L, hidden] to [N, heads, L, headDim]
    private Tensor SplitHeads(Tensor tensor) => tensor.Reshape(tensor.Shape[0], tensor.Shape[1], config.Heads, -1).Transpose(1, 2);
}
