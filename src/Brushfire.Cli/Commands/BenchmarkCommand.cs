// brushfire benchmark: measures the models on this machine.

using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Brushfire.Tensors;

namespace Brushfire.Cli.Commands;

internal sealed class BenchmarkCommand : Command
{
    public BenchmarkCommand() : base("benchmark", "Measures the models on this machine.")
    {
        Subcommands.Add(new StepBenchmarkCommand());
        Subcommands.Add(new CompileBenchmarkCommand());
        Subcommands.Add(new KernelBenchmarkCommand());
    }

    /// <summary>Ends a benchmark: its lines, its JSON where a file is named, and an error where the report must not be used.</summary>
    internal static void Report(Terminal terminal, IEnumerable<string> lines, JsonObject json, string? file, string? invalid)
    {
        foreach (string line in lines) terminal.Data.WriteLine(line);
        if (file is not null) WholeFile.Write(file, Encoding.UTF8.GetBytes(Json.Print(json) + "\n"));
        if (invalid is not null) throw new BrushfireException($"The report is invalid: {invalid}.");
    }
}
