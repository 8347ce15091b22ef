// Matrix products, linear layers, convolution and attention, in the precision that is in use (Autocast).

using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Tensors;

public sealed partial class Tensor
{
    /// <summary>[…, M, K] times [K, N], or […, K, N] with the same leading axes.</summary>
    public Tensor MatMul(Tensor right) => Run(new MatMul { Precision = Autocast.For<MatMul>() }, this, right);

    /// <summary>[…, inputs] times the transpose of [outputs, inputs], plus a bias [outputs].</summary>
    public Tensor Linear(Tensor weight, Tensor? bias = null) => RunWithBias(new Linear { Precision = Autocast.For<Linear>() }, weight, bias);

    /// <summary>Cross-correlation of [N, H, W, C] with [outputs, C, height, width], plus a bias [outputs].</summary>
    public Tensor Conv2d(Tensor weight, Tensor? bias, int stride, Padding padding) => RunWithBias(new Conv2d(stride, padding) { Precision = Autocast.For<Conv2d>() }, weight, bias);

    /// <summary>softmax(query keyᵀ · scale + mask) value over [N, heads, length, headDim].</summary>
    /// <param name="mask">Added to the scores [N, heads, queryLength, keyLength]; axes of size 1 repeat. A query all of whose keys are hidden by -infinity gets 0, where the formula has NaN.</param>
    /// <param name="causal">Query i sees keys 0 … i only.</param>
    /// <param name="scale">1 / sqrt(headDim) unless given.</param>
    public static Tensor ScaledDotProductAttention(Tensor query, Tensor key, Tensor value, Tensor? mask = null, bool causal = false, float? scale = null)
    {
        var op = new ScaledDotProductAttention(causal, scale ?? 1 / MathF.Sqrt(query.Shape[^1])) { Precision = Autocast.For<ScaledDotProductAttention>() };
        Tensor tokens = mask is null ? Executor.Current.Run(op, [query, key, value]) : Executor.Current.Run(op, [query, key, value, mask]);
        return tokens.Transpose(1, 2);
    }

    private Tensor RunWithBias(Op op, Tensor weight, Tensor? bias) =>
        bias is null ? Run(op, this, weight) : Executor.Current.Run(op, [this, weight, bias]);
}
