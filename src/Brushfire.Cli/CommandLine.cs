// The program's commands and its conventions: what went wrong becomes lines on stderr and an exit code.

using System.CommandLine;
using System.CommandLine.Invocation;
using Brushfire.Cli.Commands;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Cli;

internal static class CommandLine
{
    public const int Success = 0, Failure = 1, Usage = 2, Cancelled = 130;

    /// <summary>Runs a command line and gives the process's exit code.</summary>
    public static int Run(string[] args, Terminal terminal, CancellationToken cancellation = default)
    {
        try
        {
            return RunWithSettings(args, terminal, cancellation);
        }
        catch (TypeInitializationException exception) when (exception.InnerException is ArgumentException inner)
        {
            // An environment variable of Knobs has a value that it cannot have.
            terminal.Talk.WriteLine($"brushfire: {inner.Message}");
            return Usage;
        }
        catch (UsageException exception)
        {
            foreach (string problem in exception.Problems) terminal.Talk.WriteLine($"brushfire: {problem}");
            return Usage;
        }
        catch (OperationCanceledException)
        {
            terminal.Talk.WriteLine("brushfire: cancelled");
            return Cancelled;
        }
        catch (Exception exception) when (exception is BrushfireException or IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            terminal.Talk.WriteLine($"brushfire: {exception.Message.ReplaceLineEndings(" ")}");
            return Failure;
        }
    }

    // Every kernel that this thread launches looks at the token. Both settings are the caller's again afterwards.
    private static int RunWithSettings(string[] args, Terminal terminal, CancellationToken cancellation)
    {
        int threads = WorkerPool.Threads;
        using IDisposable cancelling = WorkerPool.Use(cancellation);
        try
        {
            return Run(Root().Parse(args), terminal, cancellation);
        }
        finally
        {
            WorkerPool.Threads = threads;
        }
    }

    private static int Run(ParseResult parsed, Terminal terminal, CancellationToken cancellation)
    {
        if (parsed.Action is not (null or ParseErrorAction))
            return parsed.Invoke(new InvocationConfiguration { Output = terminal.Data, Error = terminal.Talk, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        var values = new OptionValues(parsed);
        if (parsed.CommandResult.Command is ProgramCommand command)
        {
            command.Run(values, terminal, cancellation);
            return Success;
        }

        values.Add($"name one of {string.Join(", ", parsed.CommandResult.Command.Subcommands.Select(one => one.Name))}; --help tells what they do");
        values.ThrowIfWrong();
        return Success;
    }

    private static RootCommand Root() => new("Brushfire makes pictures from text with Stable Diffusion models, on the processor.")
    {
        new GenerateCommand(),
        new BenchmarkCommand(),
        new InspectCommand(),
        new InfoCommand(),
    };
}

/// <summary>A command line that cannot be served, with everything that is wrong with it.</summary>
internal sealed class UsageException(IReadOnlyList<string> problems) : Exception(string.Join("; ", problems))
{
    public IReadOnlyList<string> Problems { get; } = problems;
}
