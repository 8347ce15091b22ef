// Makes a function of tensors faster: Compiler.Compile(function) is called like the function. The list of passes is here.

using System.Globalization;
using System.Runtime.CompilerServices;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Compiler.Passes;
using Brushfire.Tensors;

namespace Brushfire.Compiler;

#pragma warning disable MA0049 // the one entry point has the name of what it is
public static class Compiler
#pragma warning restore MA0049
{
    /// <summary>The passes, in order. Each takes a graph and gives one of the same meaning.</summary>
    internal static IReadOnlyList<Pass> Passes { get; } =
    [
        new Pass("fold-constants", FoldConstants.Run),
        new Pass("simplify", Simplify.Run),
        new Pass("find-attention", FindAttention.Run),
        new Pass("decompose", Decompose.Run),
        new Pass("merge-equal", MergeEqual.Run),
        new Pass("join-linears", JoinLinears.Run),
        new Pass("simplify-again", Simplify.Run),
    ];

    /// <summary>A model, or a part of one.</summary>
    public static CompiledFunction<Func<TInput, TOutput>> Compile<TInput, TOutput>(ITensorFunction<TInput, TOutput> module, bool fullGraph = false, [CallerArgumentExpression(nameof(module))] string name = "") =>
        Compile<TInput, TOutput>(module.Call, fullGraph, name);

    /// <summary>
    /// The same function, compiled. Arguments and results are tensors, numbers, and tuples, records, lists and arrays of such.
    /// Numbers with a fraction are inputs; other values, types and ranks are guards; sizes choose a plan.
    /// </summary>
    /// <param name="function">What to compile; it must compute from its arguments alone.</param>
    /// <param name="fullGraph">Refuses a function that reads values of tensors while it is captured.</param>
    /// <param name="name">For messages and dumps.</param>
    public static CompiledFunction<Func<T, TResult>> Compile<T, TResult>(Func<T, TResult> function, bool fullGraph = false, [CallerArgumentExpression(nameof(function))] string name = "") =>
        new(NameOf(function, name), ParametersOf(function), a => function((T)a[0]!), fullGraph, invoke => a => (TResult)invoke([a])!, Passes);

    public static CompiledFunction<Func<T1, T2, TResult>> Compile<T1, T2, TResult>(Func<T1, T2, TResult> function, bool fullGraph = false, [CallerArgumentExpression(nameof(function))] string name = "") =>
        new(NameOf(function, name), ParametersOf(function), a => function((T1)a[0]!, (T2)a[1]!), fullGraph, invoke => (a, b) => (TResult)invoke([a, b])!, Passes);

    public static CompiledFunction<Func<T1, T2, T3, TResult>> Compile<T1, T2, T3, TResult>(Func<T1, T2, T3, TResult> function, bool fullGraph = false, [CallerArgumentExpression(nameof(function))] string name = "") =>
        new(NameOf(function, name), ParametersOf(function), a => function((T1)a[0]!, (T2)a[1]!, (T3)a[2]!), fullGraph, invoke => (a, b, c) => (TResult)invoke([a, b, c])!, Passes);

    public static CompiledFunction<Func<T1, T2, T3, T4, TResult>> Compile<T1, T2, T3, T4, TResult>(Func<T1, T2, T3, T4, TResult> function, bool fullGraph = false, [CallerArgumentExpression(nameof(function))] string name = "") =>
        new(NameOf(function, name), ParametersOf(function), a => function((T1)a[0]!, (T2)a[1]!, (T3)a[2]!, (T4)a[3]!), fullGraph, invoke => (a, b, c, d) => (TResult)invoke([a, b, c, d])!, Passes);

    /// <summary>Reads the compiler's environment variables, which otherwise the first compile does.</summary>
    /// <exception cref="BrushfireException">One of them has a value that it cannot have.</exception>
    public static void CheckSettings() => Compilation.CheckSkipped(Passes, CompilerSettings.Current);

    // An expression is no name: x => x * 2 is "function".
    private static string NameOf(Delegate function, string expression)
    {
        string last = expression[(expression.LastIndexOf('.') + 1)..].TrimStart('_');
        if (last.Length > 0 && last.All(letter => char.IsLetterOrDigit(letter) || letter == '_') && last != "Call") return last;
        return function.Method.Name.Contains('<', StringComparison.Ordinal) ? "function" : function.Target?.GetType().Name ?? function.Method.Name;
    }

    // All discards of a lambda are named _: all but the first one get their place as well.
    private static string[] ParametersOf(Delegate function)
    {
        string[] names = [.. function.Method.GetParameters().Select(parameter => parameter.Name ?? "input")];
        return [.. names.Select((name, i) => names.AsSpan(0, i).Contains(name) ? string.Create(CultureInfo.InvariantCulture, $"{name}{i + 1}") : name)];
    }
}
