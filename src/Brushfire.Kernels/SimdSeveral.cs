// Several vectors as one, for loops over functions of many steps. Each operation is done for all of them before the next one, so that the
// processor always has independent chains to work on; with one vector at a time, the instructions of its chain fill
// the queue and wait for each other. Four with 512 bits; three with fewer, where 16 registers hold no more of SiLU and GELU.
// The fourth is then neither read nor written, and the JIT drops what would compute it.
//
// In memory they lie next to each other, or each at a place of its own: a loop that walks through memory at several places far apart
// keeps more of it under way than one that walks at one place, whatever it computes in between.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Brushfire.Kernels;

public readonly struct Several<TVector>(TVector first, TVector second, TVector third, TVector fourth) where TVector : struct
{
    public readonly TVector First = first, Second = second, Third = third, Fourth = fourth;
}

/// <summary>Lanes lie in memory vector after vector, unless their places are said to be apart.</summary>
public readonly unsafe struct SimdSeveral<TSimd, TVector> : ISimd<Several<TVector>> where TSimd : struct, ISimd<TVector> where TVector : struct
{
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Places * TSimd.Count;
    }

    public static int Places
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => HasFourth ? 4 : 3;
    }

    private static bool HasFourth
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => typeof(TVector) == typeof(Vector512<float>);
    }

    public static Several<TVector> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(TSimd.Zero, TSimd.Zero, TSimd.Zero, TSimd.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Load(float* source) => Load(source, TSimd.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Load(float* source, nint apart) =>
        new(TSimd.Load(source), TSimd.Load(source + apart), TSimd.Load(source + 2 * apart), HasFourth ? TSimd.Load(source + 3 * apart) : TSimd.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(float* source) => Prefetch(source, TSimd.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(float* source, nint apart)
    {
        TSimd.Prefetch(source);
        TSimd.Prefetch(source + apart);
        TSimd.Prefetch(source + 2 * apart);
        if (HasFourth) TSimd.Prefetch(source + 3 * apart);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Several<TVector> value) => Store(destination, TSimd.Count, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, nint apart, Several<TVector> value)
    {
        TSimd.Store(destination, value.First);
        TSimd.Store(destination + apart, value.Second);
        TSimd.Store(destination + 2 * apart, value.Third);
        if (HasFourth) TSimd.Store(destination + 3 * apart, value.Fourth);
    }

    /// <summary>Each place is a multiple of one vector's size.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(float* destination, nint apart, Several<TVector> value)
    {
        TSimd.StoreNonTemporal(destination, 0, value.First);
        TSimd.StoreNonTemporal(destination + apart, 0, value.Second);
        TSimd.StoreNonTemporal(destination + 2 * apart, 0, value.Third);
        if (HasFourth) TSimd.StoreNonTemporal(destination + 3 * apart, 0, value.Fourth);
    }

    public static Several<TVector> LoadPartial(float* source, int count) =>
        new(TSimd.LoadPartial(source, Part(count, 0)), TSimd.LoadPartial(source + TSimd.Count, Part(count, 1)), TSimd.LoadPartial(source + 2 * TSimd.Count, Part(count, 2)), HasFourth ? TSimd.LoadPartial(source + 3 * TSimd.Count, Part(count, 3)) : TSimd.Zero);

    public static void StorePartial(float* destination, Several<TVector> value, int count)
    {
        TSimd.StorePartial(destination, value.First, Part(count, 0));
        TSimd.StorePartial(destination + TSimd.Count, value.Second, Part(count, 1));
        TSimd.StorePartial(destination + 2 * TSimd.Count, value.Third, Part(count, 2));
        if (HasFourth) TSimd.StorePartial(destination + 3 * TSimd.Count, value.Fourth, Part(count, 3));
    }

    // Lanes of a vector among the first ones of all.
    private static int Part(int count, int vector) => Math.Clamp(count - vector * TSimd.Count, 0, TSimd.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Broadcast(float value)
    {
        TVector vector = TSimd.Broadcast(value);
        return new(vector, vector, vector, vector);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Broadcast(float* values) =>
        new(TSimd.Broadcast(values[0]), TSimd.Broadcast(values[1]), TSimd.Broadcast(values[2]), HasFourth ? TSimd.Broadcast(values[3]) : TSimd.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Add(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Add(a.First, b.First), TSimd.Add(a.Second, b.Second), TSimd.Add(a.Third, b.Third), TSimd.Add(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Subtract(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Subtract(a.First, b.First), TSimd.Subtract(a.Second, b.Second), TSimd.Subtract(a.Third, b.Third), TSimd.Subtract(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Multiply(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Multiply(a.First, b.First), TSimd.Multiply(a.Second, b.Second), TSimd.Multiply(a.Third, b.Third), TSimd.Multiply(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Divide(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Divide(a.First, b.First), TSimd.Divide(a.Second, b.Second), TSimd.Divide(a.Third, b.Third), TSimd.Divide(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> MultiplyAdd(Several<TVector> a, Several<TVector> b, Several<TVector> c) =>
        new(TSimd.MultiplyAdd(a.First, b.First, c.First), TSimd.MultiplyAdd(a.Second, b.Second, c.Second), TSimd.MultiplyAdd(a.Third, b.Third, c.Third), TSimd.MultiplyAdd(a.Fourth, b.Fourth, c.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Min(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Min(a.First, b.First), TSimd.Min(a.Second, b.Second), TSimd.Min(a.Third, b.Third), TSimd.Min(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Max(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Max(a.First, b.First), TSimd.Max(a.Second, b.Second), TSimd.Max(a.Third, b.Third), TSimd.Max(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> MaxNative(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.MaxNative(a.First, b.First), TSimd.MaxNative(a.Second, b.Second), TSimd.MaxNative(a.Third, b.Third), TSimd.MaxNative(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Clamp(Several<TVector> a, Several<TVector> low, Several<TVector> high) =>
        new(TSimd.Clamp(a.First, low.First, high.First), TSimd.Clamp(a.Second, low.Second, high.Second), TSimd.Clamp(a.Third, low.Third, high.Third), TSimd.Clamp(a.Fourth, low.Fourth, high.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Sqrt(Several<TVector> a) =>
        new(TSimd.Sqrt(a.First), TSimd.Sqrt(a.Second), TSimd.Sqrt(a.Third), TSimd.Sqrt(a.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Abs(Several<TVector> a) =>
        new(TSimd.Abs(a.First), TSimd.Abs(a.Second), TSimd.Abs(a.Third), TSimd.Abs(a.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Negate(Several<TVector> a) =>
        new(TSimd.Negate(a.First), TSimd.Negate(a.Second), TSimd.Negate(a.Third), TSimd.Negate(a.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Floor(Several<TVector> a) =>
        new(TSimd.Floor(a.First), TSimd.Floor(a.Second), TSimd.Floor(a.Third), TSimd.Floor(a.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Round(Several<TVector> a) =>
        new(TSimd.Round(a.First), TSimd.Round(a.Second), TSimd.Round(a.Third), TSimd.Round(a.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> LessThan(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.LessThan(a.First, b.First), TSimd.LessThan(a.Second, b.Second), TSimd.LessThan(a.Third, b.Third), TSimd.LessThan(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Equal(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Equal(a.First, b.First), TSimd.Equal(a.Second, b.Second), TSimd.Equal(a.Third, b.Third), TSimd.Equal(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Select(Several<TVector> mask, Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Select(mask.First, a.First, b.First), TSimd.Select(mask.Second, a.Second, b.Second), TSimd.Select(mask.Third, a.Third, b.Third), TSimd.Select(mask.Fourth, a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> And(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.And(a.First, b.First), TSimd.And(a.Second, b.Second), TSimd.And(a.Third, b.Third), TSimd.And(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Or(Several<TVector> a, Several<TVector> b) =>
        new(TSimd.Or(a.First, b.First), TSimd.Or(a.Second, b.Second), TSimd.Or(a.Third, b.Third), TSimd.Or(a.Fourth, b.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Scale(Several<TVector> a, Several<TVector> n) =>
        new(TSimd.Scale(a.First, n.First), TSimd.Scale(a.Second, n.Second), TSimd.Scale(a.Third, n.Third), TSimd.Scale(a.Fourth, n.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> Exponent(Several<TVector> a) =>
        new(TSimd.Exponent(a.First), TSimd.Exponent(a.Second), TSimd.Exponent(a.Third), TSimd.Exponent(a.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> PowerOfTwo(Several<TVector> n) =>
        new(TSimd.PowerOfTwo(n.First), TSimd.PowerOfTwo(n.Second), TSimd.PowerOfTwo(n.Third), TSimd.PowerOfTwo(n.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> RoundToBFloat16(Several<TVector> a) =>
        new(TSimd.RoundToBFloat16(a.First), TSimd.RoundToBFloat16(a.Second), TSimd.RoundToBFloat16(a.Third), TSimd.RoundToBFloat16(a.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> PackBFloat16(Several<TVector> low, Several<TVector> high) =>
        new(TSimd.PackBFloat16(low.First, high.First), TSimd.PackBFloat16(low.Second, high.Second), TSimd.PackBFloat16(low.Third, high.Third), TSimd.PackBFloat16(low.Fourth, high.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> LowBFloat16(Several<TVector> pairs) =>
        new(TSimd.LowBFloat16(pairs.First), TSimd.LowBFloat16(pairs.Second), TSimd.LowBFloat16(pairs.Third), TSimd.LowBFloat16(pairs.Fourth));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Several<TVector> HighBFloat16(Several<TVector> pairs) =>
        new(TSimd.HighBFloat16(pairs.First), TSimd.HighBFloat16(pairs.Second), TSimd.HighBFloat16(pairs.Third), TSimd.HighBFloat16(pairs.Fourth));

    public static float SumLanes(Several<TVector> a) => TSimd.SumLanes(SumPlaces(a));

    public static void SumLanes(Several<TVector> a, float* sums)
    {
        sums[0] = TSimd.SumLanes(a.First);
        sums[1] = TSimd.SumLanes(a.Second);
        sums[2] = TSimd.SumLanes(a.Third);
        if (HasFourth) sums[3] = TSimd.SumLanes(a.Fourth);
    }

    /// <summary>The vectors of all places, added.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector SumPlaces(Several<TVector> a) => TSimd.Add(TSimd.Add(a.First, a.Second), HasFourth ? TSimd.Add(a.Third, a.Fourth) : a.Third);

    public static float MaxLanes(Several<TVector> a) => TSimd.MaxLanes(TSimd.Max(TSimd.Max(a.First, a.Second), HasFourth ? TSimd.Max(a.Third, a.Fourth) : a.Third));
}
