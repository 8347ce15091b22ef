// What all generated files have in common.

namespace Brushfire.Compiler.Emission;

internal static class KernelFile
{
    public const string Constraints = "where TSimd : struct, ISimd<TVector> where TVector : struct";

    public static void Open(Code code)
    {
        code.Line("using System.Runtime.CompilerServices;");
        code.Line("using Brushfire.Kernels;");
        code.Line();
        code.Line("namespace Brushfire.Generated;");
        code.Line();
    }
}
