// brushfire benchmark step: times guidance steps of a model's U-Net, or evaluations of another part.

using System.CommandLine;
using Brushfire.Bench;
using Spectre.Console;

namespace Brushfire.Cli.Commands;

internal sealed class StepBenchmarkCommand : ProgramCommand
{
    private readonly Option<string?> _model, _part, _code, _precision, _compile, _attention, _size, _batch, _repeat, _isa, _threads, _json;
    private readonly Option<bool> _byOp;

    public StepBenchmarkCommand() : base("step", "Times guidance steps of a model's U-Net, or evaluations of another part, against the machine's peak.")
    {
        _model = AddOption("--model", "NAME|PATH", "catalogue name (sd15, sd21, emoji), model folder or checkpoint [default: sd15]");
        _part = AddOption("--part", "unet|vae|text", "U-Net, the VAE's decoder, or text encoder [default: unet]");
        _code = AddOption("--code", Choices.Code, "how attention is written [default: optimized]");
        _compile = AddOption("--compile", Choices.Compile, "unet: compile the part, and measure its steps in turn with eager ones [default: none]");
        _precision = AddOption("--precision", Choices.Precision, "what products are computed in [default: fp32]");
        _attention = AddOption("--attention", Choices.Attention, "which attention kernel [default: auto]");
        _size = AddOption("--size", "WxH", "size of the latents [default: as the model was trained]");
        _batch = AddOption("--batch", "N", "latents or texts in one evaluation [default: 2 for the U-Net, one picture with guidance; else 1]");
        _repeat = AddOption("--repeat", "N", "measured steps [default: 5]");
        _byOp = AddSwitch("--by-op", "also tell where the time of the steps goes, by op");
        _isa = AddOption("--isa", Choices.Isa, "instruction set [default: the best one here]");
        _threads = AddOption("--threads", "N", "threads that kernels use [default: all processors]");
        _json = AddOption("--json", "FILE", "also write the report as JSON");
    }

    public override void Run(OptionValues values, Terminal terminal, CancellationToken cancellation)
    {
        var defaults = new StepBenchmarkOptions();
        StepBenchmarkOptions options = defaults with
        {
            Model = values.Model(_model, defaults.Model),
            Part = values.Choice(_part, [.. Enum.GetValues<PartKind>().Select(part => (ModelPart.Name(part), part))]),
            Code = values.ReadCode(_code),
            Precision = values.ReadPrecision(_precision),
            Compile = values.ReadCompile(_compile),
            Attention = values.ReadBackend(_attention),
            LatentSize = ReadSize(values),
            BatchSize = values.Whole(_batch, 1, 64),
            Repeats = values.Whole(_repeat, 1, 1000) ?? defaults.Repeats,
            ByOp = values[_byOp],
        };
        string? file = values.OutputFile(_json);
        values.SetIsa(_isa);
        values.SetThreads(_threads);
        values.ThrowIfWrong();

        var benchmark = new StepBenchmark(options);
        StepReport? report = null;
        terminal.ShowProgress("step", benchmark.Steps, told => report = benchmark.Run(told));
        if (options.ByOp) terminal.WriteTable(ByOp(report!.Ops!));
        if (options.ByOp && report!.Launches is { } launches) terminal.WriteTable(ByKernel(launches));
        BenchmarkCommand.Report(terminal, report!.ToLines(), report.ToJson(), file, report.Invalid);
    }

    private static Table ByOp(OpTimes ops)
    {
        Table table = Tables.New(["group", "op"], ["calls", "ms", "share", "speed"]);
        foreach (OpSum sum in ops.Groups) table.AddTexts(sum.Group, sum.Op, $"{sum.Calls}", $"{sum.Seconds * 1e3:F1}", $"{sum.Seconds / ops.Seconds:P1}", Tables.Speed(sum.Operations, sum.Bytes, sum.Seconds));
        table.AddTexts("views", "", $"{ops.Views}", $"{ops.ViewSeconds * 1e3:F1}", $"{ops.ViewSeconds / ops.Seconds:P1}", "");
        table.AddTexts("sum", "", "", $"{ops.Seconds * 1e3:F1}", "", "");
        return table;
    }

    private static Table ByKernel(LaunchSums launches)
    {
        Table table = Tables.New(["compiled", "kernel"], ["launches", "ms", "share"]);
        foreach (LaunchSum sum in launches.Kernels) table.AddTexts(sum.Kind.ToString().ToLowerInvariant(), sum.Name, $"{sum.Launches}", $"{sum.Seconds * 1e3:F1}", $"{sum.Seconds / launches.Seconds:P1}");
        table.AddTexts("sum", "", "", $"{launches.Seconds * 1e3:F1}", "");
        return table;
    }

    private (int Width, int Height)? ReadSize(OptionValues values)
    {
        if (values[_size] is not { } text) return null;
        if (text.Split('x') is [var width, var height] && int.TryParse(width, out int w) && int.TryParse(height, out int h) && w is > 0 and <= 1024 && h is > 0 and <= 1024) return (w, h);
        values.Add($"{_size.Name} is '{text}' and must be two numbers from 1 to 1024, such as 64x64");
        return null;
    }
}
