// How functions are compiled and what is told about it, as the environment says.

using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Diagnostics;

/// <summary>What runs a graph: generated code, the interpreter, or not the graph but the function itself.</summary>
public enum GraphExecutor { Compiled, Interpreted, Eager }

/// <param name="Executor">What runs.</param>
/// <param name="Log">Channels to log.</param>
/// <param name="Dump">Folder for the texts of every stage.</param>
/// <param name="Override">Folder of such texts that replace what is computed.</param>
/// <param name="Skip">Passes left out.</param>
/// <param name="Verify">Whether graphs are verified after every pass.</param>
/// <param name="VerifyKernels">Whether every launch of a generated kernel is compared with what it stands for.</param>
internal sealed record CompilerSettings(GraphExecutor Executor, IReadOnlySet<string> Log, string? Dump, string? Override, IReadOnlySet<string> Skip, bool Verify, bool VerifyKernels)
{
    [ThreadStatic] private static CompilerSettings? t_current;

    // Looked at in every call of a compiled function.
    private static readonly Lazy<CompilerSettings> s_environment = new(FromKnobs);

    /// <summary>Those of the environment, unless others are in use on this thread.</summary>
    public static CompilerSettings Current => t_current ?? s_environment.Value;

    public static CompilerSettings FromKnobs() => new(
        Knobs.Executor.Value switch
        {
            null or "compiled" => GraphExecutor.Compiled,
            "interpreted" => GraphExecutor.Interpreted,
            "eager" => GraphExecutor.Eager,
            string other => throw Wrong(Knobs.Executor, other),
        },
        Channels(Knobs.Log.Value), Knobs.Dump.Value, Folder(Knobs.Override), Names(Knobs.Skip.Value),
        Knobs.Verify.Value switch { null or "1" or "2" => true, "0" => false, string other => throw Wrong(Knobs.Verify, other) }, Knobs.Verify.Value == "2");

    /// <summary>Uses these on this thread until the result is disposed of.</summary>
    public IDisposable Use()
    {
        var previous = new Restore(t_current);
        t_current = this;
        return previous;
    }

    /// <summary>The log channels that a text names.</summary>
    /// <exception cref="BrushfireException">One of them does not exist; tells those that do.</exception>
    internal static IReadOnlySet<string> Channels(string? text)
    {
        HashSet<string> named = Names(text);
        return named.IsSubsetOf(Knobs.Log.Values.Split(',')) ? named : throw Wrong(Knobs.Log, text!);
    }

    private static string? Folder(Knob knob) => knob.Value is { } folder && !Directory.Exists(folder) ? throw new BrushfireException($"{knob.Name}='{folder}' is no folder.") : knob.Value;

    private static HashSet<string> Names(string? text) =>
        [.. (text ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)];

    private static BrushfireException Wrong(Knob knob, string value) => new($"{knob.Name}='{value}' is not known; it takes {knob.Values}.");

    private sealed class Restore(CompilerSettings? previous) : IDisposable
    {
        public void Dispose() => t_current = previous;
    }
}
