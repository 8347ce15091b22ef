// Scaled dot-product attention as one op, and which kernels it may use.

using Brushfire.Kernels;

namespace Brushfire.Tensors.Ops;

/// <summary>softmax(query keyᵀ · Scale + mask) value (Vaswani et al. 2017, equation 1) of [N, heads, length, headDim] to [N, queryLength, heads, headDim].</summary>
/// <remarks>
/// Inputs: query, key, value and, if there is a fourth, a mask that is added to the scores, broadcast to [N, heads, queryLength, keyLength].
/// The heads of a token lie together in the result, so that joining them again costs nothing.
/// </remarks>
public sealed record ScaledDotProductAttention(bool Causal, float Scale) : ComputeOp
{
    /// <summary>Element type of the operands of both products: f32 or bf16. Scores, softmax and sums are float32.</summary>
    public DType Precision { get; init; }

    public override string Name => "scaled_dot_product_attention";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        (Shape query, Shape key, Shape value) = (inputs[0].Shape, inputs[1].Shape, inputs[2].Shape);
        if (query.Rank != 4 || key.Rank != 4 || value != key) return Refuse($"takes query [N, heads, queryLength, headDim] and key and value [N, heads, keyLength, headDim], but got {inputs[0]}, {inputs[1]} and {inputs[2]}.");
        if (query[0] != key[0] || query[1] != key[1] || query[3] != key[3]) return Refuse($"query {inputs[0]} and key {inputs[1]} differ in more than their length.");
        if (inputs.Length > 3 && !Fits(inputs[3].Shape, [query[0], query[1], query[2], key[2]])) return Refuse($"the mask {inputs[3]} cannot be repeated to [{query[0]},{query[1]},{query[2]},{key[2]}].");
        return inputs[0] with { Shape = [query[0], query[2], query[1], query[3]] };
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        Shape shape = inputs[0].Shape;
        using var scope = new TensorScope();
        Tensor query = UnitStride(inputs[0]), key = UnitStride(inputs[1]), value = UnitStride(inputs[2]);
        var arguments = new AttentionArguments
        {
            Batch = shape[0],
            Heads = shape[1],
            QueryLength = shape[2],
            KeyLength = key.Shape[2],
            HeadDim = shape[3],
            Query = (float*)query.Pointer,
            Key = (float*)key.Pointer,
            Value = (float*)value.Pointer,
            Output = (float*)output.Pointer,
            QueryStrides = StridesOf(query),
            KeyStrides = StridesOf(key),
            ValueStrides = StridesOf(value),
            OutputStrides = new AttentionStrides((nint)output.Strides[0], (nint)output.Strides[2], (nint)output.Strides[1]),
            Causal = Causal,
            Scale = Scale,
            Element = Precision.Kind(),
        };
        if (inputs.Length > 3)
        {
            Tensor mask = inputs[3].Expand(shape[0], shape[1], shape[2], key.Shape[2]);
            arguments.Mask = (float*)mask.Pointer;
            arguments.MaskStrides = new AttentionMaskStrides((nint)mask.Strides[0], (nint)mask.Strides[1], (nint)mask.Strides[2], (nint)mask.Strides[3]);
        }

        AttentionBackend backend = AttentionBackends.Choose(new AttentionSizes(arguments.Batch, arguments.Heads, arguments.QueryLength, arguments.KeyLength, arguments.HeadDim));
        if (backend == AttentionBackend.Math) arguments.Scores = (float*)new Tensor(new TensorSpec(DType.Float32, [shape[0], shape[1], shape[2], key.Shape[2]])).Pointer;
        Attention.Run(backend, in arguments);
    }

    private static bool Fits(Shape mask, Shape scores)
    {
        if (mask.Rank > 4) return false;
        for (int i = 1; i <= mask.Rank; i++)
            if (mask[^i] != 1 && mask[^i] != scores[^i]) return false;
        return true;
    }

    private static Tensor UnitStride(Tensor tensor) => tensor.Strides[3] == 1 || tensor.Shape[3] == 1 ? tensor : tensor.Contiguous();

    private static AttentionStrides StridesOf(Tensor tensor) => new((nint)tensor.Strides[0], (nint)tensor.Strides[1], (nint)tensor.Strides[2]);
}
