// Environment variables are read where they are needed, some of them late. A command line asks for all of them before its work
// begins, so that a value that cannot be is told as a wrong option is.

using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Cli;

internal static class EnvironmentCheck
{
    /// <summary>What is wrong with the variables of <see cref="Knobs"/>. The instruction set is settled afterwards.</summary>
    public static IEnumerable<string> Problems()
    {
        Action[] readings = [() => _ = Isas.Current, () => _ = WorkerPool.Threads, () => _ = ConvolutionAlgorithms.Forced, Compiler.Compiler.CheckSettings];
        foreach (Action read in readings)
            if (Problem(read) is { } problem) yield return problem;
    }

    private static string? Problem(Action read)
    {
        try
        {
            read();
            return null;
        }
        catch (TypeInitializationException exception) when (exception.InnerException is ArgumentException inner)
        {
            return inner.Message;
        }
        catch (BrushfireException exception)
        {
            return exception.Message;
        }
    }
}
