// Three vectors as one, for loops over functions of many steps. Each operation is done for all three before the next one, so that the
// processor always has three independent chains to work on; with one vector at a time, the instructions of its chain fill
// the queue and wait for each other. Three is what 16 registers hold of SiLU and GELU; with four they spill.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

public readonly struct Three<TVector>(TVector first, TVector second, TVector third) where TVector : struct
{
    public readonly TVector First = first, Second = second, Third = third;
}

/// <summary>Lanes lie in memory vector after vector.</summary>
public readonly unsafe struct SimdThree<TSimd, TVector> : ISimd<Three<TVector>> where TSimd : struct, ISimd<TVector> where TVector : struct
{
    public static int Count => 3 * TSimd.Count;

    public static Three<TVector> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(TSimd.Zero, TSimd.Zero, TSimd.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Load(float* source) =>
        new(TSimd.Load(source), TSimd.Load(source + TSimd.Count), TSimd.Load(source + 2 * TSimd.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Three<TVector> value)
    {
        TSimd.Store(destination, value.First);
        TSimd.Store(destination + TSimd.Count, value.Second);
        TSimd.Store(destination + 2 * TSimd.Count, value.Third);
    }

    /// <summary>The address need be a multiple of one vector's size only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(float* destination, Three<TVector> value)
    {
        TSimd.StoreNonTemporal(destination, value.First);
        TSimd.StoreNonTemporal(destination + TSimd.Count, value.Second);
        TSimd.StoreNonTemporal(destination + 2 * TSimd.Count, value.Third);
    }

    public static Three<TVector> LoadPartial(float* source, int count) =>
        new(TSimd.LoadPartial(source, Part(count, 0)), TSimd.LoadPartial(source + TSimd.Count, Part(count, 1)), TSimd.LoadPartial(source + 2 * TSimd.Count, Part(count, 2)));

    public static void StorePartial(float* destination, Three<TVector> value, int count)
    {
        TSimd.StorePartial(destination, value.First, Part(count, 0));
        TSimd.StorePartial(destination + TSimd.Count, value.Second, Part(count, 1));
        TSimd.StorePartial(destination + 2 * TSimd.Count, value.Third, Part(count, 2));
    }

    // Lanes of a vector among the first ones of all.
    private static int Part(int count, int vector) => Math.Clamp(count - vector * TSimd.Count, 0, TSimd.Count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Broadcast(float value)
    {
        TVector vector = TSimd.Broadcast(value);
        return new(vector, vector, vector);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Add(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Add(a.First, b.First), TSimd.Add(a.Second, b.Second), TSimd.Add(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Subtract(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Subtract(a.First, b.First), TSimd.Subtract(a.Second, b.Second), TSimd.Subtract(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Multiply(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Multiply(a.First, b.First), TSimd.Multiply(a.Second, b.Second), TSimd.Multiply(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Divide(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Divide(a.First, b.First), TSimd.Divide(a.Second, b.Second), TSimd.Divide(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> MultiplyAdd(Three<TVector> a, Three<TVector> b, Three<TVector> c) =>
        new(TSimd.MultiplyAdd(a.First, b.First, c.First), TSimd.MultiplyAdd(a.Second, b.Second, c.Second), TSimd.MultiplyAdd(a.Third, b.Third, c.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Min(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Min(a.First, b.First), TSimd.Min(a.Second, b.Second), TSimd.Min(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Max(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Max(a.First, b.First), TSimd.Max(a.Second, b.Second), TSimd.Max(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> MaxNative(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.MaxNative(a.First, b.First), TSimd.MaxNative(a.Second, b.Second), TSimd.MaxNative(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Clamp(Three<TVector> a, Three<TVector> low, Three<TVector> high) =>
        new(TSimd.Clamp(a.First, low.First, high.First), TSimd.Clamp(a.Second, low.Second, high.Second), TSimd.Clamp(a.Third, low.Third, high.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Sqrt(Three<TVector> a) =>
        new(TSimd.Sqrt(a.First), TSimd.Sqrt(a.Second), TSimd.Sqrt(a.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Abs(Three<TVector> a) =>
        new(TSimd.Abs(a.First), TSimd.Abs(a.Second), TSimd.Abs(a.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Negate(Three<TVector> a) =>
        new(TSimd.Negate(a.First), TSimd.Negate(a.Second), TSimd.Negate(a.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Floor(Three<TVector> a) =>
        new(TSimd.Floor(a.First), TSimd.Floor(a.Second), TSimd.Floor(a.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Round(Three<TVector> a) =>
        new(TSimd.Round(a.First), TSimd.Round(a.Second), TSimd.Round(a.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> LessThan(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.LessThan(a.First, b.First), TSimd.LessThan(a.Second, b.Second), TSimd.LessThan(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Equal(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Equal(a.First, b.First), TSimd.Equal(a.Second, b.Second), TSimd.Equal(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Select(Three<TVector> mask, Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Select(mask.First, a.First, b.First), TSimd.Select(mask.Second, a.Second, b.Second), TSimd.Select(mask.Third, a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> And(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.And(a.First, b.First), TSimd.And(a.Second, b.Second), TSimd.And(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Or(Three<TVector> a, Three<TVector> b) =>
        new(TSimd.Or(a.First, b.First), TSimd.Or(a.Second, b.Second), TSimd.Or(a.Third, b.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Scale(Three<TVector> a, Three<TVector> n) =>
        new(TSimd.Scale(a.First, n.First), TSimd.Scale(a.Second, n.Second), TSimd.Scale(a.Third, n.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> Exponent(Three<TVector> a) =>
        new(TSimd.Exponent(a.First), TSimd.Exponent(a.Second), TSimd.Exponent(a.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> PowerOfTwo(Three<TVector> n) =>
        new(TSimd.PowerOfTwo(n.First), TSimd.PowerOfTwo(n.Second), TSimd.PowerOfTwo(n.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> RoundToBFloat16(Three<TVector> a) =>
        new(TSimd.RoundToBFloat16(a.First), TSimd.RoundToBFloat16(a.Second), TSimd.RoundToBFloat16(a.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> PackBFloat16(Three<TVector> low, Three<TVector> high) =>
        new(TSimd.PackBFloat16(low.First, high.First), TSimd.PackBFloat16(low.Second, high.Second), TSimd.PackBFloat16(low.Third, high.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> LowBFloat16(Three<TVector> pairs) =>
        new(TSimd.LowBFloat16(pairs.First), TSimd.LowBFloat16(pairs.Second), TSimd.LowBFloat16(pairs.Third));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Three<TVector> HighBFloat16(Three<TVector> pairs) =>
        new(TSimd.HighBFloat16(pairs.First), TSimd.HighBFloat16(pairs.Second), TSimd.HighBFloat16(pairs.Third));

    public static float SumLanes(Three<TVector> a) => TSimd.SumLanes(a.First) + TSimd.SumLanes(a.Second) + TSimd.SumLanes(a.Third);

    public static float MaxLanes(Three<TVector> a) => TSimd.MaxLanes(TSimd.Max(TSimd.Max(a.First, a.Second), a.Third));
}
