// brushfire benchmark: measures the models on this machine.

using System.CommandLine;

namespace Brushfire.Cli.Commands;

internal sealed class BenchmarkCommand : Command
{
    public BenchmarkCommand() : base("benchmark", "Measures the models on this machine.")
    {
        Subcommands.Add(new StepBenchmarkCommand());
        Subcommands.Add(new KernelBenchmarkCommand());
    }
}
