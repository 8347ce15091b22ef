// Every vector width against the one-lane form, for each operation of ISimd.

using System.Runtime.Intrinsics;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class SimdTests
{
    private static readonly float[] s_values = [0f, -0f, 1f, -1f, 0.5f, 1.5f, 2.5f, -2.5f, 1e-40f, 3e38f, -7.25f, 100.75f, float.PositiveInfinity, float.NegativeInfinity, float.NaN, 12f];

    [Fact]
    public void Every_width_agrees_with_one_lane()
    {
        Check<Simd512, Vector512<float>>();
        Check<Simd256, Vector256<float>>();
        Check<Simd128, Vector128<float>>();
        Check<SimdSeveral<Simd512, Vector512<float>>, Several<Vector512<float>>>();
        Check<SimdSeveral<Simd256, Vector256<float>>, Several<Vector256<float>>>();
    }

    [Theory]
    [InlineData(1f, -252f)]
    [InlineData(1.5f, 100f)]
    [InlineData(1e-30f, 150f)]
    [InlineData(1f, 128f)]
    [InlineData(1f, -149f)]
    public void Scale_multiplies_by_a_power_of_two(float a, float n) =>
        Assert.Equal((float)(a * Math.Pow(2, n)), Simd256.Scale(Vector256.Create(a), Vector256.Create(n))[3]);

    [Theory]
    [InlineData(1f, 0f)]
    [InlineData(0.99f, -1f)]
    [InlineData(1.17549435e-38f, -126f)]
    [InlineData(3.4e38f, 127f)]
    public void Exponent_is_the_floor_of_the_binary_logarithm(float a, float expected)
    {
        Assert.Equal(expected, SimdScalar.Exponent(a));
        Assert.Equal(expected, Simd128.Exponent(Vector128.Create(a))[3]);
        Assert.Equal(expected, Simd256.Exponent(Vector256.Create(a))[7]);
        Assert.Equal(expected, Simd512.Exponent(Vector512.Create(a))[15]);
    }

    [Fact]
    public void Powers_of_two_are_exact_and_end_in_zero()
    {
        for (int n = -127; n <= 127; n++)
        {
            float expected = n == -127 ? 0 : MathF.Pow(2, n);
            Assert.Equal(expected, Simd512.PowerOfTwo(Vector512.Create((float)n))[9]);
            Assert.Equal(expected, Simd256.PowerOfTwo(Vector256.Create((float)n))[7]);
            Assert.Equal(expected, Simd128.PowerOfTwo(Vector128.Create((float)n))[1]);
            Assert.Equal(expected, SimdScalar.PowerOfTwo(n));
        }
    }

    [Theory]
    [InlineData(0x3F800000u, 0x3F800000u)]
    [InlineData(0x3F808000u, 0x3F800000u)] // a tie goes to the even neighbour, below
    [InlineData(0x3F818000u, 0x3F820000u)] // and above
    [InlineData(0x3F808001u, 0x3F810000u)]
    [InlineData(0xBF818000u, 0xBF820000u)]
    [InlineData(0x7F7FFFFFu, 0x7F800000u)] // the largest float32 rounds to infinity
    [InlineData(0xFF800000u, 0xFF800000u)]
    [InlineData(0x00008000u, 0x00000000u)] // subnormals round as all others do
    [InlineData(0x00018000u, 0x00020000u)]
    [InlineData(0x807FFFFFu, 0x80800000u)]
    [InlineData(0x80000000u, 0x80000000u)]
    [InlineData(0x7F800001u, 0x7FC00000u)] // NaN stays NaN, and becomes a quiet one
    [InlineData(0xFFFFFFFFu, 0xFFFF0000u)]
    public void Bfloat16_is_rounded_to_the_nearest_even(uint bits, uint expected)
    {
        float value = BitConverter.UInt32BitsToSingle(bits);
        Assert.Equal(expected, BitConverter.SingleToUInt32Bits(SimdScalar.RoundToBFloat16(value)));
        Assert.Equal(expected, Simd128.RoundToBFloat16(Vector128.Create(value)).AsUInt32()[3]);
        Assert.Equal(expected, Simd256.RoundToBFloat16(Vector256.Create(value)).AsUInt32()[7]);
        Assert.Equal(expected, Simd512.RoundToBFloat16(Vector512.Create(value)).AsUInt32()[15]);
        Assert.Equal(expected, Simd256.HighBFloat16(Simd256.PackBFloat16(Vector256.Create(7f), Vector256.Create(value))).AsUInt32()[2]);
        Assert.Equal(expected, Simd256.LowBFloat16(Simd256.PackBFloat16(Vector256.Create(value), Vector256.Create(7f))).AsUInt32()[2]);
    }

    private static void Check<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int count = TSimd.Count;
        Same<TSimd, TVector>(TSimd.Add, SimdScalar.Add);
        Same<TSimd, TVector>(TSimd.Subtract, SimdScalar.Subtract);
        Same<TSimd, TVector>(TSimd.Multiply, SimdScalar.Multiply);
        Same<TSimd, TVector>(TSimd.Divide, SimdScalar.Divide);
        Same<TSimd, TVector>(TSimd.Min, SimdScalar.Min);
        Same<TSimd, TVector>(TSimd.Max, SimdScalar.Max);
        Same<TSimd, TVector>((a, b) => TSimd.Add(TSimd.MaxNative(TSimd.Select(TSimd.Equal(a, a), a, b), b), TSimd.Zero), (a, b) => SimdScalar.MaxNative(float.IsNaN(a) ? b : a, b) + 0f); // the sign of zero is free
        Same<TSimd, TVector>((a, _) => TSimd.Clamp(a, TSimd.Broadcast(-2), TSimd.Broadcast(3)), (a, _) => SimdScalar.Clamp(a, -2, 3));
        Same<TSimd, TVector>(TSimd.And, SimdScalar.And);
        Same<TSimd, TVector>(TSimd.Or, SimdScalar.Or);
        Same<TSimd, TVector>(TSimd.LessThan, SimdScalar.LessThan);
        Same<TSimd, TVector>(TSimd.Equal, SimdScalar.Equal);
        Same<TSimd, TVector>((a, _) => TSimd.Abs(a), (a, _) => SimdScalar.Abs(a));
        Same<TSimd, TVector>((a, _) => TSimd.Negate(a), (a, _) => SimdScalar.Negate(a));
        Same<TSimd, TVector>((a, _) => TSimd.Floor(a), (a, _) => SimdScalar.Floor(a));
        Same<TSimd, TVector>((a, _) => TSimd.Round(a), (a, _) => SimdScalar.Round(a));
        Same<TSimd, TVector>((a, b) => TSimd.Select(TSimd.LessThan(a, b), a, b), (a, b) => SimdScalar.Select(SimdScalar.LessThan(a, b), a, b));
        Same<TSimd, TVector>((a, b) => TSimd.MultiplyAdd(a, b, a), (a, b) => SimdScalar.MultiplyAdd(a, b, a));

        Same<TSimd, TVector>((a, _) => TSimd.RoundToBFloat16(a), (a, _) => SimdScalar.RoundToBFloat16(a));
        Same<TSimd, TVector>(TSimd.PackBFloat16, SimdScalar.PackBFloat16);
        Same<TSimd, TVector>((a, b) => TSimd.LowBFloat16(TSimd.PackBFloat16(a, b)), (a, _) => SimdScalar.RoundToBFloat16(a));
        Same<TSimd, TVector>((a, b) => TSimd.HighBFloat16(TSimd.PackBFloat16(a, b)), (_, b) => SimdScalar.RoundToBFloat16(b));

        float[] powers = [-252f, -150f, -149f, -127f, -126f, -1f, 0f, 1f, 127f, 128f, 254f];
        foreach (float n in powers) Same<TSimd, TVector>((a, _) => TSimd.Scale(a, TSimd.Broadcast(n)), (a, _) => SimdScalar.Scale(a, n));

        float* memory = stackalloc float[count + 2];
        for (int used = 0; used <= count; used++)
        {
            for (int i = 0; i < count + 2; i++) memory[i] = i + 1;
            TVector loaded = TSimd.LoadPartial(memory, used);
            Assert.Equal(used * (used + 1) / 2f, TSimd.SumLanes(loaded));
            Assert.Equal(used, TSimd.MaxLanes(loaded));
            TSimd.StorePartial(memory, TSimd.Broadcast(-1), used);
            for (int i = 0; i < count + 2; i++) Assert.Equal(i < used ? -1 : i + 1, memory[i]);
        }

        using var aligned = new Guarded(3 * count, seed: 1);
        TSimd.StoreNonTemporal((float*)(((nint)aligned.Pointer + count * sizeof(float) - 1) / (count * sizeof(float)) * (count * sizeof(float))), count / TSimd.Places, TSimd.Broadcast(7));
        Assert.Equal(count, aligned.Span.Count(7f));
        CheckPlaces<TSimd, TVector>();
    }

    // A vector for each place, and a gap between them that is not touched.
    private static void CheckPlaces<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int lanes = TSimd.Count / TSimd.Places, apart = lanes + 3;
        float* from = stackalloc float[TSimd.Places * apart], to = stackalloc float[TSimd.Places * apart], numbers = stackalloc float[TSimd.Places], sums = stackalloc float[TSimd.Places];
        for (int i = 0; i < TSimd.Places * apart; i++) (from[i], to[i]) = (i, -1);
        for (int k = 0; k < TSimd.Places; k++) numbers[k] = 10 * k + 1;
        TVector moved = TSimd.Multiply(TSimd.Load(from, apart), TSimd.Broadcast(numbers));
        TSimd.Store(to, apart, moved);
        TSimd.SumLanes(moved, sums);
        for (int k = 0; k < TSimd.Places; k++)
        {
            float sum = 0;
            for (int i = 0; i < apart; i++)
            {
                Assert.Equal(i < lanes ? (k * apart + i) * numbers[k] : -1, to[k * apart + i]);
                if (i < lanes) sum += to[k * apart + i];
            }

            Assert.Equal(sum, sums[k]);
        }
    }

    private static void Same<TSimd, TVector>(Func<TVector, TVector, TVector> wide, Func<float, float, float> one)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* lanes = stackalloc float[TSimd.Count];
        foreach (float a in s_values)
        {
            foreach (float b in s_values)
            {
                TSimd.Store(lanes, wide(TSimd.Broadcast(a), TSimd.Broadcast(b)));
                float expected = one(a, b);
                for (int i = 0; i < TSimd.Count; i++)
                    Assert.True(BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(lanes[i]) || (float.IsNaN(expected) && float.IsNaN(lanes[i])), $"{a:R}, {b:R}: {lanes[i]:R} instead of {expected:R}");
            }
        }
    }
}
