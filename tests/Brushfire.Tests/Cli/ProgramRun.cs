// Runs the program's command line in this process and keeps what it wrote.

using System.Text.Json.Nodes;
using Brushfire.Cli;

namespace Brushfire.Tests.Cli;

internal sealed record ProgramRun(int ExitCode, string Data, string Talk)
{
    public JsonObject Json => JsonNode.Parse(Data)!.AsObject();

    /// <summary>Lines on stderr.</summary>
    public string[] Lines => Talk.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public static ProgramRun Of(params string[] arguments) => Until(TestContext.Current.CancellationToken, arguments);

    /// <summary>A run that the token may cancel.</summary>
    public static ProgramRun Until(CancellationToken cancellation, params string[] arguments)
    {
        using var data = new StringWriter { NewLine = "\n" };
        using var talk = new StringWriter { NewLine = "\n" };
        int exitCode = CommandLine.Run(arguments, new Terminal(data, talk), cancellation);
        return new ProgramRun(exitCode, data.ToString(), talk.ToString());
    }

    /// <summary>A run that must succeed.</summary>
    public static ProgramRun Succeed(params string[] arguments)
    {
        ProgramRun run = Of(arguments);
        Assert.True(run.ExitCode == 0, run.Talk);
        return run;
    }
}
