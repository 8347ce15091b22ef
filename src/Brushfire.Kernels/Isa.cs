// The instruction set that kernels run with: found out once for the whole process, or forced by BRUSHFIRE_ISA.
// A forced set that the processor lacks still gives right results: .NET emulates wide vectors, slowly.

using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Brushfire.Kernels;

/// <summary>Vector width of the kernels: 128 bits anywhere, 256 bits with FMA, 512 bits.</summary>
public enum Isa { Portable, Avx2, Avx512 }

public static class Isas
{
    /// <summary>The widest set that this processor runs in hardware.</summary>
    public static Isa Best =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? Isa.Avx512 : Avx2.IsSupported && Fma.IsSupported ? Isa.Avx2 : Isa.Portable;

    /// <summary>The set in use. It never changes once it was read: packed weights and work under way are laid out for it.</summary>
    public static Isa Current => Choice.Made;

    private static Isa? s_wish;

    /// <summary>Takes this set, whatever the environment says. False where the process runs with another one already.</summary>
    public static bool TryForce(Isa isa)
    {
        s_wish = isa;
        return Current == isa;
    }

    // Made when Current is read first, not before.
    private static class Choice
    {
        public static readonly Isa Made = s_wish ?? (Knobs.Isa.Value is { } forced ? Parse(forced) : Best);

        static Choice() { }
    }

    private static Isa Parse(string text) => text.ToLowerInvariant() switch
    {
        "avx512" => Isa.Avx512,
        "avx2" => Isa.Avx2,
        "portable" => Isa.Portable,
        _ => throw new ArgumentException($"'{text}' is not an instruction set; {Knobs.Isa.Name} takes {Knobs.Isa.Values}."),
    };
}
