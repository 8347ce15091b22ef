// The register tile of attention: like MicroKernel's, but as wide as three vectors at every vector width. Four rows divide
// the head dimensions of all models (six do not divide 40), and the loop needs seven loads for twelve multiply-adds.
//
//              B panel: K x NR, NR = 3 vectors of queries         12 accumulators + 3 of B + 1 of A = 16 registers
//     A panel  +----------+----------+----------+
//     K x 4    | c00      | c01      | c02      |                  512 bits: MicroKernel's own 8 x 3 vectors
//              | c30      | c31      | c32      |

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

internal static unsafe class AttentionTile
{
    /// <summary>Rows of a tile: keys of the first product, elements of a value in the second.</summary>
    public static int Rows(int lanes) => lanes == 16 ? 8 : 4;

    /// <summary>Columns of a tile: queries.</summary>
    public static int Columns(int lanes) => 3 * lanes;

    /// <summary>Writes the tile, or adds the product to it; <paramref name="tileStride"/> apart are its rows.</summary>
    public static void Run<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        if (TSimd.Count == 16) MicroKernel.Run<TSimd, TVector>(k, a, b, tile, tileStride, accumulate);
        else Run4x3<TSimd, TVector>(k, a, b, tile, tileStride, accumulate);
    }

    private static void Run4x3<TSimd, TVector>(int k, float* a, float* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector c00 = TSimd.Zero, c01 = TSimd.Zero, c02 = TSimd.Zero;
        TVector c10 = TSimd.Zero, c11 = TSimd.Zero, c12 = TSimd.Zero;
        TVector c20 = TSimd.Zero, c21 = TSimd.Zero, c22 = TSimd.Zero;
        TVector c30 = TSimd.Zero, c31 = TSimd.Zero, c32 = TSimd.Zero;
        int columns = 3 * TSimd.Count;
        for (; k >= 4; k -= 4, a += 16, b += 4 * columns)
        {
            Step<TSimd, TVector>(a, b, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            Step<TSimd, TVector>(a + 4, b + columns, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            Step<TSimd, TVector>(a + 8, b + 2 * columns, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
            Step<TSimd, TVector>(a + 12, b + 3 * columns, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);
        }

        for (; k > 0; k--, a += 4, b += columns)
            Step<TSimd, TVector>(a, b, ref c00, ref c01, ref c02, ref c10, ref c11, ref c12, ref c20, ref c21, ref c22, ref c30, ref c31, ref c32);

        if (accumulate)
        {
            AddRow<TSimd, TVector>(tile, ref c00, ref c01, ref c02);
            AddRow<TSimd, TVector>(tile + tileStride, ref c10, ref c11, ref c12);
            AddRow<TSimd, TVector>(tile + 2 * tileStride, ref c20, ref c21, ref c22);
            AddRow<TSimd, TVector>(tile + 3 * tileStride, ref c30, ref c31, ref c32);
        }

        StoreRow<TSimd, TVector>(tile, c00, c01, c02);
        StoreRow<TSimd, TVector>(tile + tileStride, c10, c11, c12);
        StoreRow<TSimd, TVector>(tile + 2 * tileStride, c20, c21, c22);
        StoreRow<TSimd, TVector>(tile + 3 * tileStride, c30, c31, c32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TSimd, TVector>(float* a, float* b, ref TVector c00, ref TVector c01, ref TVector c02, ref TVector c10, ref TVector c11, ref TVector c12,
        ref TVector c20, ref TVector c21, ref TVector c22, ref TVector c30, ref TVector c31, ref TVector c32) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector b0 = TSimd.Load(b), b1 = TSimd.Load(b + TSimd.Count), b2 = TSimd.Load(b + 2 * TSimd.Count);
        TVector a0 = TSimd.Broadcast(a[0]);
        c00 = TSimd.MultiplyAdd(a0, b0, c00); c01 = TSimd.MultiplyAdd(a0, b1, c01); c02 = TSimd.MultiplyAdd(a0, b2, c02);
        TVector a1 = TSimd.Broadcast(a[1]);
        c10 = TSimd.MultiplyAdd(a1, b0, c10); c11 = TSimd.MultiplyAdd(a1, b1, c11); c12 = TSimd.MultiplyAdd(a1, b2, c12);
        TVector a2 = TSimd.Broadcast(a[2]);
        c20 = TSimd.MultiplyAdd(a2, b0, c20); c21 = TSimd.MultiplyAdd(a2, b1, c21); c22 = TSimd.MultiplyAdd(a2, b2, c22);
        TVector a3 = TSimd.Broadcast(a[3]);
        c30 = TSimd.MultiplyAdd(a3, b0, c30); c31 = TSimd.MultiplyAdd(a3, b1, c31); c32 = TSimd.MultiplyAdd(a3, b2, c32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<TSimd, TVector>(float* row, ref TVector c0, ref TVector c1, ref TVector c2)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        c0 = TSimd.Add(c0, TSimd.Load(row));
        c1 = TSimd.Add(c1, TSimd.Load(row + TSimd.Count));
        c2 = TSimd.Add(c2, TSimd.Load(row + 2 * TSimd.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TSimd, TVector>(float* row, TVector c0, TVector c1, TVector c2)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TSimd.Store(row, c0);
        TSimd.Store(row + TSimd.Count, c1);
        TSimd.Store(row + 2 * TSimd.Count, c2);
    }
}
