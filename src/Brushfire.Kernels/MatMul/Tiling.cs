// The register tile of each vector width: MR rows by NR columns, NR a whole number of vectors.
// 512 bits: 8 x 48, 24 accumulators of 32 registers. Narrower ones: 6 x 2 vectors, 12 accumulators of 16 registers.

namespace Brushfire.Kernels;

public static class Tiling
{
    /// <summary>MR of the instruction set in use.</summary>
    public static int CurrentRows => Rows(CurrentLanes);

    /// <summary>NR of the instruction set in use.</summary>
    public static int CurrentColumns => Columns(CurrentLanes);

    /// <summary>Lanes of a vector of the instruction set in use.</summary>
    public static int CurrentLanes => Isas.Current switch
    {
        Isa.Avx512 => Simd512.Count,
        Isa.Avx2 => Simd256.Count,
        Isa.Portable => Simd128.Count,
    };

    /// <summary>MR: rows of a register tile.</summary>
    public static int Rows<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct => Rows(TSimd.Count);

    /// <summary>NR: columns of a register tile.</summary>
    public static int Columns<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct => Columns(TSimd.Count);

    private static int Rows(int lanes) => lanes == 16 ? 8 : 6;

    private static int Columns(int lanes) => lanes == 16 ? 3 * lanes : 2 * lanes;
}
