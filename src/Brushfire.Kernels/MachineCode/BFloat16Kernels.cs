// Which kernels bfloat16 products run with, and why: machine code where processor and system allow it, else operands are
// widened to float32.

using System.Runtime.Intrinsics.X86;

namespace Brushfire.Kernels;

/// <summary>The kernels that are multiplied with in machine code; a struct type parameter, so that tests can interpret the code.</summary>
internal unsafe interface IBFloat16Kernels
{
    /// <summary>The first <paramref name="columns"/> of a tile of 8 x 48 from panels of pairs; each pair of steps along K asks for two lines: see <see cref="BFloat16Code.Tile"/>.</summary>
    static abstract void Multiply(nint pairs, byte* a, byte* b, float* tile, nint tileStride, bool accumulate, int columns, AheadLines ahead);

    /// <summary>Rows of 8 numbers to rows of 8 pairs: see <see cref="BFloat16Code.PackRows"/>.</summary>
    static abstract void PackRows(nint fours, float* rows, uint* pairs);
}

public static unsafe class BFloat16Kernels
{
    static BFloat16Kernels()
    {
        if (!HasInstruction) Reason = "operands widened to float32, because the processor has no AVX512_BF16";
        else if (Isas.Current != Isa.Avx512) Reason = $"operands widened to float32, because {Knobs.Isa.Name} allows no 512-bit vectors";
        else if (!CodePages.IsSupported) Reason = "operands widened to float32, because machine code is made on Linux x64 only";
        else if (IsSlow) Reason = "operands widened to float32, because VDPBF16PS is slower on this maker's processors";
        else if (!Native.IsLoaded) Reason = "operands widened to float32, because the system gives no executable memory";
        else (IsNative, Reason) = (true, "VDPBF16PS in machine code");
    }

    /// <summary>Whether bfloat16 products are the processor's own; else they are as fast as float32 ones.</summary>
    public static bool IsNative { get; }

    /// <summary>What is used, and why.</summary>
    public static string Reason { get; }

    /// <summary>Whether <see cref="Native"/> may be called, be it fast or not.</summary>
    internal static bool CanRun => HasInstruction && Isas.Current == Isa.Avx512 && CodePages.IsSupported && Native.IsLoaded;

    // Intel's cores start a VDPBF16PS every other cycle, and two float32 FMAs, half of its work each, every cycle; AMD's start as many of either. The vendor
    // rather than a measurement decides, so that the same processor always gives the same numbers. CPUID leaf 0 spells it in EBX, EDX, ECX.
    private static bool IsSlow => X86Base.CpuId(0, 0) is (_, 0x756e6547, 0x6c65746e, 0x49656e69); // "Genu", "ntel", "ineI"

    // CPUID leaf 7, subleaf 1, EAX bit 5. That the system saves the registers is part of Avx512F.IsSupported.
    private static bool HasInstruction =>
        Avx512F.IsSupported && Avx512BW.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    /// <summary>The machine code itself, made when it is first asked for; only where <see cref="CanRun"/>.</summary>
    internal readonly struct Native : IBFloat16Kernels
    {
        private static readonly delegate* unmanaged[SuppressGCTransition]<nint, void*, void*, float*, nint, int, void*, nint, void*, nint, void> s_oneVector = LoadTile(1), s_twoVectors = LoadTile(2), s_threeVectors = LoadTile(3);
        private static readonly delegate* unmanaged[SuppressGCTransition]<nint, float*, void*, void> s_packRows =
            (delegate* unmanaged[SuppressGCTransition]<nint, float*, void*, void>)CodePages.Load(BFloat16Code.PackRows());

        internal static bool IsLoaded => s_oneVector != null && s_twoVectors != null && s_threeVectors != null && s_packRows != null;

        private static delegate* unmanaged[SuppressGCTransition]<nint, void*, void*, float*, nint, int, void*, nint, void*, nint, void> LoadTile(int vectors) =>
            (delegate* unmanaged[SuppressGCTransition]<nint, void*, void*, float*, nint, int, void*, nint, void*, nint, void>)CodePages.Load(BFloat16Code.Tile(vectors));

        public static void Multiply(nint pairs, byte* a, byte* b, float* tile, nint tileStride, bool accumulate, int columns, AheadLines ahead) =>
            (columns > 32 ? s_threeVectors : columns > 16 ? s_twoVectors : s_oneVector)(pairs, a, b, tile, tileStride * sizeof(float), accumulate ? 1 : 0, ahead.B, ahead.BStep, ahead.A, ahead.AStep);

        public static void PackRows(nint fours, float* rows, uint* pairs) => s_packRows(fours, rows, pairs);
    }
}
