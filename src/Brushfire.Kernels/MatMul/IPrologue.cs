// What a product does to A while it is packed: the hook that fused code (a norm's scale and shift, an activation) is
// given by. A struct, so that the JIT makes one body for each and the hook costs nothing but its own instructions.

namespace Brushfire.Kernels;

/// <summary>Maps elements of A on their way into the packed panels. Padding zeros of a convolution are not mapped.</summary>
public interface IPrologue
{
    /// <summary>
    /// Called once for each stretch of a row; the result is handed to <c>Apply</c> for all of its elements, for example the offset of the
    /// image's scales. The row is a matrix's row, or a convolution's input pixel counted over all images.
    /// </summary>
    nint Row(int batch, nint row);

    /// <summary>The mapped elements of columns (channels) <paramref name="column"/> and on, one a lane; all lanes exist.</summary>
    TVector Apply<TSimd, TVector>(TVector value, nint row, int column) where TSimd : struct, ISimd<TVector> where TVector : struct;
}

/// <summary>A as it is.</summary>
public readonly struct NoPrologue : IPrologue
{
    public nint Row(int batch, nint row) => 0;

    public TVector Apply<TSimd, TVector>(TVector value, nint row, int column) where TSimd : struct, ISimd<TVector> where TVector : struct => value;
}
