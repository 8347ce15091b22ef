// Where the program writes: data for other programs to stdout, talk for people to stderr, and the progress of long work.
// Nothing else touches the console.

using System.Diagnostics;
using Spectre.Console;

namespace Brushfire.Cli;

/// <param name="Data">What was asked for.</param>
/// <param name="Talk">Notices, progress and errors, in plain lines.</param>
/// <param name="Screen">The same place as <paramref name="Talk"/> where it is a terminal, else null.</param>
internal sealed record Terminal(TextWriter Data, TextWriter Talk, IAnsiConsole? Screen = null)
{
    private const int WidestTable = 200;
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    public static Terminal OfProcess()
    {
#pragma warning disable RS0030 // the one place that touches the console
        IAnsiConsole? screen = Console.IsErrorRedirected
            ? null
            : AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return new Terminal(Console.Out, Console.Error, screen);
#pragma warning restore RS0030
    }

    /// <summary>Writes a table as data, in plain characters.</summary>
    public void WriteTable(Table table)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(Data) });
        console.Profile.Width = WidestTable;
        console.Write(table);
    }

    /// <summary>Runs work that tells how many of <paramref name="count"/> steps are done: a bar on a terminal, elsewhere a line at the end and at most one a second before.</summary>
    public void ShowProgress(string title, int count, Action<Action<int>> work)
    {
        if (Screen is null)
        {
            ShowLines(title, count, work);
            return;
        }

        Screen.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(title), maxValue: count);
                work(done => task.Value = done);
            });
    }

    private void ShowLines(string title, int count, Action<Action<int>> work)
    {
        long last = Stopwatch.GetTimestamp();
        work(done =>
        {
            if (done < count && Stopwatch.GetElapsedTime(last) < s_pause) return;
            last = Stopwatch.GetTimestamp();
            Talk.WriteLine($"{title}: {done} of {count}");
        });
    }
}
