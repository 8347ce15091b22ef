// The one-dimensional transforms of Winograd's minimal filtering, y = Aᵀ[(G g) ∘ (Bᵀ d)]: m outputs of a filter of three from
// m + 2 inputs with m + 2 products. Two dimensions are the same along columns, then along rows: (m + 2)² products instead of 9 m².

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>Transforms of one vector of channels: element i at from + i * fromStride, result i to to + i * toStride.</summary>
internal unsafe interface IWinogradTransform
{
    /// <summary>m: output pixels of a tile in one dimension.</summary>
    static abstract int Outputs { get; }

    /// <summary>m + 2: input pixels of a tile in one dimension.</summary>
    static abstract int Inputs { get; }

    /// <summary>Bᵀ: m + 2 input pixels to as many values.</summary>
    static abstract void Input<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>G: 3 taps to m + 2 values.</summary>
    static abstract void Filter<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>Aᵀ: m + 2 products to m output pixels.</summary>
    static abstract void Output<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct;
}

/// <summary>F(2, 3), by the points 0, 1, -1 and infinity.</summary>
internal readonly unsafe struct WinogradF2 : IWinogradTransform
{
    public static int Outputs => 2;
    public static int Inputs => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector d0 = TSimd.Load(from), d1 = TSimd.Load(from + fromStride), d2 = TSimd.Load(from + 2 * fromStride), d3 = TSimd.Load(from + 3 * fromStride);
        TSimd.Store(to, TSimd.Subtract(d0, d2));
        TSimd.Store(to + toStride, TSimd.Add(d1, d2));
        TSimd.Store(to + 2 * toStride, TSimd.Subtract(d2, d1));
        TSimd.Store(to + 3 * toStride, TSimd.Subtract(d3, d1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Filter<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector g0 = TSimd.Load(from), g1 = TSimd.Load(from + fromStride), g2 = TSimd.Load(from + 2 * fromStride), half = TSimd.Broadcast(0.5f);
        TVector even = TSimd.Multiply(TSimd.Add(g0, g2), half);
        TSimd.Store(to, g0);
        TSimd.Store(to + toStride, TSimd.MultiplyAdd(g1, half, even));
        TSimd.Store(to + 2 * toStride, TSimd.MultiplyAdd(g1, TSimd.Broadcast(-0.5f), even));
        TSimd.Store(to + 3 * toStride, g2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector m1 = TSimd.Load(from + fromStride), m2 = TSimd.Load(from + 2 * fromStride);
        TSimd.Store(to, TSimd.Add(TSimd.Load(from), TSimd.Add(m1, m2)));
        TSimd.Store(to + toStride, TSimd.Add(TSimd.Load(from + 3 * fromStride), TSimd.Subtract(m1, m2)));
    }
}

/// <summary>
/// F(3, 3), by the points ±2/5, ±5/4 and infinity, close to those that amplify rounding least: half as much as <see cref="WinogradF4"/>
/// in two dimensions (docs/kernels.md).
/// </summary>
internal readonly unsafe struct WinogradF3 : IWinogradTransform
{
    // The points are ±P and ±Q.
    private const float P = 0.4f, Q = 1.25f, P2 = 0.16f, Q2 = 1.5625f, P2Q2 = 0.25f;

    public static int Outputs => 3;
    public static int Inputs => 5;

    // The rows of opposite points share their even and their odd part, and are divided by the point.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector d0 = TSimd.Load(from), d1 = TSimd.Load(from + fromStride), d2 = TSimd.Load(from + 2 * fromStride), d3 = TSimd.Load(from + 3 * fromStride);
        TVector minusP2 = TSimd.Broadcast(-P2), minusQ2 = TSimd.Broadcast(-Q2);
        TVector even = TSimd.MultiplyAdd(d0, minusQ2, d2), odd = TSimd.MultiplyAdd(d1, minusQ2, d3);
        TSimd.Store(to, TSimd.MultiplyAdd(odd, TSimd.Broadcast(1 / P), even));
        TSimd.Store(to + toStride, TSimd.MultiplyAdd(odd, TSimd.Broadcast(-1 / P), even));
        even = TSimd.MultiplyAdd(d0, minusP2, d2);
        odd = TSimd.MultiplyAdd(d1, minusP2, d3);
        TSimd.Store(to + 2 * toStride, TSimd.MultiplyAdd(odd, TSimd.Broadcast(1 / Q), even));
        TSimd.Store(to + 3 * toStride, TSimd.MultiplyAdd(odd, TSimd.Broadcast(-1 / Q), even));
        TVector last = TSimd.MultiplyAdd(d0, TSimd.Broadcast(P2Q2), TSimd.Load(from + 4 * fromStride));
        TSimd.Store(to + 4 * toStride, TSimd.MultiplyAdd(d2, TSimd.Broadcast(-P2 - Q2), last));
    }

    // A point x gives (g0 + g1 x + g2 x²) / N, where N is 2 (P² - Q²) for ±P and the opposite for ±Q.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Filter<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        const float N = 2 * (P2 - Q2);
        TVector g0 = TSimd.Load(from), g1 = TSimd.Load(from + fromStride), g2 = TSimd.Load(from + 2 * fromStride);
        TVector even = TSimd.MultiplyAdd(g2, TSimd.Broadcast(P2 / N), TSimd.Multiply(g0, TSimd.Broadcast(1 / N)));
        TSimd.Store(to, TSimd.MultiplyAdd(g1, TSimd.Broadcast(P / N), even));
        TSimd.Store(to + toStride, TSimd.MultiplyAdd(g1, TSimd.Broadcast(-P / N), even));
        even = TSimd.MultiplyAdd(g2, TSimd.Broadcast(-Q2 / N), TSimd.Multiply(g0, TSimd.Broadcast(-1 / N)));
        TSimd.Store(to + 2 * toStride, TSimd.MultiplyAdd(g1, TSimd.Broadcast(-Q / N), even));
        TSimd.Store(to + 3 * toStride, TSimd.MultiplyAdd(g1, TSimd.Broadcast(Q / N), even));
        TSimd.Store(to + 4 * toStride, g2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector m0 = TSimd.Load(from), m1 = TSimd.Load(from + fromStride), m2 = TSimd.Load(from + 2 * fromStride), m3 = TSimd.Load(from + 3 * fromStride);
        TVector sumP = TSimd.Add(m0, m1), sumQ = TSimd.Add(m2, m3), last = TSimd.MultiplyAdd(sumP, TSimd.Broadcast(P2), TSimd.Load(from + 4 * fromStride));
        TSimd.Store(to, TSimd.Add(sumP, sumQ));
        TSimd.Store(to + toStride, TSimd.MultiplyAdd(TSimd.Subtract(m0, m1), TSimd.Broadcast(P), TSimd.Multiply(TSimd.Subtract(m2, m3), TSimd.Broadcast(Q))));
        TSimd.Store(to + 2 * toStride, TSimd.MultiplyAdd(sumQ, TSimd.Broadcast(Q2), last));
    }
}

/// <summary>
/// F(4, 3), by the points 0, ±√½, ±√2 and infinity: their products are 1 and their powers stay small, so that rounding is amplified
/// less than by the points 0, ±1, ±2.
/// </summary>
internal readonly unsafe struct WinogradF4 : IWinogradTransform
{
    // The points are ±P and ±Q.
    private const float P = 0.70710678118654752f, Q = 1.4142135623730950f;

    public static int Outputs => 4;
    public static int Inputs => 6;

    // Each pair of opposite points shares its even and its odd part.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector d1 = TSimd.Load(from + fromStride), d2 = TSimd.Load(from + 2 * fromStride), d3 = TSimd.Load(from + 3 * fromStride), d4 = TSimd.Load(from + 4 * fromStride);
        TVector minusSum = TSimd.Broadcast(-2.5f), minusQ2 = TSimd.Broadcast(-2f), minusP2 = TSimd.Broadcast(-0.5f);
        TSimd.Store(to, TSimd.MultiplyAdd(d2, minusSum, TSimd.Add(TSimd.Load(from), d4)));
        TSimd.Store(to + 5 * toStride, TSimd.MultiplyAdd(d3, minusSum, TSimd.Add(TSimd.Load(from + 5 * fromStride), d1)));
        TVector even = TSimd.MultiplyAdd(d2, minusQ2, d4), odd = TSimd.MultiplyAdd(d1, minusQ2, d3);
        TSimd.Store(to + toStride, TSimd.MultiplyAdd(odd, TSimd.Broadcast(P), even));
        TSimd.Store(to + 2 * toStride, TSimd.MultiplyAdd(odd, TSimd.Broadcast(-P), even));
        even = TSimd.MultiplyAdd(d2, minusP2, d4);
        odd = TSimd.MultiplyAdd(d1, minusP2, d3);
        TSimd.Store(to + 3 * toStride, TSimd.MultiplyAdd(odd, TSimd.Broadcast(Q), even));
        TSimd.Store(to + 4 * toStride, TSimd.MultiplyAdd(odd, TSimd.Broadcast(-Q), even));
    }

    // A point x gives (g0 + g1 x + g2 x²) / N, where N is -3/2 for ±P and 6 for ±Q.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Filter<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector g0 = TSimd.Load(from), g1 = TSimd.Load(from + fromStride), g2 = TSimd.Load(from + 2 * fromStride);
        TSimd.Store(to, g0);
        TSimd.Store(to + 5 * toStride, g2);
        TVector even = TSimd.MultiplyAdd(g2, TSimd.Broadcast(-1 / 3f), TSimd.Multiply(g0, TSimd.Broadcast(-2 / 3f)));
        TSimd.Store(to + toStride, TSimd.MultiplyAdd(g1, TSimd.Broadcast(-2 / 3f * P), even));
        TSimd.Store(to + 2 * toStride, TSimd.MultiplyAdd(g1, TSimd.Broadcast(2 / 3f * P), even));
        even = TSimd.MultiplyAdd(g2, TSimd.Broadcast(1 / 3f), TSimd.Multiply(g0, TSimd.Broadcast(1 / 6f)));
        TSimd.Store(to + 3 * toStride, TSimd.MultiplyAdd(g1, TSimd.Broadcast(Q / 6), even));
        TSimd.Store(to + 4 * toStride, TSimd.MultiplyAdd(g1, TSimd.Broadcast(-Q / 6), even));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<TSimd, TVector>(float* from, nint fromStride, float* to, nint toStride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector m1 = TSimd.Load(from + fromStride), m2 = TSimd.Load(from + 2 * fromStride), m3 = TSimd.Load(from + 3 * fromStride), m4 = TSimd.Load(from + 4 * fromStride);
        TVector sumP = TSimd.Add(m1, m2), sumQ = TSimd.Add(m3, m4), differenceP = TSimd.Subtract(m1, m2), differenceQ = TSimd.Subtract(m3, m4);
        TSimd.Store(to, TSimd.Add(TSimd.Load(from), TSimd.Add(sumP, sumQ)));
        TSimd.Store(to + toStride, TSimd.MultiplyAdd(differenceP, TSimd.Broadcast(P), TSimd.Multiply(differenceQ, TSimd.Broadcast(Q))));
        TSimd.Store(to + 2 * toStride, TSimd.MultiplyAdd(sumQ, TSimd.Broadcast(2), TSimd.Multiply(sumP, TSimd.Broadcast(0.5f))));
        TVector last = TSimd.MultiplyAdd(differenceP, TSimd.Broadcast(P / 2), TSimd.Load(from + 5 * fromStride));
        TSimd.Store(to + 3 * toStride, TSimd.MultiplyAdd(differenceQ, TSimd.Broadcast(2 * Q), last));
    }
}
