// Where a product's A comes from: a matrix (MatrixPanels), or an image read as one (ConvolutionPanels).

namespace Brushfire.Kernels;

/// <summary>Packs blocks of A for the register tiles. A struct type parameter of Gemm.</summary>
public unsafe interface IPanelSource
{
    /// <summary>
    /// Writes rows x count elements of A, from (row, k) on, as panels of MR rows, one after the other; in a panel the MR numbers of each k
    /// are neighbours. Rows beyond <paramref name="rows"/> in the last panel are zeros.
    /// </summary>
    void Pack<TSimd, TVector>(int batch, nint row, int rows, int k, int count, float* panels) where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>Where the elements of a row of A lie from (row, k) on, to ask for them ahead of time; null where they are not neighbours.</summary>
    float* Address(int batch, nint row, int k);

    /// <summary>Rows from (row, k) on as they lie in memory, where they can be multiplied so; null where they have to be packed.</summary>
    APanel Rows(int batch, nint row, int k);
}
