// Kernels' texts to function pointers. Texts that were compiled before in this process, or by any process into the cache,
// are not compiled again; the others go through Roslyn together, as one assembly, which stays loaded.
//
// Note: the cache finds an assembly by its texts. Which ones go together therefore depends on one function's graphs alone, in their order,
// and not on what other functions compile on other threads meanwhile.

using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Loader;
using Brushfire.Compiler.Diagnostics;

namespace Brushfire.Compiler.Emission;

/// <summary>Compiles the kernels of one function's graphs.</summary>
internal sealed unsafe class KernelCompiler
{
    private static readonly ConcurrentDictionary<string, nint> s_compiled = new(StringComparer.Ordinal);
    private static readonly AssemblyLoadContext s_context = new("Brushfire kernels");

    private readonly Lock _gate = new();
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);

    /// <summary>
    /// A function for each kernel: called with the addresses of its inputs and outputs, and its arguments. Null, with a warning, for one that is no
    /// C#; where kernels are verified that is raised.
    /// </summary>
    /// <param name="kernels">The texts.</param>
    /// <param name="clock">Is told when the code is there, compiled or read, and when it is loaded.</param>
    public delegate*<void**, nint*, void>[] Compile(IReadOnlyList<Kernel> kernels, StageClock? clock = null)
    {
        lock (_gate)
        {
            Kernel[] added = [.. kernels.Where(kernel => _texts.Add(kernel.Source))];
            if (added.Any(kernel => !s_compiled.ContainsKey(kernel.Source))) Load(added, clock);
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
        lock (s_context)
        {
            // Two functions with the same texts at once: an assembly's name comes from its texts and can be loaded once.
            if (kernels.All(kernel => s_compiled.ContainsKey(kernel.Source))) return;
            Assembly assembly = s_context.LoadFromStream(new MemoryStream(image));
            foreach (Kernel kernel in kernels)
            {
                MethodInfo run = assembly.GetType($"Brushfire.Generated.{kernel.Name}", throwOnError: true)!.GetMethod("Run", [typeof(void**), typeof(nint*)])!;
                s_compiled.TryAdd(kernel.Source, run.MethodHandle.GetFunctionPointer());
            }
        }

        clock?.End("loading");
    }
}
