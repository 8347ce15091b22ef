// In which element type Flash attention multiplies: a struct type parameter, so that there is one kernel for all.
// Scores, softmax and sums are float32 always.
//
// | operands | panels | tile |
// | --- | --- | --- |
// | Float32Attention | [K][width] float32 | AttentionTile |
// | RoundedAttention | [K][width] float32, rounded to bfloat16 | AttentionTile |
// | PairAttention | [K/2][width] bfloat16 pairs, in the first half of the float32 panel's memory | machine code: BFloat16Code |

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

internal unsafe interface IAttentionOperands
{
    /// <summary>Makes a float32 panel [k, width] what <see cref="Multiply"/> reads, in place.</summary>
    static abstract void Convert<TSimd, TVector>(float* panel, int k, int width) where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>Floats that the first <paramref name="k"/> rows of a converted panel take, an even number of them.</summary>
    static abstract nint Floats(int k, int width);

    /// <summary>The tile of <see cref="AttentionTile"/>.</summary>
    static abstract void Multiply<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct;
}

internal readonly unsafe struct Float32Attention : IAttentionOperands
{
    public static void Convert<TSimd, TVector>(float* panel, int k, int width) where TSimd : struct, ISimd<TVector> where TVector : struct { }

    public static nint Floats(int k, int width) => (nint)k * width;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        AttentionTile.Run<TSimd, TVector>(k, a, b, tile, tileStride, accumulate);
}

/// <summary>Operands rounded to bfloat16 and multiplied as float32: products of two bfloat16 numbers are exact there.</summary>
internal readonly unsafe struct RoundedAttention : IAttentionOperands
{
    public static void Convert<TSimd, TVector>(float* panel, int k, int width) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        BFloat16Panels.Round<TSimd, TVector>(panel, (nint)k * width);

    public static nint Floats(int k, int width) => (nint)k * width;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        AttentionTile.Run<TSimd, TVector>(k, a, b, tile, tileStride, accumulate);
}

/// <summary>Pairs of bfloat16 along K, for the processor's own products; only with 512 bits.</summary>
internal readonly unsafe struct PairAttention<TKernels> : IAttentionOperands where TKernels : struct, IBFloat16Kernels
{
    // A row of pairs is written after the two rows that it comes from were read.
    public static void Convert<TSimd, TVector>(float* panel, int k, int width) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        BFloat16Panels.Pack<TSimd, TVector>(panel, k, width, (uint*)panel);

    public static nint Floats(int k, int width) => (nint)k / 2 * width;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TKernels.Multiply(Blocks.Count(k, 2), (byte*)a, (byte*)b, tile, tileStride, accumulate, BFloat16Code.Columns, AheadLines.None(a));
}
