// brushfire benchmark kernels: measures every distinct piece of work of the models on its own.

using System.CommandLine;
using Brushfire.Bench;
using Brushfire.Tensors;
using Spectre.Console;

namespace Brushfire.Cli.Commands;

internal sealed class KernelBenchmarkCommand : ProgramCommand
{
    private readonly Option<string?> _filter, _precision, _attention, _repeat, _isa, _threads, _json;

    public KernelBenchmarkCommand() : base("kernels", "Times every kernel on each distinct shape of the models against the machine's peaks.")
    {
        _filter = AddOption("--filter", "TEXT", "only kernels whose part, group, op or shapes contain the text");
        _precision = AddOption("--precision", Choices.Precision, "what products are computed in [default: fp32]");
        _attention = AddOption("--attention", Choices.Attention, "which attention kernel [default: auto]");
        _repeat = AddOption("--repeat", "N", "measurements of each kernel [default: 5]");
        _isa = AddOption("--isa", Choices.Isa, "instruction set [default: the best one here]");
        _threads = AddOption("--threads", "N", "threads that kernels use [default: all processors]");
        _json = AddOption("--json", "FILE", "also write the report as JSON");
    }

    public override void Run(OptionValues values, Terminal terminal, CancellationToken cancellation)
    {
        var defaults = new KernelBenchmarkOptions();
        KernelBenchmarkOptions options = defaults with
        {
            Filter = values[_filter] ?? defaults.Filter,
            Precision = values.ReadPrecision(_precision),
            Attention = values.ReadBackend(_attention),
            Repeats = values.Whole(_repeat, 1, 1000) ?? defaults.Repeats,
        };
        string? file = values.OutputFile(_json);
        values.SetIsa(_isa);
        values.SetThreads(_threads);
        values.ThrowIfWrong();

        KernelBenchmark benchmark = Open(options);
        KernelReport? report = null;
        terminal.ShowProgress("kernels", benchmark.Cases.Count, told => report = benchmark.Run(told));
        terminal.WriteTable(Kernels(report!));
        terminal.WriteTable(Sums("group", report!.Groups));
        terminal.WriteTable(Sums("part", report.Parts));
        BenchmarkCommand.Report(terminal, report.ToLines(), report.ToJson(), file, report.Peaks.Invalid);
    }

    private static KernelBenchmark Open(KernelBenchmarkOptions options)
    {
        try
        {
            return new KernelBenchmark(options);
        }
        catch (BrushfireException exception)
        {
            throw new UsageException([exception.Message]); // the filter leaves nothing
        }
    }

    private static Table Kernels(KernelReport report)
    {
        Table table = Tables.New(["group", "op", "shapes"], ["count", "ms", "least ms", "speed", "of limit", "beside"]);
        foreach (KernelRow row in report.Rows.OrderBy(row => row.Case.Group, StringComparer.Ordinal))
        {
            OpUnit unit = row.Case.Unit;
            table.AddTexts(row.Case.Group, unit.Name, unit.Shapes, $"{row.Case.Count}", $"{row.MedianSeconds * 1e3:F3}", $"{row.Seconds.Min() * 1e3:F3}", Tables.Speed(unit.Operations, unit.Bytes, row.MedianSeconds), $"{report.Fraction(row):F2}", $"{row.FractionBeside:F2}");
        }

        return table;
    }

    private static Table Sums(string title, IEnumerable<KernelSum> sums)
    {
        Table table = Tables.New([title], ["count", "ms", "speed", "of limit", "beside"]);
        foreach (KernelSum sum in sums)
            table.AddTexts(sum.Name, $"{sum.Count}", $"{sum.Seconds * 1e3:F1}", Tables.Speed(sum.Operations, sum.Bytes, sum.Seconds), $"{sum.Fraction:F2}", $"{sum.FractionBeside:F2}");
        return table;
    }
}
