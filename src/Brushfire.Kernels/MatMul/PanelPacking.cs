// Rows that are contiguous in memory, interleaved into a panel: panel[k][r] = rows[r][k]. Serves both operands of a
// product: MR rows of A, or NR columns of a weight matrix that is stored [outputs, inputs].
// Eight numbers of four, six or eight rows at a time are transposed in registers.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Brushfire.Kernels;

internal static unsafe class PanelPacking
{
    /// <summary>Longest stretch that may be packed at once where a row may be <see cref="Zeros"/>.</summary>
    public const int MaxCount = 512;

    // Elements of a row that a prologue handles before they are interleaved: MR of these stay in the nearest cache.
    private const int StageCount = 256;

    /// <summary>A row of zeros: stands for rows beyond the matrix and pixels beyond the image.</summary>
    public static readonly float* Zeros = AllocateZeros();

    /// <summary>Interleaves MR rows through the prologue, to which they are <paramref name="numbers"/> of a batch. Rows that are <see cref="Zeros"/> stay zero.</summary>
    [SkipLocalsInit]
    public static void Pack<TSimd, TVector, TPrologue>(float** rows, int batch, nint* numbers, int count, int column, in TPrologue prologue, float* panel)
        where TSimd : struct, ISimd<TVector> where TVector : struct where TPrologue : struct, IPrologue
    {
        int rowCount = Tiling.Rows<TSimd, TVector>();
        if (typeof(TPrologue) == typeof(NoPrologue))
        {
            Interleave(rows, rowCount, count, panel);
            return;
        }

        float* stage = stackalloc float[8 * StageCount];
        float** staged = stackalloc float*[8];
        for (int start = 0; start < count; start += StageCount)
        {
            int length = Math.Min(StageCount, count - start);
            for (int r = 0; r < rowCount; r++)
            {
                staged[r] = Zeros;
                if (rows[r] == Zeros) continue;
                staged[r] = stage + r * StageCount;
                prologue.Apply<TSimd, TVector>(rows[r] + start, length, batch, numbers[r], column + start, staged[r]);
            }

            Interleave(staged, rowCount, length, panel + (nint)start * rowCount);
        }
    }

    /// <summary>panel[k * rowCount + r] = rows[r][k] for k below count; rowCount is even.</summary>
    public static void Interleave(float** rows, int rowCount, int count, float* panel)
    {
        if (rowCount == 6) InterleaveSix(rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], count, panel);
        else InterleaveEven(rows, rowCount, count, panel);
    }

    private static void InterleaveEven(float** rows, int rowCount, int count, float* panel)
    {
        int r = 0;
        if (Avx.IsSupported)
        {
            for (; r + 8 <= rowCount; r += 8) InterleaveEight(rows + r, count, panel + r, rowCount);
        }

        for (; r + 4 <= rowCount; r += 4) InterleaveFour(rows[r], rows[r + 1], rows[r + 2], rows[r + 3], count, panel + r, rowCount);
        if (r < rowCount) InterleaveTwo(rows[r], rows[r + 1], count, panel + r, rowCount);
    }

    private static void InterleaveTwo(float* row0, float* row1, int count, float* panel, nint stride)
    {
        for (nint k = 0; k < count; k++, panel += stride) (panel[0], panel[1]) = (row0[k], row1[k]);
    }

    /// <summary>panel[k * stride + r] = row r [k] for k below count.</summary>
    public static void InterleaveFour(float* row0, float* row1, float* row2, float* row3, int count, float* panel, nint stride)
    {
        nint k = 0;
        for (; k + 8 <= count; k += 8, panel += 8 * stride)
        {
            Vector256<float> a = Vector256.Load(row0 + k), b = Vector256.Load(row1 + k), c = Vector256.Load(row2 + k), d = Vector256.Load(row3 + k);
            Vector256<float> lowAC = ZipLow(a, c), highAC = ZipHigh(a, c), lowBD = ZipLow(b, d), highBD = ZipHigh(b, d);
            StoreHalves(ZipLow(lowAC, lowBD), panel, 4 * stride);
            StoreHalves(ZipHigh(lowAC, lowBD), panel + stride, 4 * stride);
            StoreHalves(ZipLow(highAC, highBD), panel + 2 * stride, 4 * stride);
            StoreHalves(ZipHigh(highAC, highBD), panel + 3 * stride, 4 * stride);
        }

        for (; k < count; k++, panel += stride) Vector128.Create(row0[k], row1[k], row2[k], row3[k]).Store(panel);
    }

    // Pairs of rows are zipped first; a column of six is then three pairs, and two columns are three vectors of two pairs.
    private static void InterleaveSix(float* row0, float* row1, float* row2, float* row3, float* row4, float* row5, int count, float* panel)
    {
        nint k = 0;
        for (; k + 8 <= count; k += 8, panel += 48)
        {
            Vector256<float> a = Vector256.Load(row0 + k), b = Vector256.Load(row1 + k), c = Vector256.Load(row2 + k);
            Vector256<float> d = Vector256.Load(row3 + k), e = Vector256.Load(row4 + k), f = Vector256.Load(row5 + k);
            StorePairs(ZipLow(a, b), ZipLow(c, d), ZipLow(e, f), panel);
            StorePairs(ZipHigh(a, b), ZipHigh(c, d), ZipHigh(e, f), panel + 12);
        }

        for (; k < count; k++, panel += 6)
            (panel[0], panel[1], panel[2], panel[3], panel[4], panel[5]) = (row0[k], row1[k], row2[k], row3[k], row4[k], row5[k]);
    }

    // Four rows at a time give vectors of two columns, k and k + 4; the halves of two such vectors meet in a column of eight, which is written at once.
    private static void InterleaveEight(float** rows, int count, float* panel, nint stride)
    {
        float* row0 = rows[0], row1 = rows[1], row2 = rows[2], row3 = rows[3], row4 = rows[4], row5 = rows[5], row6 = rows[6], row7 = rows[7];
        nint k = 0;
        for (; k + 8 <= count; k += 8, panel += 8 * stride)
        {
            Vector256<float> a = Vector256.Load(row0 + k), b = Vector256.Load(row1 + k), c = Vector256.Load(row2 + k), d = Vector256.Load(row3 + k);
            Vector256<float> e = Vector256.Load(row4 + k), f = Vector256.Load(row5 + k), g = Vector256.Load(row6 + k), h = Vector256.Load(row7 + k);
            Vector256<float> lowAC = ZipLow(a, c), highAC = ZipHigh(a, c), lowBD = ZipLow(b, d), highBD = ZipHigh(b, d);
            Vector256<float> lowEG = ZipLow(e, g), highEG = ZipHigh(e, g), lowFH = ZipLow(f, h), highFH = ZipHigh(f, h);
            StoreColumns(ZipLow(lowAC, lowBD), ZipLow(lowEG, lowFH), panel, 4 * stride);
            StoreColumns(ZipHigh(lowAC, lowBD), ZipHigh(lowEG, lowFH), panel + stride, 4 * stride);
            StoreColumns(ZipLow(highAC, highBD), ZipLow(highEG, highFH), panel + 2 * stride, 4 * stride);
            StoreColumns(ZipHigh(highAC, highBD), ZipHigh(highEG, highFH), panel + 3 * stride, 4 * stride);
        }

        for (; k < count; k++, panel += stride)
            Vector256.Create(row0[k], row1[k], row2[k], row3[k], row4[k], row5[k], row6[k], row7[k]).Store(panel);
    }

    // The columns of the lower halves, and of the upper halves at a distance.
    private static void StoreColumns(Vector256<float> rows0To3, Vector256<float> rows4To7, float* panel, nint distance)
    {
        Avx.Permute2x128(rows0To3, rows4To7, 0x20).Store(panel);
        Avx.Permute2x128(rows0To3, rows4To7, 0x31).Store(panel + distance);
    }

    // Each half of a vector holds two pairs, of columns 0 and 1 in the lower and 4 and 5 in the upper half.
    private static void StorePairs(Vector256<float> ab, Vector256<float> cd, Vector256<float> ef, float* panel)
    {
        Vector256<double> x = ab.AsDouble(), y = cd.AsDouble(), z = ef.AsDouble();
        StoreHalves(ZipLow(x, y).AsSingle(), panel, 24);
        StoreHalves(Blend(z, x).AsSingle(), panel + 4, 24);
        StoreHalves(ZipHigh(y, z).AsSingle(), panel + 8, 24);
    }

    private static void StoreHalves(Vector256<float> value, float* lower, nint distance)
    {
        value.GetLower().Store(lower);
        value.GetUpper().Store(lower + distance);
    }

    // In each half: a0 b0 a1 b1.
    private static Vector256<float> ZipLow(Vector256<float> a, Vector256<float> b) =>
        Avx.IsSupported ? Avx.UnpackLow(a, b) : Vector256.Create(ZipLow(a.GetLower(), b.GetLower()), ZipLow(a.GetUpper(), b.GetUpper()));

    // In each half: a2 b2 a3 b3.
    private static Vector256<float> ZipHigh(Vector256<float> a, Vector256<float> b) =>
        Avx.IsSupported ? Avx.UnpackHigh(a, b) : Vector256.Create(ZipHigh(a.GetLower(), b.GetLower()), ZipHigh(a.GetUpper(), b.GetUpper()));

    // In each half: a0 b0.
    private static Vector256<double> ZipLow(Vector256<double> a, Vector256<double> b) =>
        Avx.IsSupported ? Avx.UnpackLow(a, b) : Vector256.Create(a[0], b[0], a[2], b[2]);

    // In each half: a1 b1.
    private static Vector256<double> ZipHigh(Vector256<double> a, Vector256<double> b) =>
        Avx.IsSupported ? Avx.UnpackHigh(a, b) : Vector256.Create(a[1], b[1], a[3], b[3]);

    // In each half: a0 b1.
    private static Vector256<double> Blend(Vector256<double> a, Vector256<double> b) =>
        Avx.IsSupported ? Avx.Blend(a, b, 0b1010) : Vector256.Create(a[0], b[1], a[2], b[3]);

    private static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b) : Vector128.Create(a[0], b[0], a[1], b[1]);

    private static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b) : Vector128.Create(a[2], b[2], a[3], b[3]);

    private static float* AllocateZeros()
    {
        nuint bytes = MaxCount * sizeof(float);
        void* zeros = NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(zeros, bytes);
        return (float*)zeros;
    }
}
