// What the compiler tells while it works, by channel; BRUSHFIRE_LOG names the channels.

namespace Brushfire.Compiler.Diagnostics;

public static class CompilerLog
{
    /// <summary>The channels, and what each tells.</summary>
    public static IReadOnlyDictionary<string, string> Channels { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["capture"] = "functions captured, graph breaks",
        ["guards"] = "guards missed, new plans, recompiles",
        ["passes"] = "nodes before and after each pass, and its time",
    };

    /// <summary>Where lines go; nowhere unless a program says so.</summary>
    public static Action<string>? Sink { get; set; }

    internal static void Write(string channel, Func<string> line)
    {
        if (Sink is { } sink && CompilerSettings.Current.Log.Contains(channel)) sink($"{channel}: {line()}");
    }
}
