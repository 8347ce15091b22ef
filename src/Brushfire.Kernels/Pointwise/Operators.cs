// The shape of a pointwise formula: a struct whose static Invoke is written once over ISimd and serves every vector width,
// eager kernels, generated code and hooks of the contractions alike. Also the polynomials that the formulas share.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>A function of one float32 lane.</summary>
public interface IUnaryOperator
{
    static abstract TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct;
}

/// <summary>Told the struct of a <see cref="UnaryOperator"/>: how a kernel becomes one for each function.</summary>
internal interface IUnaryVisitor
{
    void Visit<TOperator>() where TOperator : struct, IUnaryOperator;
}

/// <summary>A function of two float32 lanes.</summary>
public interface IBinaryOperator
{
    static abstract TVector Invoke<TSimd, TVector>(TVector a, TVector b) where TSimd : struct, ISimd<TVector> where TVector : struct;
}

/// <summary>c0 + c1 x + c2 x² + … by Horner's rule.</summary>
internal static class Polynomial
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Of<TSimd, TVector>(TVector x, float c0, float c1, float c2) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.MultiplyAdd(TSimd.MultiplyAdd(TSimd.Broadcast(c2), x, TSimd.Broadcast(c1)), x, TSimd.Broadcast(c0));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Of<TSimd, TVector>(TVector x, float c0, float c1, float c2, float c3, float c4) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.MultiplyAdd(TSimd.MultiplyAdd(Of<TSimd, TVector>(x, c2, c3, c4), x, TSimd.Broadcast(c1)), x, TSimd.Broadcast(c0));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Of<TSimd, TVector>(TVector x, float c0, float c1, float c2, float c3, float c4, float c5, float c6) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.MultiplyAdd(TSimd.MultiplyAdd(Of<TSimd, TVector>(x, c2, c3, c4, c5, c6), x, TSimd.Broadcast(c1)), x, TSimd.Broadcast(c0));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Of<TSimd, TVector>(TVector x, float c0, float c1, float c2, float c3, float c4, float c5, float c6, float c7, float c8)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.MultiplyAdd(TSimd.MultiplyAdd(Of<TSimd, TVector>(x, c2, c3, c4, c5, c6, c7, c8), x, TSimd.Broadcast(c1)), x, TSimd.Broadcast(c0));
}
