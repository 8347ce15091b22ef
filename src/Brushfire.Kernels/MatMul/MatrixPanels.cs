// A as a matrix in memory with any row and column strides, packed through a prologue.
// Contiguous columns are interleaved straight from memory, contiguous rows copied; other strides are gathered first.

using System.Runtime.CompilerServices;

namespace Brushfire.Kernels;

/// <summary>A[batch, row, column] at source + batch * batchStride + row * rowStride + column * columnStride, strides in elements.</summary>
public readonly unsafe struct MatrixPanels<TPrologue>(float* source, nint batchStride, nint rowStride, nint columnStride, TPrologue prologue) : IPanelSource
    where TPrologue : struct, IPrologue
{
    private const int GatherCount = 64;

    private readonly float* _source = source;
    private readonly nint _batchStride = batchStride, _rowStride = rowStride, _columnStride = columnStride;
    private readonly TPrologue _prologue = prologue;

    public void Pack<TSimd, TVector>(int batch, nint row, int rows, int k, int count, float* panels) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int panelRows = Tiling.Rows<TSimd, TVector>();
        nint* numbers = stackalloc nint[8];
        float** pointers = stackalloc float*[8];
        float* block = _source + batch * _batchStride + row * _rowStride + k * _columnStride;
        for (int done = 0; done < rows; done += panelRows, panels += (nint)panelRows * count)
        {
            int used = Math.Min(panelRows, rows - done);
            if (typeof(TPrologue) == typeof(NoPrologue) && _rowStride == 1 && used == panelRows)
            {
                CopyColumns(block + done, _columnStride, panelRows, count, panels);
                continue;
            }

            for (int r = 0; r < panelRows; r++)
            {
                pointers[r] = r < used ? block + (done + r) * _rowStride : PanelPacking.Zeros;
                numbers[r] = row + done + r;
            }

            if (_columnStride == 1) PanelPacking.Pack<TSimd, TVector, TPrologue>(pointers, batch, numbers, count, k, _prologue, panels);
            else Gather<TSimd, TVector>(pointers, batch, numbers, used, k, count, panels);
        }
    }

    public float* Address(int batch, nint row, int k) => _columnStride == 1 ? _source + batch * _batchStride + row * _rowStride + k : null;

    public APanel Rows(int batch, nint row, int k) => typeof(TPrologue) == typeof(NoPrologue) ? new(Address(batch, row, k), _rowStride, 1) : default;

    private static void CopyColumns(float* source, nint columnStride, int rows, int count, float* panel)
    {
        for (; count > 0; count--, source += columnStride, panel += rows)
            for (int r = 0; r < rows; r += 2) Unsafe.CopyBlockUnaligned(panel + r, source + r, 2 * sizeof(float));
    }

    // Elements of a row that are apart in memory: brought together, a stretch at a time, before they are interleaved.
    [SkipLocalsInit]
    private void Gather<TSimd, TVector>(float** rows, int batch, nint* numbers, int used, int column, int count, float* panel)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int panelRows = Tiling.Rows<TSimd, TVector>();
        float* gathered = stackalloc float[8 * GatherCount];
        float** pointers = stackalloc float*[8];
        for (int r = 0; r < panelRows; r++) pointers[r] = r < used ? gathered + r * GatherCount : PanelPacking.Zeros;
        for (int start = 0; start < count; start += GatherCount)
        {
            int length = Math.Min(GatherCount, count - start);
            for (int r = 0; r < used; r++)
            {
                float* from = rows[r] + start * _columnStride;
                for (int i = 0; i < length; i++) pointers[r][i] = from[i * _columnStride];
            }

            PanelPacking.Pack<TSimd, TVector, TPrologue>(pointers, batch, numbers, length, column + start, _prologue, panel + (nint)start * panelRows);
        }
    }
}
