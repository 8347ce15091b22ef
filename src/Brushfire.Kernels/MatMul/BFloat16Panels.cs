// Packed panels between float32 and bfloat16. A float32 panel has rows of `width` numbers, one row for each k; a bfloat16
// panel has rows of `width` pairs, one row for two k, the even one in the lower halves.

namespace Brushfire.Kernels;

internal static unsafe class BFloat16Panels
{
    /// <summary>Rounds in place: the panel stays float32.</summary>
    public static void Round<TSimd, TVector>(float* panel, nint count) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        nint i = 0;
        for (; i + TSimd.Count <= count; i += TSimd.Count) TSimd.Store(panel + i, TSimd.RoundToBFloat16(TSimd.Load(panel + i)));
        for (; i < count; i++) panel[i] = SimdScalar.RoundToBFloat16(panel[i]);
    }

    /// <summary>Rounds <paramref name="k"/> rows into pairs; after an odd number of rows comes one of zeros. The pairs may take the rows' place.</summary>
    public static void Pack<TSimd, TVector>(float* rows, int k, int width, uint* pairs) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        for (; k >= 2; k -= 2, rows += 2 * width, pairs += width)
        {
            int i = 0;
            for (; i + TSimd.Count <= width; i += TSimd.Count) TSimd.Store((float*)pairs + i, TSimd.PackBFloat16(TSimd.Load(rows + i), TSimd.Load(rows + width + i)));
            for (; i < width; i++) ((float*)pairs)[i] = SimdScalar.PackBFloat16(rows[i], rows[width + i]);
        }

        if (k == 0) return;
        for (int i = 0; i < width; i++) ((float*)pairs)[i] = SimdScalar.PackBFloat16(rows[i], 0);
    }

    /// <summary>Pairs as <paramref name="k"/> rows of float32, exactly.</summary>
    public static void Widen<TSimd, TVector>(uint* pairs, int k, int width, float* rows) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        for (; k >= 2; k -= 2, rows += 2 * width, pairs += width)
        {
            int i = 0;
            for (; i + TSimd.Count <= width; i += TSimd.Count)
            {
                TVector pair = TSimd.Load((float*)pairs + i);
                TSimd.Store(rows + i, TSimd.LowBFloat16(pair));
                TSimd.Store(rows + width + i, TSimd.HighBFloat16(pair));
            }

            for (; i < width; i++) (rows[i], rows[width + i]) = (SimdScalar.LowBFloat16(((float*)pairs)[i]), SimdScalar.HighBFloat16(((float*)pairs)[i]));
        }

        if (k == 0) return;
        for (int i = 0; i < width; i++) rows[i] = SimdScalar.LowBFloat16(((float*)pairs)[i]);
    }
}
