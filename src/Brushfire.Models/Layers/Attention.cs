// Multi-head attention in the two ways that the benchmark compares: with every step an op of its own and the scores in
// memory, as the first public code wrote it, or as one fused op. Both run on the same kernels.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Layers;

/// <summary>How a model's attention is written.</summary>
public enum AttentionCode { Optimized, Original }

/// <summary>Queries from hidden states [N, L, channels]; keys and values from context [N, L', contextChannels], or the hidden states themselves.</summary>
public sealed class Attention : Module<(Tensor Hidden, Tensor Context)>
{
    private readonly int _heads;
    private readonly AttentionCode _code;
    private readonly Linear _query, _key, _value, _output;

    public Attention(WeightScope weights, int channels, int contextChannels, int heads, AttentionCode code, bool bias = false) : base(weights.Path)
    {
        _heads = heads;
        _code = code;
        _query = new Linear(weights["to_q"], channels, channels, bias);
        _key = new Linear(weights["to_k"], contextChannels, channels, bias);
        _value = new Linear(weights["to_v"], contextChannels, channels, bias);
        _output = new Linear(weights["to_out.0"], channels, channels);
    }

    protected override Tensor Forward((Tensor Hidden, Tensor Context) input)
    {
        Tensor query = _query.Call(input.Hidden);   // [N, L, heads * headDim]
        Tensor key = _key.Call(input.Context);      // [N, L', heads * headDim]
        Tensor value = _value.Call(input.Context);  // [N, L', heads * headDim]
        Tensor attended = _code switch
        {
            AttentionCode.Optimized => Fused(query, key, value),
            AttentionCode.Original => StepByStep(query, key, value),
        };
        return _output.Call(attended);
    }

    private Tensor Fused(Tensor query, Tensor key, Tensor value)
    {
        Tensor attended = Tensor.ScaledDotProductAttention(SplitHeads(query), SplitHeads(key), SplitHeads(value)); // [N, heads, L, headDim]
        return attended.Transpose(1, 2).Reshape(query.Shape.Sizes);
    }

    private Tensor StepByStep(Tensor query, Tensor key, Tensor value)
    {
        float scale = 1 / MathF.Sqrt(query.Shape[^1] / _heads);
        Tensor scores = SplitHeads(query).Contiguous().MatMul(SplitHeads(key).Contiguous().Transpose(2, 3)) * scale; // [N, heads, L, L']
        Tensor attended = scores.Softmax().MatMul(SplitHeads(value).Contiguous());                                  // [N, heads, L, headDim]
        return attended.Transpose(1, 2).Contiguous().Reshape(query.Shape.Sizes);
    }

    // [N, L, heads * headDim] to [N, heads, L, headDim]
    private Tensor SplitHeads(Tensor tensor) => tensor.Reshape(tensor.Shape[0], tensor.Shape[1], _heads, -1).Transpose(1, 2);
}
