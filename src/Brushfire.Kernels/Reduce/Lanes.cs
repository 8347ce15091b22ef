// What generated kernels do with single lanes: bring a vector of partial results into one number, where sums leave float32, and
// walk operands whose columns are apart in memory.

namespace Brushfire.Kernels;

public static unsafe class Lanes
{
    /// <summary>Vectors that a generated loop adds up in float32 before they go into float64: the relative error of a sum of positive numbers stays below 2e-6 at any length.</summary>
    public const int Run = 24;

    /// <summary>Adds each place's lanes to its total.</summary>
    public static void Sum<TSimd, TVector>(TVector lanes, double* totals) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* sums = stackalloc float[TSimd.Places];
        TSimd.SumLanes(lanes, sums);
        for (int k = 0; k < TSimd.Places; k++) totals[k] += sums[k];
    }

    /// <summary>The largest of each place's total and lanes; NaN where one of them is.</summary>
    public static void Max<TSimd, TVector>(TVector lanes, double* totals) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* values = stackalloc float[TSimd.Count];
        TSimd.Store(values, lanes);
        for (int i = 0; i < TSimd.Count; i++) totals[i / Each<TSimd, TVector>()] = double.Max(totals[i / Each<TSimd, TVector>()], values[i]);
    }

    /// <summary>The smallest of each place's total and lanes; NaN where one of them is.</summary>
    public static void Min<TSimd, TVector>(TVector lanes, double* totals) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* values = stackalloc float[TSimd.Count];
        TSimd.Store(values, lanes);
        for (int i = 0; i < TSimd.Count; i++) totals[i / Each<TSimd, TVector>()] = double.Min(totals[i / Each<TSimd, TVector>()], values[i]);
    }

    /// <summary>Numbers that lie <paramref name="stride"/> apart at each place.</summary>
    public static TVector Load<TSimd, TVector>(float* source, nint stride, nint apart) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* values = stackalloc float[TSimd.Count];
        for (int i = 0; i < TSimd.Count; i++) values[i] = source[Offset<TSimd, TVector>(i, stride, apart)];
        return TSimd.Load(values);
    }

    /// <summary>Writes numbers <paramref name="stride"/> apart at each place.</summary>
    public static void Store<TSimd, TVector>(float* destination, nint stride, nint apart, TVector lanes) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* values = stackalloc float[TSimd.Count];
        TSimd.Store(values, lanes);
        for (int i = 0; i < TSimd.Count; i++) destination[Offset<TSimd, TVector>(i, stride, apart)] = values[i];
    }

    private static int Each<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.Count / TSimd.Places;

    private static nint Offset<TSimd, TVector>(int lane, nint stride, nint apart) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        lane / Each<TSimd, TVector>() * apart + lane % Each<TSimd, TVector>() * stride;
}
