// brushfire benchmark: measures the models on this machine.

using System.CommandLine;
using Brushfire.Bench;
using Brushfire.Tensors;

namespace Brushfire.Cli.Commands;

internal sealed class BenchmarkCommand : Command
{
    public BenchmarkCommand() : base("benchmark", "Measures the models on this machine.")
    {
        Subcommands.Add(new StepBenchmarkCommand());
        Subcommands.Add(new KernelBenchmarkCommand());
    }
}

/// <summary>brushfire benchmark step: times guidance steps of a model's U-Net.</summary>
internal sealed class StepBenchmarkCommand : ProgramCommand
{
    private readonly Option<string?> _model, _code, _attention, _size, _batch, _repeat, _threads, _json;

    public StepBenchmarkCommand() : base("step", "Times guidance steps of a model's U-Net against the machine's peak.")
    {
        _model = AddOption("--model", "NAME|PATH", "catalogue name (sd15, sd21, emoji), model folder or checkpoint [default: sd15]");
        _code = AddOption("--code", Choices.Code, "how attention is written [default: optimized]");
        _attention = AddOption("--attention", Choices.Attention, "which attention kernel [default: auto]");
        _size = AddOption("--size", "WxH", "size of the latents [default: as the model was trained]");
        _batch = AddOption("--batch", "N", "latents in one evaluation [default: 2, for one picture with guidance]");
        _repeat = AddOption("--repeat", "N", "measured steps [default: 5]");
        _threads = AddOption("--threads", "N", "threads that kernels use [default: all processors]");
        _json = AddOption("--json", "FILE", "also write the report as JSON");
    }

    public override void Run(OptionValues values, Terminal terminal, CancellationToken cancellation)
    {
        var defaults = new StepBenchmarkOptions();
        StepBenchmarkOptions options = defaults with
        {
            Model = values[_model] ?? defaults.Model,
            Code = values.ReadCode(_code),
            Attention = values.ReadBackend(_attention),
            LatentSize = ReadSize(values),
            BatchSize = values.Whole(_batch, 1, 64) ?? defaults.BatchSize,
            Repeats = values.Whole(_repeat, 1, 1000) ?? defaults.Repeats,
        };
        string? file = values.OutputFile(_json);
        values.SetThreads(_threads);
        values.ThrowIfWrong();

        var benchmark = new StepBenchmark(options);
        StepReport? report = null;
        terminal.ShowProgress("step", options.Repeats + 1, told => report = benchmark.Run(told));
        foreach (string line in report!.ToLines()) terminal.Data.WriteLine(line);
        if (file is not null) File.WriteAllText(file, Json.Print(report.ToJson()) + "\n");
        if (report.Invalid is { } reason) throw new BrushfireException($"The report is invalid: {reason}.");
    }

    private (int Width, int Height)? ReadSize(OptionValues values)
    {
        if (values[_size] is not { } text) return null;
        if (text.Split('x') is [var width, var height] && int.TryParse(width, out int w) && int.TryParse(height, out int h) && w is > 0 and <= 1024 && h is > 0 and <= 1024) return (w, h);
        values.Add($"{_size.Name} is '{text}' and must be two numbers from 1 to 1024, such as 64x64");
        return null;
    }
}
