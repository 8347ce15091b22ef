// What attention works on: sizes, four tensors by pointer and strides, and the mask. Strides are in elements.

namespace Brushfire.Kernels;

/// <summary>Strides of [batch, heads, tokens, headDim] whose last axis is contiguous: [N, L, H * d] and [N, H, L, d] alike.</summary>
public readonly record struct AttentionStrides(nint Batch, nint Head, nint Token);

/// <summary>Strides of [batch, heads, queryLength, keyLength]; 0 where the mask is the same for all.</summary>
public readonly record struct AttentionMaskStrides(nint Batch, nint Head, nint Query, nint Key);

/// <summary>output = softmax(scale * query keyᵀ + mask) value, for each head of each batch entry. The output shares no memory with the rest.</summary>
public unsafe struct AttentionArguments
{
    public int Batch, Heads, QueryLength, KeyLength;

    /// <summary>Length of a query, a key and a value.</summary>
    public int HeadDim;

    public float* Query, Key, Value, Output;
    public AttentionStrides QueryStrides, KeyStrides, ValueStrides, OutputStrides;

    /// <summary>Added to the scaled scores, -infinity to hide a key; null for none.</summary>
    public float* Mask;
    public AttentionMaskStrides MaskStrides;

    /// <summary>Query i sees keys 0 … i only, counted from the first query and the first key whatever the lengths (as torch's is_causal).</summary>
    public bool Causal;

    /// <summary>Factor of the scores, usually 1 / √headDim.</summary>
    public float Scale;

    /// <summary>What the operands of both products are rounded to, Float32 or BFloat16; scores, softmax and sums are float32.</summary>
    public ElementKind Element;

    /// <summary>Room for batch * heads * queryLength * keyLength scores of <see cref="AttentionBackend.Math"/>; null to allocate it for the call.</summary>
    public float* Scores;
}
