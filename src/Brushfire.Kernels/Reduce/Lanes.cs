// What generated kernels do with single lanes: bring a vector of partial results into one number, where sums leave float32, and
// walk operands whose columns are apart in memory.

namespace Brushfire.Kernels;

public static unsafe class Lanes
{
    /// <summary>Vectors that a generated loop adds up in float32 before they go into float64: the relative error of a sum of positive numbers stays below 2e-6 at any length.</summary>
    public const int Run = 24;

    public static double Sum<TSimd, TVector>(TVector lanes) where TSimd : struct, ISimd<TVector> where TVector : struct => TSimd.SumLanes(lanes);

    /// <summary>NaN where a lane is.</summary>
    public static double Max<TSimd, TVector>(TVector lanes) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* values = stackalloc float[TSimd.Count];
        TSimd.Store(values, lanes);
        float max = values[0];
        for (int i = 1; i < TSimd.Count; i++) max = float.Max(max, values[i]);
        return max;
    }

    /// <summary>NaN where a lane is.</summary>
    public static double Min<TSimd, TVector>(TVector lanes) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* values = stackalloc float[TSimd.Count];
        TSimd.Store(values, lanes);
        float min = values[0];
        for (int i = 1; i < TSimd.Count; i++) min = float.Min(min, values[i]);
        return min;
    }

    /// <summary>Numbers that lie <paramref name="stride"/> apart.</summary>
    public static TVector Load<TSimd, TVector>(float* source, nint stride) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* values = stackalloc float[TSimd.Count];
        for (int i = 0; i < TSimd.Count; i++) values[i] = source[i * stride];
        return TSimd.Load(values);
    }

    /// <summary>Writes numbers <paramref name="stride"/> apart.</summary>
    public static void Store<TSimd, TVector>(float* destination, nint stride, TVector lanes) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        float* values = stackalloc float[TSimd.Count];
        TSimd.Store(values, lanes);
        for (int i = 0; i < TSimd.Count; i++) destination[i * stride] = values[i];
    }
}
