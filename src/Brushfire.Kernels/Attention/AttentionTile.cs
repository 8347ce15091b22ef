// The register tile of attention: like MicroKernel's, but as wide as three vectors at every vector width. Four rows divide
// the head dimensions of all models (six do not divide 40), and the loop needs seven loads for twelve multiply-adds.
//
//              B panel: K x NR, NR = 3 vectors of queries         12 accumulators + 3 of B + 1 of A = 16 registers
//     A panel  +----------+----------+----------+
//     K x 4    | c00      | c01      | c02      |                  512 bits: MicroKernel's own 8 x 3 vectors
//              | c30      | c31      | c32      |

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
        else MicroKernel.Run4x3<TSimd, TVector>(k, a, b, tile, tileStride, accumulate);
    }
}
