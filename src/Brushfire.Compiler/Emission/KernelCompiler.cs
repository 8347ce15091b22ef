// Kernels' texts to function pointers. Texts that were compiled before in this process, or by any process into the cache,
// are not compiled again; the others go through Roslyn together, as one assembly, which stays loaded.

using System.Reflection;
using System.Runtime.Loader;
using Brushfire.Compiler.Diagnostics;

namespace Brushfire.Compiler.Emission;

internal static unsafe class KernelCompiler
{
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<string, nint> s_compiled = new(StringComparer.Ordinal);
    private static readonly AssemblyLoadContext s_context = new("Brushfire kernels");

    /// <summary>
    /// A function for each kernel: called with the addresses of its inputs and outputs, and its arguments. Null, with a warning, for one that is no
    /// C#; where kernels are verified that is raised.
    /// </summary>
    /// <param name="kernels">The texts.</param>
    /// <param name="clock">Is told when the code is there, compiled or read, and when it is loaded.</param>
    public static delegate*<void**, nint*, void>[] Compile(IReadOnlyList<Kernel> kernels, StageClock? clock = null)
    {
        lock (s_gate)
        {
            Kernel[] unknown = [.. kernels.Where(kernel => !s_compiled.ContainsKey(kernel.Source)).DistinctBy(kernel => kernel.Source, StringComparer.Ordinal)];
            if (unknown.Length > 0) Load(unknown, clock);
            var functions = new delegate*<void**, nint*, void>[kernels.Count];
            for (int i = 0; i < functions.Length; i++) functions[i] = (delegate*<void**, nint*, void>)s_compiled.GetValueOrDefault(kernels[i].Source);
            return functions;
        }
    }

    private static void Load(Kernel[] kernels, StageClock? clock)
    {
        bool compiled = false;
        byte[] image;
        try
        {
            image = KernelCache.Default.GetOrAdd([.. kernels.Select(kernel => kernel.Source)], sources =>
            {
                compiled = true;
                return RoslynCompiler.Compile(sources);
            });
        }
        catch (WrongSourceException exception) when (!CompilerSettings.Current.VerifyKernels)
        {
            ILookup<bool, Kernel> byWrong = kernels.ToLookup(kernel => exception.Sources.Contains(kernel.Source, StringComparer.Ordinal));
            CompilerLog.Warn($"{string.Join(", ", byWrong[true].Select(kernel => kernel.Name))} cannot be used, and the nodes are interpreted. {exception.Problem}");
            if (byWrong[false].Any()) Load([.. byWrong[false]], clock);
            return;
        }

        clock?.End(compiled ? "Roslyn" : "cache");
        Assembly assembly = s_context.LoadFromStream(new MemoryStream(image));
        foreach (Kernel kernel in kernels)
        {
            MethodInfo run = assembly.GetType($"Brushfire.Generated.{kernel.Name}", throwOnError: true)!.GetMethod("Run", [typeof(void**), typeof(nint*)])!;
            s_compiled[kernel.Source] = run.MethodHandle.GetFunctionPointer();
        }

        clock?.End("loading");
    }
}
