// The only place that touches Roslyn: its assemblies are loaded when this class is first used, not when the cache serves.

using System.Reflection;
using System.Reflection.Metadata;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Brushfire.Compiler.Emission;

internal static class RoslynCompiler
{
    private static readonly MetadataReference[] s_references =
        [Reference(typeof(object).Assembly), Reference(Assembly.Load("System.Runtime")), Reference(typeof(WorkerPool).Assembly)];

    /// <summary>An assembly of all sources.</summary>
    /// <exception cref="WrongSourceException">Sources are no C#: a mistake in the emitter, told with the compiler's words.</exception>
    public static byte[] Compile(IReadOnlyList<string> sources)
    {
        var options = new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, allowUnsafe: true, deterministic: true);
        SyntaxTree[] trees = [.. sources.Select(source => CSharpSyntaxTree.ParseText(source))];
        using var image = new MemoryStream();
        var result = CSharpCompilation.Create($"Brushfire.Generated.{KernelCache.KeyOf(sources)[..16]}", trees, s_references, options).Emit(image);
        if (result.Success) return image.ToArray();
        Diagnostic[] errors = [.. result.Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)];
        string[] wrong = [.. sources.Where((_, i) => errors.Any(error => error.Location.SourceTree == trees[i]))];
        throw new WrongSourceException($"A generated kernel does not compile: {errors[0]}", wrong.Length == 0 ? sources : wrong);
    }

    // From memory, as published programs have no files of their assemblies.
    private static unsafe PortableExecutableReference Reference(Assembly assembly)
    {
        if (!assembly.TryGetRawMetadata(out byte* metadata, out int length)) throw new BrushfireException($"The metadata of {assembly.GetName().Name} cannot be read, so kernels cannot be compiled.");
        return AssemblyMetadata.Create(ModuleMetadata.CreateFromMetadata((nint)metadata, length)).GetReference();
    }
}

/// <summary>Texts of kernels that do not compile.</summary>
/// <param name="problem">The first error.</param>
/// <param name="sources">All texts with errors.</param>
internal sealed class WrongSourceException(string problem, IReadOnlyList<string> sources) : BrushfireException($"{problem}\n{sources[0]}")
{
    public string Problem => problem;
    public IReadOnlyList<string> Sources => sources;
}
