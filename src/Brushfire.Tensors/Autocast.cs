// Mixed precision: which ops multiply in the precision that is in use, which compute in float32 whatever is in use, and
// which only take over the type of their inputs. One table says it for all ops; docs/precision.md prints it.
//
// Tensors between ops stay float32 in any precision. A contraction rounds its operands while it packs them for the
// processor's products, sums in float32 and writes float32, so no pass over memory only converts, and norms, softmax,
// samplers and guidance get all digits of the sums.

using System.Collections.Frozen;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Tensors;

/// <summary>In which element type an op computes.</summary>
public enum AutocastRule
{
    /// <summary>Operands of products are rounded to the precision in use; sums are float32.</summary>
    Lowered,

    /// <summary>Everything in float32.</summary>
    Float32,

    /// <summary>Nothing is computed: the result has the type and the bits of the inputs, or the type that the op names.</summary>
    Inputs,
}

/// <summary>The precision that contractions on this thread are created with.</summary>
public static class Autocast
{
    private static readonly Setting<DType> s_precision = new("precision", DType.Float32);

    /// <summary>What every op computes in.</summary>
    public static IReadOnlyDictionary<Type, AutocastRule> Rules { get; } = new Dictionary<Type, AutocastRule>
    {
        [typeof(MatMul)] = AutocastRule.Lowered,
        [typeof(Linear)] = AutocastRule.Lowered,
        [typeof(Conv2d)] = AutocastRule.Lowered,
        [typeof(ScaledDotProductAttention)] = AutocastRule.Lowered,
        [typeof(GroupNorm)] = AutocastRule.Float32,
        [typeof(GroupNormStatistics)] = AutocastRule.Float32,
        [typeof(LayerNorm)] = AutocastRule.Float32,
        [typeof(LayerNormStatistics)] = AutocastRule.Float32,
        [typeof(Softmax)] = AutocastRule.Float32,
        [typeof(Reduce)] = AutocastRule.Float32,
        [typeof(Unary)] = AutocastRule.Float32,
        [typeof(Binary)] = AutocastRule.Float32,
        [typeof(Cast)] = AutocastRule.Inputs,
        [typeof(Copy)] = AutocastRule.Inputs,
        [typeof(Reshape)] = AutocastRule.Inputs,
        [typeof(Permute)] = AutocastRule.Inputs,
        [typeof(Slice)] = AutocastRule.Inputs,
        [typeof(AsStrided)] = AutocastRule.Inputs,
        [typeof(Expand)] = AutocastRule.Inputs,
        [typeof(Concatenate)] = AutocastRule.Inputs,
        [typeof(UpsampleNearest)] = AutocastRule.Inputs,
        [typeof(GatherRows)] = AutocastRule.Inputs,
    }.ToFrozenDictionary();

    /// <summary>The precision in use on this thread: f32 unless another one is in use.</summary>
    public static DType Current => s_precision.Value;

    /// <summary>Creates contractions in this precision, on this thread, until the result is disposed of.</summary>
    /// <exception cref="BrushfireException">It is neither f32 nor bf16.</exception>
    public static IDisposable Use(DType precision)
    {
        if (precision is not (DType.Float32 or DType.BFloat16)) throw new BrushfireException($"autocast: there are no products in {precision.Name()}; use {DType.Float32.Name()} or {DType.BFloat16.Name()}.");
        return s_precision.Use(precision);
    }

    /// <summary>The precision that an op of this kind is created with now.</summary>
    internal static DType For<TOp>() where TOp : Op => Rules[typeof(TOp)] == AutocastRule.Lowered ? s_precision.Value : DType.Float32;
}
