// The register tile of every vector width against a double loop.

using System.Runtime.Intrinsics;
using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class MicroKernelTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(7, true)]
    [InlineData(130, false)]
    [InlineData(131, true)]
    public void A_tile_is_the_product_of_its_panels(int k, bool accumulate)
    {
        Check<Simd512, Vector512<float>>(k, accumulate);
        Check<Simd256, Vector256<float>>(k, accumulate);
        Check<Simd128, Vector128<float>>(k, accumulate);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(32)]
    [InlineData(33)]
    public void The_first_columns_of_a_tile_are_the_same_as_of_a_whole_one(int columns)
    {
        CheckColumns<Simd512, Vector512<float>>(columns);
        CheckColumns<Simd256, Vector256<float>>(columns);
    }

    private static void CheckColumns<TSimd, TVector>(int columns) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        const int K = 21;
        int rows = Tiling.Rows<TSimd, TVector>(), stride = Tiling.Columns<TSimd, TVector>();
        columns = Math.Min(columns, stride);
        var random = new Random(columns);
        float[] a = Numbers(random, K * rows), b = Numbers(random, K * stride), whole = Numbers(random, rows * stride), part = [.. whole];
        fixed (float* ap = a, bp = b, wholePointer = whole, partPointer = part)
        {
            MicroKernel.Run<TSimd, TVector>(K, ap, bp, wholePointer, stride, accumulate: true);
            MicroKernel.Run<TSimd, TVector>(K, APanel.Packed(ap, rows), bp, partPointer, stride, accumulate: true, columns, new Ahead((byte*)ap, 1000, (byte*)bp, 77));
        }

        for (int r = 0; r < rows; r++) Assert.Equal(whole.AsSpan(r * stride, columns), part.AsSpan(r * stride, columns));
    }

    private static void Check<TSimd, TVector>(int k, bool accumulate) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int rows = Tiling.Rows<TSimd, TVector>(), columns = Tiling.Columns<TSimd, TVector>(), stride = columns + 3;
        var random = new Random(k);
        float[] a = Numbers(random, k * rows), b = Numbers(random, k * columns), tile = Numbers(random, rows * stride);
        float[] expected = [.. tile];
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                double sum = accumulate ? tile[r * stride + c] : 0;
                for (int i = 0; i < k; i++) sum += (double)a[i * rows + r] * b[i * columns + c];
                expected[r * stride + c] = (float)sum;
            }
        }

        fixed (float* ap = a, bp = b, tilePointer = tile) MicroKernel.Run<TSimd, TVector>(k, ap, bp, tilePointer, stride, accumulate);
        Close.Absolute(expected, tile, 1e-5, typeof(TSimd).Name);
    }

    private static float[] Numbers(Random random, int count)
    {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) numbers[i] = random.NextSingle() * 2 - 1;
        return numbers;
    }
}
