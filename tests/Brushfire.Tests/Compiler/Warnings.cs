// Any warning of the compiler fails the test in whose thread it is told, unless that test expects it.

using System.Runtime.CompilerServices;
using Brushfire.Compiler.Diagnostics;

namespace Brushfire.Tests.Compiler;

internal sealed class Warnings : IDisposable
{
    [ThreadStatic] private static List<string>? t_expected;

    private Warnings(List<string> expected) => t_expected = expected;

    /// <summary>Adds this thread's warnings to a list until the result is disposed of.</summary>
    public static Warnings Expect(List<string> warnings) => new(warnings);

    public void Dispose() => t_expected = null;

    [ModuleInitializer]
    public static void Watch() => CompilerLog.Sink = line =>
    {
        if (!line.StartsWith("warning: ", StringComparison.Ordinal)) return;
        if (t_expected is null) throw new InvalidOperationException($"The compiler gave a {line}");
        t_expected.Add(line);
    };
}
