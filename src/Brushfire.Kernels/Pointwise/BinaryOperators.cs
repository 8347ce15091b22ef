// Pointwise functions of two and three values. All but the gates are exact or correctly rounded; comparisons give 1 or 0.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

public readonly struct AddOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Add(a, b);
}

public readonly struct SubtractOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Subtract(a, b);
}

public readonly struct MultiplyOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Multiply(a, b);
}

public readonly struct DivideOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Divide(a, b);
}

/// <summary>The smaller; NaN where either is NaN.</summary>
public readonly struct MinOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Min(a, b);
}

/// <summary>The larger; NaN where either is NaN.</summary>
public readonly struct MaxOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Max(a, b);
}

/// <summary>1 where a &lt; b, else 0; 0 where either is NaN.</summary>
public readonly struct LessThanOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.And(TSimd.LessThan(a, b), TSimd.Broadcast(1));
}

/// <summary>1 where a = b, else 0; 0 where either is NaN.</summary>
public readonly struct EqualOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.And(TSimd.Equal(a, b), TSimd.Broadcast(1));
}

/// <summary>a gelu(b), as gated feed-forward layers have it (GEGLU, Shazeer 2020), within 1.5e-7 |a| max(1, |b|).</summary>
public readonly struct GeluGateOperator : IBinaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.Multiply(a, GeluOperator.Invoke<TSimd, TVector>(b));
}
