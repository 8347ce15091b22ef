// The one-dimensional transforms against the filter that they stand for, for every vector width.

using System.Runtime.Intrinsics;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class IWinogradTransformTests
{
    [Fact]
    public void Two_outputs_of_a_filter_of_three() => CheckWidths<WinogradF2>();

    [Fact]
    public void Three_outputs_of_a_filter_of_three() => CheckWidths<WinogradF3>();

    [Fact]
    public void Four_outputs_of_a_filter_of_three() => CheckWidths<WinogradF4>();

    private static void CheckWidths<TTransform>() where TTransform : struct, IWinogradTransform
    {
        Check<TTransform, Simd512, Vector512<float>>();
        Check<TTransform, Simd256, Vector256<float>>();
        Check<TTransform, Simd128, Vector128<float>>();
        Check<TTransform, SimdScalar, float>();
    }

    private static void Check<TTransform, TSimd, TVector>() where TTransform : struct, IWinogradTransform where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int lanes = TSimd.Count, inputs = TTransform.Inputs, outputs = TTransform.Outputs;
        using var pixels = new Guarded(inputs * lanes, 1);
        using var taps = new Guarded(3 * lanes, 2);
        using var transformed = new Guarded(inputs * lanes, 3);
        using var filter = new Guarded(inputs * lanes, 4);
        using var result = new Guarded(outputs * lanes, 5);
        TTransform.Input<TSimd, TVector>(pixels.Pointer, lanes, transformed.Pointer, lanes);
        TTransform.Filter<TSimd, TVector>(taps.Pointer, lanes, filter.Pointer, lanes);
        for (int i = 0; i < transformed.Count; i++) transformed.Pointer[i] *= filter.Pointer[i];
        TTransform.Output<TSimd, TVector>(transformed.Pointer, lanes, result.Pointer, lanes);

        float[] expected = new float[outputs * lanes];
        for (int i = 0; i < expected.Length; i++)
        {
            double sum = 0;
            for (int tap = 0; tap < 3; tap++) sum += (double)pixels.Pointer[i + tap * lanes] * taps.Pointer[i % lanes + tap * lanes];
            expected[i] = (float)sum;
        }

        Assert.Equal(outputs + 2, inputs);
        Close.Absolute(expected, result.Span, 1e-6, typeof(TSimd).Name);
    }
}
