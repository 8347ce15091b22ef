// The vector widths behind ISimd: 512, 256 and 128 bits, and one lane for remainders.
// The three wide ones are twins but for their width; a test runs all of them against the one-lane form.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Brushfire.Kernels;

/// <summary>512 bits: 16 lanes.</summary>
public readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static int Count => 16;
    public static int Places => 1;
    public static Vector512<float> Zero => Vector512<float>.Zero;
    public static Vector512<float> Load(float* source) => Vector512.Load(source);
    public static Vector512<float> Load(float* source, nint apart) => Vector512.Load(source);
    public static void Prefetch(float* source) => CacheLines.Prefetch(source);
    public static void Prefetch(float* source, nint apart) => CacheLines.Prefetch(source);
    public static void Store(float* destination, Vector512<float> value) => value.Store(destination);
    public static void Store(float* destination, nint apart, Vector512<float> value) => value.Store(destination);
    public static void StoreNonTemporal(float* destination, nint apart, Vector512<float> value) => value.StoreAlignedNonTemporal(destination);
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);
    public static Vector512<float> Broadcast(float* values) => Vector512.Create(*values);
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.MultiplyAddEstimate(a, b, c);
    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) => Vector512.Min(a, b);
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Vector512.Max(a, b);
    public static Vector512<float> MaxNative(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);

    // The processor's own minimum and maximum give their second operand where either is NaN.
    public static Vector512<float> Clamp(Vector512<float> a, Vector512<float> low, Vector512<float> high) =>
        Avx512F.IsSupported ? Avx512F.Max(low, Avx512F.Min(high, a)) : Vector512.Max(low, Vector512.Min(high, a));

    public static Vector512<float> Sqrt(Vector512<float> a) => Vector512.Sqrt(a);
    public static Vector512<float> Abs(Vector512<float> a) => Vector512.Abs(a);
    public static Vector512<float> Negate(Vector512<float> a) => -a;
    public static Vector512<float> Floor(Vector512<float> a) => Vector512.Floor(a);
    public static Vector512<float> Round(Vector512<float> a) => Vector512.Round(a);
    public static Vector512<float> LessThan(Vector512<float> a, Vector512<float> b) => Vector512.LessThan(a, b);
    public static Vector512<float> Equal(Vector512<float> a, Vector512<float> b) => Vector512.Equals(a, b);
    public static Vector512<float> Select(Vector512<float> mask, Vector512<float> a, Vector512<float> b) => Vector512.ConditionalSelect(mask, a, b);
    public static Vector512<float> And(Vector512<float> a, Vector512<float> b) => a & b;
    public static Vector512<float> Or(Vector512<float> a, Vector512<float> b) => a | b;
    public static float SumLanes(Vector512<float> a) => Vector512.Sum(a);
    public static void SumLanes(Vector512<float> a, float* sums) => *sums = Vector512.Sum(a);

    public static Vector512<float> LoadPartial(float* source, int count)
    {
        float* lanes = stackalloc float[16];
        Vector512<float>.Zero.Store(lanes);
        for (int i = 0; i < count; i++) lanes[i] = source[i];
        return Vector512.Load(lanes);
    }

    public static void StorePartial(float* destination, Vector512<float> value, int count)
    {
        float* lanes = stackalloc float[16];
        value.Store(lanes);
        for (int i = 0; i < count; i++) destination[i] = lanes[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scale(Vector512<float> a, Vector512<float> n)
    {
        if (Avx512F.IsSupported) return Avx512F.Scale(a, n);

        // Two factors, each a normal number, so that results near the ends of the range come out right.
        Vector512<int> whole = Vector512.ConvertToInt32Native(n);
        Vector512<int> half = Vector512.ShiftRightArithmetic(whole, 1);
        return a * PowerOfTwo(half) * PowerOfTwo(whole - half);
    }

    public static Vector512<float> Exponent(Vector512<float> a) => Vector512.ConvertToSingle(Vector512.ShiftRightLogical(a.AsInt32(), 23) - Vector512.Create(127));

    public static float MaxLanes(Vector512<float> a)
    {
        return Simd256.MaxLanes(Vector256.Max(a.GetLower(), a.GetUpper()));
    }

    // Added to 1.5 * 2^23, a small integer stands in the lowest bits.
    public static Vector512<float> PowerOfTwo(Vector512<float> n) => Vector512.ShiftLeft((n + Vector512.Create(12582912f + 127)).AsInt32(), 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> RoundToBFloat16(Vector512<float> a)
    {
        // Half a unit of the last bit that stays, less one unless that bit is odd, carries into it what rounds up.
        Vector512<uint> bits = a.AsUInt32(), upper = Vector512.Create(0xFFFF0000u);
        Vector512<uint> rounded = bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One);
        Vector512<uint> quiet = bits | Vector512.Create(0x00400000u);
        return (Vector512.ConditionalSelect(Vector512.Equals(a, a).AsUInt32(), rounded, quiet) & upper).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> PackBFloat16(Vector512<float> low, Vector512<float> high) => ((RoundToBFloat16(low).AsUInt32() >> 16) | RoundToBFloat16(high).AsUInt32()).AsSingle();

    public static Vector512<float> LowBFloat16(Vector512<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();
    public static Vector512<float> HighBFloat16(Vector512<float> pairs) => (pairs.AsUInt32() & Vector512.Create(0xFFFF0000u)).AsSingle();

    private static Vector512<float> PowerOfTwo(Vector512<int> n) => Vector512.ShiftLeft(n + Vector512.Create(127), 23).AsSingle();
}

/// <summary>256 bits: 8 lanes.</summary>
public readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static int Count => 8;
    public static int Places => 1;
    public static Vector256<float> Zero => Vector256<float>.Zero;
    public static Vector256<float> Load(float* source) => Vector256.Load(source);
    public static Vector256<float> Load(float* source, nint apart) => Vector256.Load(source);
    public static void Prefetch(float* source) => CacheLines.Prefetch(source);
    public static void Prefetch(float* source, nint apart) => CacheLines.Prefetch(source);
    public static void Store(float* destination, Vector256<float> value) => value.Store(destination);
    public static void Store(float* destination, nint apart, Vector256<float> value) => value.Store(destination);
    public static void StoreNonTemporal(float* destination, nint apart, Vector256<float> value) => value.StoreAlignedNonTemporal(destination);
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);
    public static Vector256<float> Broadcast(float* values) => Vector256.Create(*values);
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Vector256.MultiplyAddEstimate(a, b, c);
    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) => Vector256.Min(a, b);
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Vector256.Max(a, b);
    public static Vector256<float> MaxNative(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    // The processor's own minimum and maximum give their second operand where either is NaN.
    public static Vector256<float> Clamp(Vector256<float> a, Vector256<float> low, Vector256<float> high) =>
        Avx.IsSupported ? Avx.Max(low, Avx.Min(high, a)) : Vector256.Max(low, Vector256.Min(high, a));

    public static Vector256<float> Sqrt(Vector256<float> a) => Vector256.Sqrt(a);
    public static Vector256<float> Abs(Vector256<float> a) => Vector256.Abs(a);
    public static Vector256<float> Negate(Vector256<float> a) => -a;
    public static Vector256<float> Floor(Vector256<float> a) => Vector256.Floor(a);
    public static Vector256<float> Round(Vector256<float> a) => Vector256.Round(a);
    public static Vector256<float> LessThan(Vector256<float> a, Vector256<float> b) => Vector256.LessThan(a, b);
    public static Vector256<float> Equal(Vector256<float> a, Vector256<float> b) => Vector256.Equals(a, b);
    public static Vector256<float> Select(Vector256<float> mask, Vector256<float> a, Vector256<float> b) => Vector256.ConditionalSelect(mask, a, b);
    public static Vector256<float> And(Vector256<float> a, Vector256<float> b) => a & b;
    public static Vector256<float> Or(Vector256<float> a, Vector256<float> b) => a | b;
    public static float SumLanes(Vector256<float> a) => Vector256.Sum(a);
    public static void SumLanes(Vector256<float> a, float* sums) => *sums = Vector256.Sum(a);

    public static Vector256<float> LoadPartial(float* source, int count)
    {
        float* lanes = stackalloc float[8];
        Vector256<float>.Zero.Store(lanes);
        for (int i = 0; i < count; i++) lanes[i] = source[i];
        return Vector256.Load(lanes);
    }

    public static void StorePartial(float* destination, Vector256<float> value, int count)
    {
        float* lanes = stackalloc float[8];
        value.Store(lanes);
        for (int i = 0; i < count; i++) destination[i] = lanes[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scale(Vector256<float> a, Vector256<float> n)
    {
        // Two factors, each a normal number, so that results near the ends of the range come out right.
        Vector256<int> whole = Vector256.ConvertToInt32Native(n);
        Vector256<int> half = Vector256.ShiftRightArithmetic(whole, 1);
        return a * PowerOfTwo(half) * PowerOfTwo(whole - half);
    }

    public static Vector256<float> Exponent(Vector256<float> a) => Vector256.ConvertToSingle(Vector256.ShiftRightLogical(a.AsInt32(), 23) - Vector256.Create(127));

    public static float MaxLanes(Vector256<float> a)
    {
        return Simd128.MaxLanes(Vector128.Max(a.GetLower(), a.GetUpper()));
    }

    // Added to 1.5 * 2^23, a small integer stands in the lowest bits.
    public static Vector256<float> PowerOfTwo(Vector256<float> n) => Vector256.ShiftLeft((n + Vector256.Create(12582912f + 127)).AsInt32(), 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> RoundToBFloat16(Vector256<float> a)
    {
        // Half a unit of the last bit that stays, less one unless that bit is odd, carries into it what rounds up.
        Vector256<uint> bits = a.AsUInt32(), upper = Vector256.Create(0xFFFF0000u);
        Vector256<uint> rounded = bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One);
        Vector256<uint> quiet = bits | Vector256.Create(0x00400000u);
        return (Vector256.ConditionalSelect(Vector256.Equals(a, a).AsUInt32(), rounded, quiet) & upper).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> PackBFloat16(Vector256<float> low, Vector256<float> high) => ((RoundToBFloat16(low).AsUInt32() >> 16) | RoundToBFloat16(high).AsUInt32()).AsSingle();

    public static Vector256<float> LowBFloat16(Vector256<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();
    public static Vector256<float> HighBFloat16(Vector256<float> pairs) => (pairs.AsUInt32() & Vector256.Create(0xFFFF0000u)).AsSingle();

    private static Vector256<float> PowerOfTwo(Vector256<int> n) => Vector256.ShiftLeft(n + Vector256.Create(127), 23).AsSingle();
}

/// <summary>128 bits: 4 lanes, on any processor.</summary>
public readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    public static int Count => 4;
    public static int Places => 1;
    public static Vector128<float> Zero => Vector128<float>.Zero;
    public static Vector128<float> Load(float* source) => Vector128.Load(source);
    public static Vector128<float> Load(float* source, nint apart) => Vector128.Load(source);
    public static void Prefetch(float* source) => CacheLines.Prefetch(source);
    public static void Prefetch(float* source, nint apart) => CacheLines.Prefetch(source);
    public static void Store(float* destination, Vector128<float> value) => value.Store(destination);
    public static void Store(float* destination, nint apart, Vector128<float> value) => value.Store(destination);
    public static void StoreNonTemporal(float* destination, nint apart, Vector128<float> value) => value.StoreAlignedNonTemporal(destination);
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);
    public static Vector128<float> Broadcast(float* values) => Vector128.Create(*values);
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) => Vector128.MultiplyAddEstimate(a, b, c);
    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) => Vector128.Min(a, b);
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) => Vector128.Max(a, b);
    public static Vector128<float> MaxNative(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);

    // The processor's own minimum and maximum give their second operand where either is NaN.
    public static Vector128<float> Clamp(Vector128<float> a, Vector128<float> low, Vector128<float> high) =>
        Sse.IsSupported ? Sse.Max(low, Sse.Min(high, a)) : Vector128.Max(low, Vector128.Min(high, a));

    public static Vector128<float> Sqrt(Vector128<float> a) => Vector128.Sqrt(a);
    public static Vector128<float> Abs(Vector128<float> a) => Vector128.Abs(a);
    public static Vector128<float> Negate(Vector128<float> a) => -a;
    public static Vector128<float> Floor(Vector128<float> a) => Vector128.Floor(a);
    public static Vector128<float> Round(Vector128<float> a) => Vector128.Round(a);
    public static Vector128<float> LessThan(Vector128<float> a, Vector128<float> b) => Vector128.LessThan(a, b);
    public static Vector128<float> Equal(Vector128<float> a, Vector128<float> b) => Vector128.Equals(a, b);
    public static Vector128<float> Select(Vector128<float> mask, Vector128<float> a, Vector128<float> b) => Vector128.ConditionalSelect(mask, a, b);
    public static Vector128<float> And(Vector128<float> a, Vector128<float> b) => a & b;
    public static Vector128<float> Or(Vector128<float> a, Vector128<float> b) => a | b;
    public static float SumLanes(Vector128<float> a) => Vector128.Sum(a);
    public static void SumLanes(Vector128<float> a, float* sums) => *sums = Vector128.Sum(a);

    public static Vector128<float> LoadPartial(float* source, int count)
    {
        float* lanes = stackalloc float[4];
        Vector128<float>.Zero.Store(lanes);
        for (int i = 0; i < count; i++) lanes[i] = source[i];
        return Vector128.Load(lanes);
    }

    public static void StorePartial(float* destination, Vector128<float> value, int count)
    {
        float* lanes = stackalloc float[4];
        value.Store(lanes);
        for (int i = 0; i < count; i++) destination[i] = lanes[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scale(Vector128<float> a, Vector128<float> n)
    {
        // Two factors, each a normal number, so that results near the ends of the range come out right.
        Vector128<int> whole = Vector128.ConvertToInt32Native(n);
        Vector128<int> half = Vector128.ShiftRightArithmetic(whole, 1);
        return a * PowerOfTwo(half) * PowerOfTwo(whole - half);
    }

    public static Vector128<float> Exponent(Vector128<float> a) => Vector128.ConvertToSingle(Vector128.ShiftRightLogical(a.AsInt32(), 23) - Vector128.Create(127));

    public static float MaxLanes(Vector128<float> a)
    {
        return float.Max(float.Max(a[0], a[1]), float.Max(a[2], a[3]));
    }

    // Added to 1.5 * 2^23, a small integer stands in the lowest bits.
    public static Vector128<float> PowerOfTwo(Vector128<float> n) => Vector128.ShiftLeft((n + Vector128.Create(12582912f + 127)).AsInt32(), 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> RoundToBFloat16(Vector128<float> a)
    {
        // Half a unit of the last bit that stays, less one unless that bit is odd, carries into it what rounds up.
        Vector128<uint> bits = a.AsUInt32(), upper = Vector128.Create(0xFFFF0000u);
        Vector128<uint> rounded = bits + Vector128.Create(0x7FFFu) + ((bits >> 16) & Vector128<uint>.One);
        Vector128<uint> quiet = bits | Vector128.Create(0x00400000u);
        return (Vector128.ConditionalSelect(Vector128.Equals(a, a).AsUInt32(), rounded, quiet) & upper).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> PackBFloat16(Vector128<float> low, Vector128<float> high) => ((RoundToBFloat16(low).AsUInt32() >> 16) | RoundToBFloat16(high).AsUInt32()).AsSingle();

    public static Vector128<float> LowBFloat16(Vector128<float> pairs) => (pairs.AsUInt32() << 16).AsSingle();
    public static Vector128<float> HighBFloat16(Vector128<float> pairs) => (pairs.AsUInt32() & Vector128.Create(0xFFFF0000u)).AsSingle();

    private static Vector128<float> PowerOfTwo(Vector128<int> n) => Vector128.ShiftLeft(n + Vector128.Create(127), 23).AsSingle();
}

/// <summary>One lane: remainders, and the meaning of the other widths.</summary>
public readonly unsafe struct SimdScalar : ISimd<float>
{
    public static int Count => 1;
    public static int Places => 1;
    public static float Zero => 0;
    public static float Load(float* source) => *source;
    public static float Load(float* source, nint apart) => *source;

    public static void Prefetch(float* source)
    {
    }

    public static void Prefetch(float* source, nint apart)
    {
    }

    public static void Store(float* destination, float value) => *destination = value;
    public static void Store(float* destination, nint apart, float value) => *destination = value;
    public static void StoreNonTemporal(float* destination, nint apart, float value) => *destination = value;
    public static float LoadPartial(float* source, int count) => count > 0 ? *source : 0;
    public static void StorePartial(float* destination, float value, int count)
    {
        if (count > 0) *destination = value;
    }

    public static float Broadcast(float value) => value;
    public static float Broadcast(float* values) => *values;
    public static float Add(float a, float b) => a + b;
    public static float Subtract(float a, float b) => a - b;
    public static float Multiply(float a, float b) => a * b;
    public static float Divide(float a, float b) => a / b;
    public static float MultiplyAdd(float a, float b, float c) => float.MultiplyAddEstimate(a, b, c);
    public static float Min(float a, float b) => float.Min(a, b);
    public static float Max(float a, float b) => float.Max(a, b);
    public static float MaxNative(float a, float b) => a > b ? a : b;
    public static float Clamp(float a, float low, float high) => float.Max(low, float.Min(high, a));
    public static float Sqrt(float a) => float.Sqrt(a);
    public static float Abs(float a) => float.Abs(a);
    public static float Negate(float a) => -a;
    public static float Floor(float a) => float.Floor(a);
    public static float Round(float a) => float.Round(a);
    public static float LessThan(float a, float b) => Mask(a < b);
    public static float Equal(float a, float b) => Mask(a == b);
    public static float Select(float mask, float a, float b) => BitConverter.SingleToInt32Bits(mask) != 0 ? a : b;
    public static float And(float a, float b) => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(a) & BitConverter.SingleToInt32Bits(b));
    public static float Or(float a, float b) => BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(a) | BitConverter.SingleToInt32Bits(b));

    public static float Scale(float a, float n)
    {
        int whole = float.ConvertToIntegerNative<int>(n);
        int half = whole >> 1;
        return a * PowerOfTwo(half) * PowerOfTwo(whole - half);
    }

    public static float Exponent(float a) => (BitConverter.SingleToInt32Bits(a) >> 23) - 127;
    public static float PowerOfTwo(float n) => PowerOfTwo((int)n);
    public static float RoundToBFloat16(float a) => FromBits(RoundedBits(a));
    public static float PackBFloat16(float low, float high) => FromBits((RoundedBits(low) >> 16) | RoundedBits(high));
    public static float LowBFloat16(float pairs) => FromBits(BitConverter.SingleToUInt32Bits(pairs) << 16);
    public static float HighBFloat16(float pairs) => FromBits(BitConverter.SingleToUInt32Bits(pairs) & 0xFFFF0000);
    public static float SumLanes(float a) => a;
    public static void SumLanes(float a, float* sums) => *sums = a;
    public static float MaxLanes(float a) => a;

    private static uint RoundedBits(float a)
    {
        uint bits = BitConverter.SingleToUInt32Bits(a);
        return (float.IsNaN(a) ? bits | 0x00400000 : bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000;
    }

    private static float FromBits(uint bits) => BitConverter.UInt32BitsToSingle(bits);
    private static float Mask(bool set) => BitConverter.Int32BitsToSingle(set ? -1 : 0);
    private static float PowerOfTwo(int n) => BitConverter.Int32BitsToSingle((n + 127) << 23);
}
