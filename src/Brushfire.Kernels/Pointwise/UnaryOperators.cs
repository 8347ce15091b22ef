// Pointwise functions of one value, each with its error bound against exact arithmetic, which the tests sweep over the
// float32 range. ulp = unit in the last place of the exact result. NaN gives NaN. The polynomials are our own minimax
// fits; docs/kernels.md tells how the ranges are reduced.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>-x, exact.</summary>
public readonly struct NegateOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Negate(x);
}

/// <summary>|x|, exact.</summary>
public readonly struct AbsOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Abs(x);
}

/// <summary>max(x, 0), exact.</summary>
public readonly struct ReluOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.MaxNative(TSimd.Zero, x);
}

/// <summary>√x, correctly rounded (0.5 ulp).</summary>
public readonly struct SqrtOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Sqrt(x);
}

/// <summary>1 / √x within 1.5 ulp.</summary>
public readonly struct RsqrtOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.Divide(TSimd.Broadcast(1), TSimd.Sqrt(x));
}

/// <summary>eˣ within 1.5 ulp; subnormal results too.</summary>
public readonly struct ExpOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        // Beyond these ends the result is infinity and zero already.
        InRange<TSimd, TVector>(TSimd.Clamp(x, TSimd.Broadcast(-104), TSimd.Broadcast(89)));

    /// <summary>eˣ for -104 ≤ x ≤ 89, or NaN; other arguments give nonsense.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector InRange<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // x = n ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts, the first so short that its product with n is exact.
        TVector n = TSimd.Round(TSimd.Multiply(x, TSimd.Broadcast(1.44269502f)));
        TVector r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-0.693115234f), x);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-3.19461833e-05f), r);
        TVector p = Polynomial.Of<TSimd, TVector>(r, 0.49999994f, 0.166665211f, 0.041668389f, 0.00836871658f, 0.00138145988f);
        p = TSimd.MultiplyAdd(TSimd.Multiply(r, r), p, r);
        return TSimd.Scale(TSimd.Add(p, TSimd.Broadcast(1)), n);
    }

    /// <summary>1 + e⁻ˣ, to infinity from x = -88.4 on; a third fewer instructions than by way of <see cref="Invoke"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector OnePlusNegative<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // As above for -x, with the signs in the constants: r is the negative of what is left.
        x = TSimd.Clamp(x, TSimd.Broadcast(-89), TSimd.Broadcast(88));
        TVector n = TSimd.Round(TSimd.Multiply(x, TSimd.Broadcast(-1.44269502f)));
        TVector r = TSimd.MultiplyAdd(n, TSimd.Broadcast(0.693115234f), x);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(3.19461833e-05f), r);
        TVector p = Polynomial.Of<TSimd, TVector>(r, 0.49999994f, -0.166665211f, 0.041668389f, -0.00836871658f, 0.00138145988f);
        p = TSimd.MultiplyAdd(TSimd.Multiply(r, r), p, TSimd.Subtract(TSimd.Broadcast(1), r));
        return TSimd.MultiplyAdd(p, TSimd.PowerOfTwo(n), TSimd.Broadcast(1));
    }
}

/// <summary>2ˣ within 1.5 ulp; subnormal results too.</summary>
public readonly struct Exp2Operator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector fraction = Fraction<TSimd, TVector>(TSimd.Clamp(x, TSimd.Broadcast(-151), TSimd.Broadcast(129)), out TVector n);
        return TSimd.Scale(fraction, n);
    }

    /// <summary>2ˣ within 1.5 ulp for x ≤ 0, and 0 in place of results below 2⁻¹²⁶.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector NonPositiveExact<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector fraction = Fraction<TSimd, TVector>(TSimd.MaxNative(TSimd.Broadcast(-127), x), out TVector n);
        return TSimd.Multiply(fraction, TSimd.PowerOfTwo(n));
    }

    // 2ˣ / 2ⁿ, between √½ and √2.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Fraction<TSimd, TVector>(TVector x, out TVector n) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        n = TSimd.Round(x);
        TVector r = TSimd.Subtract(x, n);
        TVector p = Polynomial.Of<TSimd, TVector>(r, 0.240226522f, 0.0555031039f, 0.00961769279f, 0.00134066469f, 0.000155946851f);
        p = TSimd.MultiplyAdd(p, r, TSimd.Broadcast(0.693147242f));
        return TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1));
    }

    /// <summary>
    /// 2ˣ for x ≤ 0, as softmax needs it, in two thirds of the instructions: relative error below 6e-7, 1 at 0, and 0 in place of
    /// results below 2⁻¹²⁶. It holds up to 2¹²⁶, for maxima that lag behind.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector NonPositive<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        x = TSimd.MaxNative(TSimd.Broadcast(-127), x);
        TVector n = TSimd.Round(x);
        TVector r = TSimd.Subtract(x, n);
        TVector p = Polynomial.Of<TSimd, TVector>(r, 0.69314283f, 0.24022351f, 0.055574005f, 0.0096662825f, 0.0011125508f);
        return TSimd.Multiply(TSimd.MultiplyAdd(p, r, TSimd.Broadcast(1)), TSimd.PowerOfTwo(n));
    }

    /// <summary>Four vectors, step by step together, to the same bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void NonPositive<TSimd, TVector>(ref TVector x0, ref TVector x1, ref TVector x2, ref TVector x3) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector c = TSimd.Broadcast(-127);
        x0 = TSimd.MaxNative(c, x0); x1 = TSimd.MaxNative(c, x1); x2 = TSimd.MaxNative(c, x2); x3 = TSimd.MaxNative(c, x3);
        TVector n0 = TSimd.Round(x0), n1 = TSimd.Round(x1), n2 = TSimd.Round(x2), n3 = TSimd.Round(x3);
        x0 = TSimd.Subtract(x0, n0); x1 = TSimd.Subtract(x1, n1); x2 = TSimd.Subtract(x2, n2); x3 = TSimd.Subtract(x3, n3);
        c = TSimd.Broadcast(0.0096662825f);
        TVector d = TSimd.Broadcast(0.0011125508f);
        TVector p0 = TSimd.MultiplyAdd(d, x0, c), p1 = TSimd.MultiplyAdd(d, x1, c), p2 = TSimd.MultiplyAdd(d, x2, c), p3 = TSimd.MultiplyAdd(d, x3, c);
        c = TSimd.Broadcast(0.055574005f);
        p0 = TSimd.MultiplyAdd(p0, x0, c); p1 = TSimd.MultiplyAdd(p1, x1, c);
        p2 = TSimd.MultiplyAdd(p2, x2, c); p3 = TSimd.MultiplyAdd(p3, x3, c);
        c = TSimd.Broadcast(0.24022351f);
        p0 = TSimd.MultiplyAdd(p0, x0, c); p1 = TSimd.MultiplyAdd(p1, x1, c);
        p2 = TSimd.MultiplyAdd(p2, x2, c); p3 = TSimd.MultiplyAdd(p3, x3, c);
        c = TSimd.Broadcast(0.69314283f);
        p0 = TSimd.MultiplyAdd(p0, x0, c); p1 = TSimd.MultiplyAdd(p1, x1, c);
        p2 = TSimd.MultiplyAdd(p2, x2, c); p3 = TSimd.MultiplyAdd(p3, x3, c);
        c = TSimd.Broadcast(1);
        p0 = TSimd.MultiplyAdd(p0, x0, c); p1 = TSimd.MultiplyAdd(p1, x1, c);
        p2 = TSimd.MultiplyAdd(p2, x2, c); p3 = TSimd.MultiplyAdd(p3, x3, c);
        x0 = TSimd.Multiply(p0, TSimd.PowerOfTwo(n0)); x1 = TSimd.Multiply(p1, TSimd.PowerOfTwo(n1));
        x2 = TSimd.Multiply(p2, TSimd.PowerOfTwo(n2)); x3 = TSimd.Multiply(p3, TSimd.PowerOfTwo(n3));
    }
}

/// <summary>ln x within 1.5 ulp; -infinity at 0, NaN below.</summary>
public readonly struct LogOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // x = 2^e m with √½ < m ≤ √2; subnormals are scaled up first.
        TVector tiny = TSimd.LessThan(x, TSimd.Broadcast(1.17549435e-38f));
        TVector normal = TSimd.Select(tiny, TSimd.Multiply(x, TSimd.Broadcast(8388608)), x);
        TVector e = TSimd.Subtract(TSimd.Exponent(normal), TSimd.And(tiny, TSimd.Broadcast(23)));
        TVector m = TSimd.Or(TSimd.And(normal, TSimd.Broadcast(BitConverter.Int32BitsToSingle(0x007FFFFF))), TSimd.Broadcast(1));
        TVector large = TSimd.LessThan(TSimd.Broadcast(1.41421354f), m);
        m = TSimd.Select(large, TSimd.Multiply(m, TSimd.Broadcast(0.5f)), m);
        e = TSimd.Add(e, TSimd.And(large, TSimd.Broadcast(1)));

        // ln(1 + f) = f - f²/2 + f³ p(f), and e ln 2 in two parts as in eˣ.
        TVector f = TSimd.Subtract(m, TSimd.Broadcast(1));
        TVector p = Polynomial.Of<TSimd, TVector>(f, -0.250007957f, 0.200022832f, -0.166249692f, 0.141814202f, -0.131252944f, 0.128792048f, -0.0786545649f);
        p = TSimd.MultiplyAdd(p, f, TSimd.Broadcast(0.333333164f));
        TVector square = TSimd.Multiply(f, f);
        TVector low = TSimd.MultiplyAdd(TSimd.Multiply(square, f), p, TSimd.Multiply(e, TSimd.Broadcast(3.19461833e-05f)));
        low = TSimd.MultiplyAdd(square, TSimd.Broadcast(-0.5f), low);
        TVector result = TSimd.MultiplyAdd(e, TSimd.Broadcast(0.693115234f), TSimd.Add(f, low));

        TVector positive = TSimd.LessThan(TSimd.Zero, x);
        TVector finite = TSimd.LessThan(x, TSimd.Broadcast(float.PositiveInfinity));
        TVector atZero = TSimd.Select(TSimd.Equal(x, TSimd.Zero), TSimd.Broadcast(float.NegativeInfinity), TSimd.Broadcast(float.NaN));
        return TSimd.Select(positive, TSimd.Select(finite, result, x), atZero);
    }
}

/// <summary>sin x for x in radians, within 1.2e-7; NaN at infinity.</summary>
public readonly struct SinOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        SineOfQuarters.Invoke<TSimd, TVector>(x, 0);
}

/// <summary>cos x for x in radians, within 1.2e-7; NaN at infinity.</summary>
public readonly struct CosOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        SineOfQuarters.Invoke<TSimd, TVector>(x, 1);
}

/// <summary>tanh x within 2 ulp.</summary>
public readonly struct TanhOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // Near zero an odd polynomial; beyond, 1 - 2 / (e^2|x| + 1), which is 1 in float32 from 10 on.
        TVector a = TSimd.Abs(x);
        TVector square = TSimd.Multiply(x, x);
        TVector p = Polynomial.Of<TSimd, TVector>(square, -0.333333164f, 0.13332586f, -0.0538523085f, 0.0210716799f, -0.00627423963f);
        TVector small = TSimd.MultiplyAdd(TSimd.Multiply(square, p), x, x);
        TVector e = ExpOperator.InRange<TSimd, TVector>(TSimd.Clamp(TSimd.Add(a, a), TSimd.Zero, TSimd.Broadcast(20)));
        TVector one = TSimd.Broadcast(1);
        TVector large = TSimd.Subtract(one, TSimd.Divide(TSimd.Broadcast(2), TSimd.Add(e, one)));
        return TSimd.Select(TSimd.LessThan(a, TSimd.Broadcast(0.55f)), small, Sign.Copy<TSimd, TVector>(large, x));
    }
}

/// <summary>The error function 2/√π ∫₀ˣ e^(-t²) dt within 2 ulp.</summary>
public readonly struct ErfOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // Below 1 an odd polynomial; beyond, 1 - e^p(|x|) with p fitted to ln erfc, which is 1 in float32 from 4 on.
        TVector square = TSimd.Multiply(x, x);
        TVector small = TSimd.MultiplyAdd(x, Polynomial.Of<TSimd, TVector>(square, 0.128379166f, -0.37612626f, 0.112835854f, -0.026853811f, 0.00518832775f, -0.000801019254f, 7.85385855e-05f), x);
        TVector a = TSimd.Abs(x);
        TVector p = Polynomial.Of<TSimd, TVector>(TSimd.Clamp(a, TSimd.Zero, TSimd.Broadcast(4)), -0.000341522886f, -1.12708914f, -0.638144851f, -0.103106752f, 0.0218380634f, -0.0029476583f, 0.000186379169f);
        TVector large = TSimd.Subtract(TSimd.Broadcast(1), ExpOperator.InRange<TSimd, TVector>(p));
        return TSimd.Select(TSimd.LessThan(a, TSimd.Broadcast(1)), small, Sign.Copy<TSimd, TVector>(large, x));
    }
}

/// <summary>1 / (1 + e⁻ˣ) within 3 ulp, or 1.2e-38 where the result is below that.</summary>
public readonly struct SigmoidOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        Sigmoid.Gate<TSimd, TVector>(TSimd.Broadcast(1), x);
}

/// <summary>x sigmoid(x) within 3 ulp, or 4e-37 where the result is below that; NaN at -infinity.</summary>
public readonly struct SiluOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        Sigmoid.Gate<TSimd, TVector>(x, x);
}

/// <summary>x (1 + erf(x / √2)) / 2 within 1.5e-7 max(1, |x|); 0 at -infinity.</summary>
public readonly struct GeluOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // x Φ(x) = max(x, 0) - a Φ(-a) with a = |x|. Polynomial: log2 Φ(b) for b = -a, fitted on -5.5 … 0 and falling steeply
        // beyond, so that one form without a division serves all x. From 16 on a counts as 16: Φ(-a) is 0 there.
        TVector b = TSimd.MaxNative(TSimd.Broadcast(-16), TSimd.Or(x, TSimd.Broadcast(-0f)));
        TVector p = Polynomial.Of<TSimd, TVector>(b, -1f, 1.15110576f, -0.459204912f, 0.0525050275f, 0.0070754718f, 0.000145870319f, -0.000182547519f, -3.86207248e-05f, -2.77204731e-06f);
        return TSimd.MultiplyAdd(b, Exp2Operator.NonPositiveExact<TSimd, TVector>(p), TSimd.MaxNative(TSimd.Zero, x));
    }
}

/// <summary>x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 within 1.5e-7 max(1, |x|); NaN at -infinity.</summary>
public readonly struct GeluTanhOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // (1 + tanh u) / 2 = sigmoid(2 u)
        TVector factor = TSimd.MultiplyAdd(TSimd.Multiply(x, x), TSimd.Broadcast(0.0713548163f), TSimd.Broadcast(1.59576912f));
        return Sigmoid.Gate<TSimd, TVector>(x, TSimd.Multiply(x, factor));
    }
}

/// <summary>x sigmoid(1.702 x) within 1.5e-7 max(1, |x|); NaN at -infinity.</summary>
public readonly struct QuickGeluOperator : IUnaryOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        Sigmoid.Gate<TSimd, TVector>(x, TSimd.Multiply(x, TSimd.Broadcast(1.702f)));
}

internal static class Sign
{
    /// <summary><paramref name="magnitude"/> ≥ 0 with the sign of <paramref name="sign"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Copy<TSimd, TVector>(TVector magnitude, TVector sign) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.Or(magnitude, TSimd.And(sign, TSimd.Broadcast(-0f)));
}

internal static class Sigmoid
{
    /// <summary>x sigmoid(u).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Gate<TSimd, TVector>(TVector x, TVector u) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TSimd.Divide(x, ExpOperator.OnePlusNegative<TSimd, TVector>(u));
}

/// <summary>sin(x + quarters π/2): both sine and cosine.</summary>
internal static unsafe class SineOfQuarters
{
    // Up to here n below 2^13, whose products with the 11-bit parts of π/2 are exact even without fused arithmetic.
    private const float Limit = 10_000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Invoke<TSimd, TVector>(TVector x, float quarters) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // x = n π/2 + r, |r| ≤ π/4, π/2 in three parts (Cody and Waite).
        TVector n = TSimd.Round(TSimd.Multiply(x, TSimd.Broadcast(0.636619747f)));
        TVector r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-1.5703125f), x);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-0.000483751297f), r);
        r = TSimd.MultiplyAdd(n, TSimd.Broadcast(-7.54979013e-08f), r);
        TVector square = TSimd.Multiply(r, r);
        TVector sine = TSimd.MultiplyAdd(TSimd.Multiply(square, r), Polynomial.Of<TSimd, TVector>(square, -0.166666552f, 0.00833215844f, -0.00019514958f), r);
        TVector cosine = Polynomial.Of<TSimd, TVector>(square, 0.0416666642f, -0.00138882f, 2.45266365e-05f);
        cosine = TSimd.MultiplyAdd(TSimd.Multiply(square, square), cosine, TSimd.MultiplyAdd(square, TSimd.Broadcast(-0.5f), TSimd.Broadcast(1)));

        // Quarter of the circle, 0 … 3: odd ones take the cosine, the upper two the other sign.
        TVector quarter = TSimd.Add(n, TSimd.Broadcast(quarters));
        quarter = TSimd.MultiplyAdd(TSimd.Floor(TSimd.Multiply(quarter, TSimd.Broadcast(0.25f))), TSimd.Broadcast(-4), quarter);
        TVector odd = TSimd.Or(TSimd.Equal(quarter, TSimd.Broadcast(1)), TSimd.Equal(quarter, TSimd.Broadcast(3)));
        TVector result = TSimd.Select(odd, cosine, sine);
        result = TSimd.Select(TSimd.LessThan(TSimd.Broadcast(1.5f), quarter), TSimd.Negate(result), result);

        // A NaN lane hides the others from MaxLanes.
        return TSimd.MaxLanes(TSimd.Abs(x)) <= Limit ? result : ReplaceFarLanes<TSimd, TVector>(result, x, quarters);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TVector ReplaceFarLanes<TSimd, TVector>(TVector result, TVector x, float quarters) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* lanes = stackalloc float[2 * TSimd.Count];
        float* results = lanes + TSimd.Count;
        TSimd.Store(lanes, x);
        TSimd.Store(results, result);
        for (int i = 0; i < TSimd.Count; i++)
        {
            if (!(float.Abs(lanes[i]) <= Limit)) results[i] = (float)(quarters == 0 ? Math.Sin(lanes[i]) : Math.Cos(lanes[i]));
        }

        return TSimd.Load(results);
    }
}
