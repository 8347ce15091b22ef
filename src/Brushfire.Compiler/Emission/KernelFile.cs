// What all generated files have in common.

namespace Brushfire.Compiler.Emission;

internal static class KernelFile
{
    public const string Constraints = "where TSimd : struct, ISimd<TVector> where TVector : struct";

    /// <summary>Before a method for what fills no vector, which most launches never call: apart, the JIT compiles it only where it is needed.</summary>
    public const string Rest = "[MethodImpl(MethodImplOptions.NoInlining)]";

    public static void Open(Code code)
    {
        code.Line("using System.Runtime.CompilerServices;");
        code.Line("using Brushfire.Kernels;");
        code.Line();
        code.Line("namespace Brushfire.Generated;");
        code.Line();
    }
}
