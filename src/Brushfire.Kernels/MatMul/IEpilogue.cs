// What a product does with a finished tile while it is in the nearest cache: scale, bias, residual, activation, gate,
// conversion. A struct type parameter of Gemm and Convolution, as the prologue is.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>Writes finished tiles to the output. Each output element is in exactly one tile.</summary>
public unsafe interface IEpilogue
{
    /// <summary>Asks for the memory that <see cref="Store"/> will read and write, before the tile is computed: a hint.</summary>
    void Prefetch(int batch, nint row, int column, int rows, int columns);

    /// <summary>
    /// Takes rows x columns sums, rows <paramref name="tileStride"/> apart, that belong at (batch, row, column) of the output. The tile is the
    /// caller's to overwrite; it starts at a multiple of the register tile's columns, and is smaller than that tile only at the edges.
    /// Of a matrix packed in halves, the second one's sums stand tileStride / 2 behind the first one's.
    /// </summary>
    void Store<TSimd, TVector>(float* tile, nint tileStride, int batch, nint row, int column, int rows, int columns)
        where TSimd : struct, ISimd<TVector> where TVector : struct;
}

/// <summary>
/// output = scale * sum + bias[column] + residual. Columns of the output are contiguous; the residual has the output's strides and may be
/// the output itself. Null leaves bias or residual out.
/// </summary>
/// <param name="exceedsCaches">Whether the output is written past the caches.</param>
public readonly unsafe struct StoreEpilogue(float* output, nint batchStride, nint rowStride, float* bias = null, float* residual = null, float scale = 1, bool exceedsCaches = false) : IEpilogue
{
    private readonly float* _output = output, _bias = bias, _residual = residual;
    private readonly nint _batchStride = batchStride, _rowStride = rowStride;
    private readonly float _scale = scale;
    private readonly bool _exceedsCaches = exceedsCaches;

    public void Prefetch(int batch, nint row, int column, int rows, int columns)
    {
        nint offset = batch * _batchStride + row * _rowStride + column;
        if (!_exceedsCaches) CacheLines.Prefetch(_output + offset, _rowStride, rows, columns);
        if (_residual != null) CacheLines.Prefetch(_residual + offset, _rowStride, rows, columns);
    }

    public void Store<TSimd, TVector>(float* tile, nint tileStride, int batch, nint row, int column, int rows, int columns)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        nint offset = batch * _batchStride + row * _rowStride + column;
        int c = 0;
        for (; c + TSimd.Count <= columns; c += TSimd.Count) StoreColumns<TSimd, TVector>(tile + c, tileStride, offset + c, column + c, rows);
        for (; c < columns; c++) StoreColumns<SimdScalar, float>(tile + c, tileStride, offset + c, column + c, rows);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void StoreColumns<TSimd, TVector>(float* tile, nint tileStride, nint offset, int column, int rows)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        TVector factor = TSimd.Broadcast(_scale);
        bool past = _exceedsCaches && CacheLines.AreAligned<TSimd, TVector>(_output + offset, _rowStride);
        TVector addend = _bias != null ? TSimd.Load(_bias + column) : TSimd.Zero;
        for (int r = 0; r < rows; r++, tile += tileStride, offset += _rowStride)
        {
            TVector value = TSimd.MultiplyAdd(TSimd.Load(tile), factor, addend);
            if (_residual != null) value = TSimd.Add(value, TSimd.Load(_residual + offset));
            CacheLines.Store<TSimd, TVector>(_output + offset, 0, value, past);
        }
    }
}
