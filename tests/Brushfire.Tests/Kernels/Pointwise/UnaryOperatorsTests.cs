// Every pointwise function against double arithmetic over the whole float32 range, its stated error bound, and the
// agreement of all vector widths lane by lane.

using System.Runtime.Intrinsics;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class UnaryOperatorsTests
{
    [Fact] public void Negate_is_exact() => Sweep<NegateOperator>(x => -x, ulps: 0);
    [Fact] public void Abs_is_exact() => Sweep<AbsOperator>(Math.Abs, ulps: 0);
    [Fact] public void Relu_is_exact() => Sweep<ReluOperator>(x => Math.Max(x, 0), ulps: 0);
    [Fact] public void Sqrt_is_correctly_rounded() => Sweep<SqrtOperator>(Math.Sqrt, ulps: 0.5001);
    [Fact] public void Rsqrt_is_within_its_bound() => Sweep<RsqrtOperator>(x => 1 / Math.Sqrt(x), ulps: 1.5);
    [Fact] public void Exp_is_within_its_bound() => Sweep<ExpOperator>(Math.Exp, ulps: 1.5);
    [Fact] public void Exp2_is_within_its_bound() => Sweep<Exp2Operator>(x => Math.Pow(2, x), ulps: 1.5);
    [Fact] public void Log_is_within_its_bound() => Sweep<LogOperator>(Math.Log, ulps: 1.5);
    [Fact] public void Sin_is_within_its_bound() => Sweep<SinOperator>(Math.Sin, absolute: _ => 1.2e-7);
    [Fact] public void Cos_is_within_its_bound() => Sweep<CosOperator>(Math.Cos, absolute: _ => 1.2e-7);
    [Fact] public void Tanh_is_within_its_bound() => Sweep<TanhOperator>(Math.Tanh, ulps: 2);
    [Fact] public void Erf_is_within_its_bound() => Sweep<ErfOperator>(Erf, ulps: 2);
    [Fact] public void Sigmoid_is_within_its_bound() => Sweep<SigmoidOperator>(x => 1 / (1 + Math.Exp(-x)), ulps: 3, absolute: _ => 1.2e-38);
    [Fact] public void Silu_is_within_its_bound() => Sweep<SiluOperator>(x => x / (1 + Math.Exp(-x)), ulps: 3, absolute: _ => 4e-37);
    [Fact] public void Gelu_is_within_its_bound() => Sweep<GeluOperator>(x => double.IsNegativeInfinity(x) ? 0 : x / 2 * (1 + Erf(x / Math.Sqrt(2))), absolute: x => 1.5e-7 * Math.Max(1, Math.Abs(x)));
    [Fact] public void GeluTanh_is_within_its_bound() => Sweep<GeluTanhOperator>(x => x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))), absolute: x => 1.5e-7 * Math.Max(1, Math.Abs(x)));
    [Fact] public void QuickGelu_is_within_its_bound() => Sweep<QuickGeluOperator>(x => x / (1 + Math.Exp(-1.702 * x)), absolute: x => 1.5e-7 * Math.Max(1, Math.Abs(x)));

    // The bound holds where the error is at most so many units in the last place, or at most the absolute bound.
    [Fact]
    public void The_softmax_form_of_exp2_keeps_its_bound()
    {
        double worst = 0;
        for (float x = -126; x <= 20; x += 1f / 1024 + 1e-5f)
        {
            double expected = Math.Pow(2, x);
            float wide = Exp2Operator.NonPositive<Simd256, Vector256<float>>(Vector256.Create(x))[5];
            float one = Exp2Operator.NonPositive<SimdScalar, float>(x);
            worst = Math.Max(worst, Math.Max(Math.Abs(wide - expected), Math.Abs(one - expected)) / expected);
        }

        Assert.InRange(worst, 0, 6e-7);
    }

    [Fact]
    public void Four_vectors_of_exp2_have_the_same_bits_as_one()
    {
        for (float x = -130; x <= 10; x += 0.37f)
        {
            Vector256<float> a = Vector256.Create(x), b = a + Vector256<float>.One, c = a - Vector256.Create(0.1f), d = Vector256.Create(x * 0.3f);
            Vector256<float>[] expected = [One(a), One(b), One(c), One(d)];
            Exp2Operator.NonPositive<Simd256, Vector256<float>>(ref a, ref b, ref c, ref d);
            Assert.Equal(expected, new[] { a, b, c, d });
        }

        static Vector256<float> One(Vector256<float> x) => Exp2Operator.NonPositive<Simd256, Vector256<float>>(x);
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(-1f, 0.5f)]
    [InlineData(-126f, 1.17549435E-38f)]
    [InlineData(-127f, 0f)]
    [InlineData(-1e30f, 0f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(float.NaN, float.NaN)]
    public void The_softmax_form_of_exp2_is_exact_at_special_values(float x, float expected)
    {
        Assert.Equal(expected, Exp2Operator.NonPositive<Simd512, Vector512<float>>(Vector512.Create(x))[15]);
        Assert.Equal(expected, Exp2Operator.NonPositive<Simd256, Vector256<float>>(Vector256.Create(x))[7]);
        Assert.Equal(expected, Exp2Operator.NonPositive<Simd128, Vector128<float>>(Vector128.Create(x))[3]);
        Assert.Equal(expected, Exp2Operator.NonPositive<SimdScalar, float>(x));
    }

    private static void Sweep<TOperator>(Func<double, double> exact, double ulps = 0, Func<double, double>? absolute = null) where TOperator : struct, IUnaryOperator
    {
        float[] x = Arguments();
        float[] y = new float[x.Length];
        Apply<TOperator, Simd256, Vector256<float>>(x, y);
        for (int i = 0; i < x.Length; i++)
        {
            double expected = exact(x[i]);
            if (Math.Abs(expected) > float.MaxValue) expected = (float)expected;
            if (expected == y[i] || (double.IsNaN(expected) && float.IsNaN(y[i]))) continue;
            double error = Math.Abs(expected - y[i]);
            if (!(error <= (absolute?.Invoke(x[i]) ?? 0)))
            {
                double unit = Math.Max(Math.ScaleB(1, Math.ILogB(expected) - 23), float.Epsilon);
                Assert.True(error <= ulps * unit, $"at {x[i]:R}: {y[i]:R} instead of {expected:R}, {error / unit:F2} ulp, absolute {error:G3}");
            }

        }

        AllWidthsAgree<TOperator>(x);
    }

    private static void AllWidthsAgree<TOperator>(float[] all) where TOperator : struct, IUnaryOperator
    {
        float[] x = [.. all.Where((_, i) => i / 16 % 64 == 0 || i >= all.Length - 512)]; // whole groups of 16
        float[] expected = new float[x.Length];
        for (int i = 0; i < x.Length; i++) expected[i] = TOperator.Invoke<SimdScalar, float>(x[i]);
        float[] y = new float[x.Length];
        Apply<TOperator, Simd512, Vector512<float>>(x, y);
        Assert.Equal(expected, y);
        Apply<TOperator, Simd256, Vector256<float>>(x, y);
        Assert.Equal(expected, y);
        Apply<TOperator, Simd128, Vector128<float>>(x, y);
        Assert.Equal(expected, y);

        int several = x.Length / 192 * 192;
        Apply<TOperator, SimdSeveral<Simd128, Vector128<float>>, Several<Vector128<float>>>(x[..several], y);
        Assert.Equal(expected[..several], y[..several]);
        Apply<TOperator, SimdSeveral<Simd256, Vector256<float>>, Several<Vector256<float>>>(x[^several..], y);
        Assert.Equal(expected[^several..], y[..several]);
        Apply<TOperator, SimdSeveral<Simd512, Vector512<float>>, Several<Vector512<float>>>(x[^several..], y);
        Assert.Equal(expected[^several..], y[..several]);
    }

    private static void Apply<TOperator, TSimd, TVector>(float[] x, float[] y)
        where TOperator : struct, IUnaryOperator where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        fixed (float* source = x, destination = y)
        {
            for (int i = 0; i < x.Length; i += TSimd.Count)
                TSimd.Store(destination + i, TOperator.Invoke<TSimd, TVector>(TSimd.Load(source + i)));
        }
    }

    // Every 6007th float32, the range in which functions bend more densely, and special values last; a multiple of 16.
    private static float[] Arguments()
    {
        var values = new List<float>();
        for (long bits = 0; bits <= uint.MaxValue; bits += 6007) values.Add(BitConverter.UInt32BitsToSingle((uint)bits));
        for (int i = -200_000; i <= 200_000; i++) values.Add(i * 0.000611f);
        float[] special =
        [
            0, -0f, float.Epsilon, -float.Epsilon, 1.17549435e-38f, 1.17549421e-38f, 1, -1, 0.99999994f, 1.0000001f, 88.72284f, 88.7229f, 89, 90,
            -87.33655f, -103.972f, -103.9f, -104, -105, 128, 127.99999f, -126, -149, -149.9f, -150, -151, 10_000, 10_001, -10_000, 1e30f, -1e30f,
            float.MaxValue, float.MinValue, float.NaN, float.PositiveInfinity, float.NegativeInfinity,
        ];
        values.AddRange(special);
        while (values.Count % 16 != 0) values.Add(0.5f);
        return [.. values];
    }

    // Maclaurin series, and the continued fraction of erfc beyond 3: independent of the polynomials under test.
    private static double Erf(double x)
    {
        double a = Math.Abs(x);
        if (!(a < 3))
        {
            if (a > 7) return Math.CopySign(1, x);
            double fraction = 0;
            for (int k = 60; k >= 1; k--) fraction = k / 2.0 / (a + fraction);
            return Math.CopySign(1, x) * (1 - Math.Exp(-a * a) / Math.Sqrt(Math.PI) / (a + fraction));
        }

        double term = x, sum = x;
        for (int k = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); k++)
        {
            term *= -x * x / k;
            sum += term / (2 * k + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }
}
