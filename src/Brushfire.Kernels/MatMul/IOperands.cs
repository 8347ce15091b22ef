// In which element type a product's operands are multiplied, and by which micro-kernel: a struct type parameter of Gemm, so
// that there is one Gemm for all. Sums are float32 always, and so is what epilogues get.
//
// | operands | A panel | B panel | micro-kernel |
// | --- | --- | --- | --- |
// | Float32Operands | [K][MR] float32 | [K][NR] float32 | MicroKernel |
// | PairOperands | [K/2][MR] bfloat16 pairs | [K/2][NR] bfloat16 pairs | machine code: BFloat16Code |
// | WidenedOperands | [K][MR] float32, rounded to bfloat16 | [K/2][NR] bfloat16 pairs, widened to [K][NR] float32 once a block | MicroKernel |

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Brushfire.Kernels;

/// <summary>How blocks of A and panels of B become what the micro-kernel reads. Sizes of K blocks are even but for the last.</summary>
internal unsafe interface IOperands
{
    /// <summary>How B is packed.</summary>
    static abstract ElementKind ElementB { get; }

    /// <summary>Neighbours along K that the micro-kernel takes together, in 32 bits of a panel: 1 number or 2.</summary>
    static abstract int Together { get; }

    /// <summary>Whether the micro-kernel takes rows of A as they lie in memory.</summary>
    static abstract bool TakesRows<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>Floats of scratch that <see cref="PackA"/> and <see cref="PrepareB"/> share.</summary>
    static abstract int StageFloats(int mr, int nr, int kc);

    /// <summary>Packs a block of A into panels, as <see cref="IPanelSource.Pack"/> does.</summary>
    static abstract void PackA<TPanels, TSimd, TVector>(in TPanels panels, int batch, nint row, int rows, int k, int count, byte* a, float* stage)
        where TPanels : struct, IPanelSource where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>MR rows of float32 as a panel of A.</summary>
    static abstract void Interleave<TSimd, TVector>(float** rows, int count, float* panel) where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>Float32 rows of a panel of B as the micro-kernel reads them, in place.</summary>
    static abstract void Convert<TSimd, TVector>(float* rows, int count) where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>A panel of B as the micro-kernel reads it: itself, or a converted copy in the stage.</summary>
    static abstract byte* PrepareB<TSimd, TVector>(byte* panel, int count, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>The micro-kernel for the tile's first <paramref name="columns"/>, which asks for memory on the way: see <see cref="MicroKernel"/>.</summary>
    static abstract void Multiply<TSimd, TVector>(int count, APanel a, byte* b, float* tile, nint tileStride, bool accumulate, int columns, in Ahead ahead)
        where TSimd : struct, ISimd<TVector> where TVector : struct;
}

/// <summary>Both operands in float32.</summary>
internal readonly unsafe struct Float32Operands : IOperands
{
    public static ElementKind ElementB => ElementKind.Float32;
    public static int Together => 1;
    public static bool TakesRows<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct => MicroKernel.TakesRows<TSimd, TVector>();
    public static int StageFloats(int mr, int nr, int kc) => 0;

    public static void PackA<TPanels, TSimd, TVector>(in TPanels panels, int batch, nint row, int rows, int k, int count, byte* a, float* stage)
        where TPanels : struct, IPanelSource where TSimd : struct, ISimd<TVector> where TVector : struct =>
        panels.Pack<TSimd, TVector>(batch, row, rows, k, count, (float*)a);

    public static void Interleave<TSimd, TVector>(float** rows, int count, float* panel) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        PanelPacking.Interleave(rows, Tiling.Rows<TSimd, TVector>(), count, panel);

    public static void Convert<TSimd, TVector>(float* rows, int count) where TSimd : struct, ISimd<TVector> where TVector : struct { }

    public static byte* PrepareB<TSimd, TVector>(byte* panel, int count, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct => panel;

    public static void Multiply<TSimd, TVector>(int count, APanel a, byte* b, float* tile, nint tileStride, bool accumulate, int columns, in Ahead ahead)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        MicroKernel.Run<TSimd, TVector>(count, a, (float*)b, tile, tileStride, accumulate, columns, ahead);
}

/// <summary>Both operands rounded to bfloat16 and multiplied as float32: products of two bfloat16 numbers are exact there.</summary>
internal readonly unsafe struct WidenedOperands : IOperands
{
    public static ElementKind ElementB => ElementKind.BFloat16;
    public static int Together => 1;
    public static bool TakesRows<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct => false;
    public static int StageFloats(int mr, int nr, int kc) => nr * kc;

    public static void PackA<TPanels, TSimd, TVector>(in TPanels panels, int batch, nint row, int rows, int k, int count, byte* a, float* stage)
        where TPanels : struct, IPanelSource where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // Panel by panel: each is still in the nearest cache when it is rounded.
        int mr = Tiling.Rows<TSimd, TVector>();
        float* panel = (float*)a;
        for (int i = 0; i < rows; i += mr, panel += (nint)mr * count)
        {
            panels.Pack<TSimd, TVector>(batch, row + i, Math.Min(mr, rows - i), k, count, panel);
            BFloat16Panels.Round<TSimd, TVector>(panel, (nint)mr * count);
        }
    }

    public static void Interleave<TSimd, TVector>(float** rows, int count, float* panel) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int mr = Tiling.Rows<TSimd, TVector>();
        PanelPacking.Interleave(rows, mr, count, panel);
        BFloat16Panels.Round<TSimd, TVector>(panel, (nint)mr * count);
    }

    public static void Convert<TSimd, TVector>(float* rows, int count) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        BFloat16Panels.Round<TSimd, TVector>(rows, (nint)Tiling.Columns<TSimd, TVector>() * count);

    public static byte* PrepareB<TSimd, TVector>(byte* panel, int count, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        BFloat16Panels.Widen<TSimd, TVector>((uint*)panel, count, Tiling.Columns<TSimd, TVector>(), stage);
        return (byte*)stage;
    }

    public static void Multiply<TSimd, TVector>(int count, APanel a, byte* b, float* tile, nint tileStride, bool accumulate, int columns, in Ahead ahead)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        MicroKernel.Run<TSimd, TVector>(count, a, (float*)b, tile, tileStride, accumulate, columns, ahead);
}

/// <summary>Pairs of bfloat16 on both sides, for the processor's own products; only with 512 bits.</summary>
internal readonly unsafe struct PairOperands<TKernels> : IOperands where TKernels : struct, IBFloat16Kernels
{
    public static ElementKind ElementB => ElementKind.BFloat16;
    public static int Together => 2;
    public static bool TakesRows<TSimd, TVector>() where TSimd : struct, ISimd<TVector> where TVector : struct => false;
    public static int StageFloats(int mr, int nr, int kc) => mr * kc;

    public static void PackA<TPanels, TSimd, TVector>(in TPanels panels, int batch, nint row, int rows, int k, int count, byte* a, float* stage)
        where TPanels : struct, IPanelSource where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // Panel by panel: the float32 form of one never leaves the nearest cache.
        for (int i = 0; i < rows; i += BFloat16Code.Rows, a += BFloat16Code.Rows * Blocks.Count(count, 2) * sizeof(uint))
        {
            panels.Pack<TSimd, TVector>(batch, row + i, Math.Min(BFloat16Code.Rows, rows - i), k, count, stage);
            PackRows(stage, count, (uint*)a);
        }
    }

    private static void PackRows(float* rows, int count, uint* pairs)
    {
        const int Rows = BFloat16Code.Rows, PackedTogether = BFloat16Code.PackedTogether;
        int fours = count / PackedTogether, done = fours * PackedTogether;
        TKernels.PackRows(fours, rows, pairs);
        BFloat16Panels.Pack<Simd256, Vector256<float>>(rows + done * Rows, count - done, Rows, pairs + done / 2 * Rows);
    }

    [SkipLocalsInit]
    public static void Interleave<TSimd, TVector>(float** rows, int count, float* panel) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        const int Stretch = 16, Rows = BFloat16Code.Rows;
        float* stage = stackalloc float[Stretch * Rows];
        float** from = stackalloc float*[Rows];
        for (int start = 0; start < count; start += Stretch)
        {
            int length = Math.Min(Stretch, count - start);
            for (int r = 0; r < Rows; r++) from[r] = rows[r] + start;
            PanelPacking.Interleave(from, Rows, length, stage);
            PackRows(stage, length, (uint*)panel + start / 2 * Rows);
        }
    }

    public static void Convert<TSimd, TVector>(float* rows, int count) where TSimd : struct, ISimd<TVector> where TVector : struct =>
        BFloat16Panels.Pack<TSimd, TVector>(rows, count, Tiling.Columns<TSimd, TVector>(), (uint*)rows);

    public static byte* PrepareB<TSimd, TVector>(byte* panel, int count, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct => panel;

    public static void Multiply<TSimd, TVector>(int count, APanel a, byte* b, float* tile, nint tileStride, bool accumulate, int columns, in Ahead ahead)
        where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        int pairs = Blocks.Count(count, 2);
        TKernels.Multiply(pairs, (byte*)a.Start, b, tile, tileStride, accumulate, columns, ahead.IsEmpty ? AheadLines.None(a.Start) : ahead.Over(Math.Max(1, pairs), every: 1));
    }
}
