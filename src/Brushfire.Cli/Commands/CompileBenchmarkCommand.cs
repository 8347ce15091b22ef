// brushfire benchmark compile: what a first call costs that compiles. Measures in new processes of this program, because what
// was compiled, loaded and packed before would be missing: one with an empty cache of kernels, then one with the filled cache.

using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Brushfire.Bench;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Spectre.Console;

namespace Brushfire.Cli.Commands;

internal sealed class CompileBenchmarkCommand : ProgramCommand
{
    private readonly Option<string?> _model, _part, _precision, _steps, _isa, _threads, _json, _process;

    public CompileBenchmarkCommand() : base("compile", "Measures what compiling a model's U-Net or another part costs its first call, in new processes.")
    {
        _model = AddOption("--model", "NAME|PATH", "catalogue name (sd15, sd21, emoji), model folder or checkpoint [default: sd15]");
        _part = AddOption("--part", "unet|vae|text", "U-Net, the VAE's decoder, or text encoder [default: unet]");
        _precision = AddOption("--precision", Choices.Precision, "what products are computed in [default: fp32]");
        _steps = AddOption("--steps", "N", "steps of a sampler in which recompiles are counted [default: 50]");
        _isa = AddOption("--isa", Choices.Isa, "instruction set [default: the best one here]");
        _threads = AddOption("--threads", "N", "threads that kernels use [default: all processors]");
        _json = AddOption("--json", "FILE", "also write the report as JSON");
        _process = AddOption("--process", "cold|warm", "what the new processes are started with: measure here, and write the measurements as JSON");
        _process.Hidden = true;
    }

    public override void Run(OptionValues values, Terminal terminal, CancellationToken cancellation)
    {
        var defaults = new CompileBenchmarkOptions();
        CompileBenchmarkOptions options = defaults with
        {
            Model = values.Model(_model, defaults.Model),
            Part = values.Choice(_part, [.. Enum.GetValues<PartKind>().Select(part => (ModelPart.Name(part), part))]),
            Precision = values.ReadPrecision(_precision),
            Steps = values.Whole(_steps, 1, 1000) ?? defaults.Steps,
        };
        bool? warm = values.Choice<bool?>(_process, ("cold", false), ("warm", true));
        string? file = values.OutputFile(_json);
        values.SetIsa(_isa);
        values.SetThreads(_threads);
        values.ThrowIfWrong();

        if (warm is { } whole) terminal.Data.WriteLine(JsonSerializer.Serialize(CompileRun.Measure(options, whole), JsonSerializerOptions.Web));
        else Report(terminal, Measure(options, terminal, cancellation), file);
    }

    private static void Report(Terminal terminal, CompileBenchmarkReport report, string? file)
    {
        Table table = Tables.New(["stage of the first call"], ["empty cache, ms", "filled cache, ms"]);
        foreach ((string stage, double? cold, double? warm) in report.Stages) table.AddTexts(stage, $"{cold * 1e3:F1}", $"{warm * 1e3:F1}");
        terminal.WriteTable(table);
        BenchmarkCommand.Report(terminal, report.ToLines(), report.ToJson(), file, invalid: null);
    }

    private static CompileBenchmarkReport Measure(CompileBenchmarkOptions options, Terminal terminal, CancellationToken cancellation)
    {
        DirectoryInfo cache = Directory.CreateTempSubdirectory("brushfire-");
        try
        {
            CompileRun? cold = null, warm = null;
            terminal.ShowProgress("compile", 2, told =>
            {
                cold = RunProcess("cold", options, cache.FullName, cancellation);
                told(1);
                warm = RunProcess("warm", options, cache.FullName, cancellation);
                told(2);
            });
            return new CompileBenchmarkReport(options, cold!, warm!);
        }
        finally
        {
            cache.Delete(recursive: true);
        }
    }

    private static CompileRun RunProcess(string name, CompileBenchmarkOptions options, string cache, CancellationToken cancellation)
    {
        // The program itself, or its assembly where another program has loaded it.
        string? program = Environment.ProcessPath;
        bool own = Path.GetFileNameWithoutExtension(program) == "brushfire";
        ProcessStartInfo start = new(own ? program! : "dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            .. own ? Array.Empty<string>() : [Path.Combine(AppContext.BaseDirectory, "brushfire.dll")],
            "benchmark", "compile", "--process", name, "--model", options.Model, "--part", ModelPart.Name(options.Part), "--precision", StepReport.Name(options.Precision),
            "--steps", $"{options.Steps}", "--isa", Isas.Current.ToString().ToLowerInvariant(), "--threads", $"{WorkerPool.Threads}",
        ];
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment[Knobs.Cache.Name] = cache;

        using Process process = Process.Start(start) ?? throw new BrushfireException($"{start.FileName} cannot be started.");
        using CancellationTokenRegistration kill = cancellation.Register(() => process.Kill());
        Task<string> data = process.StandardOutput.ReadToEndAsync(CancellationToken.None), talk = process.StandardError.ReadToEndAsync(CancellationToken.None);
        process.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        if (process.ExitCode != 0) throw new BrushfireException($"The process of the {name} run failed. {talk.Result.Trim()}");
        return JsonSerializer.Deserialize<CompileRun>(data.Result, JsonSerializerOptions.Web)!;
    }
}
