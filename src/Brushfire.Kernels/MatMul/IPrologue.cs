// What a product does to A while it is packed: the hook that fused code (a norm's scale and shift, an activation) is
// given by. A struct type parameter of Gemm and Convolution, as the epilogue is.

namespace Brushfire.Kernels;

/// <summary>Maps elements of A on their way into the packed panels. Padding zeros of a convolution are not mapped.</summary>
public unsafe interface IPrologue
{
    /// <summary>
    /// Maps a stretch of a row, columns (channels) <paramref name="column"/> and on, and writes it. The row is a matrix's row, or a convolution's
    /// input pixel counted over all images, in batch 0.
    /// </summary>
    void Apply<TSimd, TVector>(float* source, int count, int batch, nint row, int column, float* destination) where TSimd : struct, ISimd<TVector> where TVector : struct;
}

/// <summary>A as it is.</summary>
public readonly unsafe struct NoPrologue : IPrologue
{
    public void Apply<TSimd, TVector>(float* source, int count, int batch, nint row, int column, float* destination) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        new Span<float>(source, count).CopyTo(new Span<float>(destination, count));
}
