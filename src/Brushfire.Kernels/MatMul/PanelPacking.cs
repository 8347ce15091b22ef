// Rows that are contiguous in memory, interleaved into a panel: panel[k][r] = rows[r][k]. Serves both operands of a
// product: MR rows of A, or NR columns of a weight matrix that is stored [outputs, inputs].
// Four rows at a time are transposed in registers, 4 x 4.

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

    /// <summary>Interleaves MR rows through the prologue; <paramref name="states"/> are its row states. Rows that are <see cref="Zeros"/> stay zero.</summary>
    [SkipLocalsInit]
    public static void Pack<TSimd, TVector, TPrologue>(float** rows, nint* states, int count, int column, in TPrologue prologue, float* panel)
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
                Apply<TSimd, TVector, TPrologue>(rows[r] + start, length, states[r], column + start, prologue, staged[r]);
            }

            Interleave(staged, rowCount, length, panel + (nint)start * rowCount);
        }
    }

    private static void Apply<TSimd, TVector, TPrologue>(float* source, int count, nint state, int column, in TPrologue prologue, float* destination)
        where TSimd : struct, ISimd<TVector> where TVector : struct where TPrologue : struct, IPrologue
    {
        int i = 0;
        for (; i + TSimd.Count <= count; i += TSimd.Count)
            TSimd.Store(destination + i, prologue.Apply<TSimd, TVector>(TSimd.Load(source + i), state, column + i));
        for (; i < count; i++) destination[i] = prologue.Apply<SimdScalar, float>(source[i], state, column + i);
    }

    /// <summary>panel[k * rowCount + r] = rows[r][k] for k below count; rowCount is even.</summary>
    public static void Interleave(float** rows, int rowCount, int count, float* panel)
    {
        int r = 0;
        for (; r + 4 <= rowCount; r += 4) InterleaveFour(rows[r], rows[r + 1], rows[r + 2], rows[r + 3], count, panel + r, rowCount);
        if (r < rowCount) InterleaveTwo(rows[r], rows[r + 1], count, panel + r, rowCount);
    }

    private static void InterleaveFour(float* row0, float* row1, float* row2, float* row3, int count, float* panel, nint stride)
    {
        int k = 0;
        for (; k + 4 <= count; k += 4, panel += 4 * stride)
        {
            Vector128<float> a = Vector128.Load(row0 + k), b = Vector128.Load(row1 + k), c = Vector128.Load(row2 + k), d = Vector128.Load(row3 + k);
            Vector128<float> lowAC = ZipLow(a, c), highAC = ZipHigh(a, c), lowBD = ZipLow(b, d), highBD = ZipHigh(b, d);
            ZipLow(lowAC, lowBD).Store(panel);
            ZipHigh(lowAC, lowBD).Store(panel + stride);
            ZipLow(highAC, highBD).Store(panel + 2 * stride);
            ZipHigh(highAC, highBD).Store(panel + 3 * stride);
        }

        for (; k < count; k++, panel += stride) Vector128.Create(row0[k], row1[k], row2[k], row3[k]).Store(panel);
    }

    private static void InterleaveTwo(float* row0, float* row1, int count, float* panel, nint stride)
    {
        int k = 0;
        for (; k + 4 <= count; k += 4, panel += 4 * stride)
        {
            Vector128<float> a = Vector128.Load(row0 + k), b = Vector128.Load(row1 + k);
            Vector128<float> low = ZipLow(a, b), high = ZipHigh(a, b);
            low.GetLower().Store(panel);
            low.GetUpper().Store(panel + stride);
            high.GetLower().Store(panel + 2 * stride);
            high.GetUpper().Store(panel + 3 * stride);
        }

        for (; k < count; k++, panel += stride) (panel[0], panel[1]) = (row0[k], row1[k]);
    }

    // a0 b0 a1 b1
    private static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    // a2 b2 a3 b3
    private static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    private static float* AllocateZeros()
    {
        nuint bytes = MaxCount * sizeof(float);
        void* zeros = NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(zeros, bytes);
        return (float*)zeros;
    }
}
