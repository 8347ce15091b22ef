// What the compiler tells while it works, by channel; BRUSHFIRE_LOG names the channels.

namespace Brushfire.Compiler.Diagnostics;

public static class CompilerLog
{
    /// <summary>Where lines go; nowhere unless a program says so.</summary>
    public static Action<string>? Sink { get; set; }

    /// <summary>Tells what went wrong and could be helped, whatever the channels.</summary>
    internal static void Warn(string line) => Sink?.Invoke($"warning: {line}");

    internal static void Write(string channel, Func<string> line)
    {
        if (Sink is { } sink && CompilerSettings.Current.Log.Contains(channel)) sink($"{channel}: {line()}");
    }
}
