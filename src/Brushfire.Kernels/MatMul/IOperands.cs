// In which element type a product's operands are multiplied, and by which micro-kernel: a struct type parameter of Gemm, so
// that there is one Gemm for all. Sums are float32 always, and so is what epilogues get.
//
// | operands | A panel | B panel | micro-kernel |
// | --- | --- | --- | --- |
// | Float32Operands | [K][MR] float32 | [K][NR] float32 | MicroKernel |
// | PairOperands | [K/2][MR] bfloat16 pairs | [K/2][NR] bfloat16 pairs | machine code: BFloat16Code |
// | WidenedOperands | [K][MR] float32, rounded to bfloat16 | [K/2][NR] bfloat16 pairs, widened to [K][NR] float32 once a block | MicroKernel |

using System.Runtime.Intrinsics;

namespace Brushfire.Kernels;

/// <summary>How blocks of A and panels of B become what the micro-kernel reads. Sizes of K blocks are even but for the last.</summary>
internal unsafe interface IOperands
{
    /// <summary>How B is packed.</summary>
    static abstract ElementKind ElementB { get; }

    /// <summary>Bytes of a packed panel of A.</summary>
    static abstract int PanelBytesA(int mr, int count);

    /// <summary>Floats of scratch that <see cref="PackA"/> and <see cref="PrepareB"/> share.</summary>
    static abstract int StageFloats(int mr, int nr, int kc);

    /// <summary>Packs a block of A into panels, as <see cref="IPanelSource.Pack"/> does.</summary>
    static abstract void PackA<TPanels, TSimd, TVector>(in TPanels panels, int batch, nint row, int rows, int k, int count, byte* a, float* stage)
        where TPanels : struct, IPanelSource where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>A panel of B as the micro-kernel reads it: itself, or a converted copy in the stage.</summary>
    static abstract byte* PrepareB<TSimd, TVector>(byte* panel, int count, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct;

    /// <summary>The micro-kernel: see <see cref="MicroKernel.Run"/>.</summary>
    static abstract void Multiply<TSimd, TVector>(int count, byte* a, byte* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct;
}

/// <summary>Both operands in float32.</summary>
internal readonly unsafe struct Float32Operands : IOperands
{
    public static ElementKind ElementB => ElementKind.Float32;
    public static int PanelBytesA(int mr, int count) => mr * count * sizeof(float);
    public static int StageFloats(int mr, int nr, int kc) => 0;

    public static void PackA<TPanels, TSimd, TVector>(in TPanels panels, int batch, nint row, int rows, int k, int count, byte* a, float* stage)
        where TPanels : struct, IPanelSource where TSimd : struct, ISimd<TVector> where TVector : struct =>
        panels.Pack<TSimd, TVector>(batch, row, rows, k, count, (float*)a);

    public static byte* PrepareB<TSimd, TVector>(byte* panel, int count, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct => panel;

    public static void Multiply<TSimd, TVector>(int count, byte* a, byte* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        MicroKernel.Run<TSimd, TVector>(count, (float*)a, (float*)b, tile, tileStride, accumulate);
}

/// <summary>Both operands rounded to bfloat16 and multiplied as float32: products of two bfloat16 numbers are exact there.</summary>
internal readonly unsafe struct WidenedOperands : IOperands
{
    public static ElementKind ElementB => ElementKind.BFloat16;
    public static int PanelBytesA(int mr, int count) => mr * count * sizeof(float);
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

    public static byte* PrepareB<TSimd, TVector>(byte* panel, int count, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        BFloat16Panels.Widen<TSimd, TVector>((uint*)panel, count, Tiling.Columns<TSimd, TVector>(), stage);
        return (byte*)stage;
    }

    public static void Multiply<TSimd, TVector>(int count, byte* a, byte* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        MicroKernel.Run<TSimd, TVector>(count, (float*)a, (float*)b, tile, tileStride, accumulate);
}

/// <summary>Pairs of bfloat16 on both sides, for the processor's own products; only with 512 bits.</summary>
internal readonly unsafe struct PairOperands<TKernels> : IOperands where TKernels : struct, IBFloat16Kernels
{
    public static ElementKind ElementB => ElementKind.BFloat16;
    public static int PanelBytesA(int mr, int count) => mr * Blocks.RoundUp(count, 2) * sizeof(ushort);
    public static int StageFloats(int mr, int nr, int kc) => mr * kc;

    public static void PackA<TPanels, TSimd, TVector>(in TPanels panels, int batch, nint row, int rows, int k, int count, byte* a, float* stage)
        where TPanels : struct, IPanelSource where TSimd : struct, ISimd<TVector> where TVector : struct
    {
        // Panel by panel: the float32 form of one never leaves the nearest cache.
        const int Rows = BFloat16Code.Rows, Together = BFloat16Code.PackedTogether;
        int fours = count / Together, done = fours * Together;
        for (int i = 0; i < rows; i += Rows, a += PanelBytesA(Rows, count))
        {
            panels.Pack<TSimd, TVector>(batch, row + i, Math.Min(Rows, rows - i), k, count, stage);
            TKernels.PackRows(fours, stage, (uint*)a);
            BFloat16Panels.Pack<Simd256, Vector256<float>>(stage + done * Rows, count - done, Rows, (uint*)a + done / 2 * Rows);
        }
    }

    public static byte* PrepareB<TSimd, TVector>(byte* panel, int count, float* stage) where TSimd : struct, ISimd<TVector> where TVector : struct => panel;

    public static void Multiply<TSimd, TVector>(int count, byte* a, byte* b, float* tile, nint tileStride, bool accumulate)
        where TSimd : struct, ISimd<TVector> where TVector : struct =>
        TKernels.Multiply(Blocks.Count(count, 2), a, b, tile, tileStride, accumulate);
}
