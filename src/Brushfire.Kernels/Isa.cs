// The instruction set that kernels run with: found out once, or forced by BRUSHFIRE_ISA or a caller.
// A forced set that the processor lacks still gives right results: .NET emulates wide vectors, slowly.

using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Brushfire.Kernels;

/// <summary>Vector width of the kernels: 128 bits anywhere, 256 bits with FMA, 512 bits.</summary>
public enum Isa { Portable, Avx2, Avx512 }

public static class Isas
{
    private static Isa s_current = Knobs.Isa.Value is { } forced ? Parse(forced) : Best;

    /// <summary>The widest set that this processor runs in hardware.</summary>
    public static Isa Best =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? Isa.Avx512 : Avx2.IsSupported && Fma.IsSupported ? Isa.Avx2 : Isa.Portable;

    /// <summary>The set in use. Setting it changes every kernel started afterwards, in all threads.</summary>
    public static Isa Current { get => s_current; set => s_current = value; }

    /// <summary>Reads avx512, avx2 or portable.</summary>
    /// <exception cref="ArgumentException">The text is none of the three.</exception>
    public static Isa Parse(string text) => text.ToLowerInvariant() switch
    {
        "avx512" => Isa.Avx512,
        "avx2" => Isa.Avx2,
        "portable" => Isa.Portable,
        _ => throw new ArgumentException($"'{text}' is not an instruction set; {Knobs.Isa.Name} takes {Knobs.Isa.Values}."),
    };
}
