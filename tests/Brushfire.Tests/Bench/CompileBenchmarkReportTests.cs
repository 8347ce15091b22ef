// The compile report's differences: first calls minus what is not compiling.

using Brushfire.Bench;

namespace Brushfire.Tests.Bench;

public sealed class CompileBenchmarkReportTests
{
    [Fact]
    public void First_calls_count_without_loading_packing_and_a_later_call()
    {
        var report = new CompileBenchmarkReport(new CompileBenchmarkOptions(), Run(16, packing: 3), Run(13, packing: 4) with { NewSize = new FirstCall(new CallTime(0.5, 0.125), [new CallTime(0.25, 0.125), new CallTime(0.5, 0.25), new CallTime(0.125, 0.125)]) });
        Assert.Equal(16 - 2 - 3 - 5, report.ColdSeconds);
        Assert.Equal(13 - 2 - 4 - 5, report.WarmSeconds);
        Assert.Equal(3, report.PackingSeconds);
        Assert.Equal(250, report.NewSizeMilliseconds);
        Assert.Equal(250, report.ToJson()["newSizeOutsideLaunchesMilliseconds"]!.GetValue<double>());
        Assert.Equal([("capture", 1.5, 1.5), ("Roslyn", 0.5, 0.5), ("all else but loading, packing and a later call", 4, 0)], report.Stages);
        Assert.Equal(6, report.ToJson()["coldSeconds"]!.GetValue<double>());
        Assert.Equal(6, report.ToJson()["cold"]!["compileSeconds"]!.GetValue<double>());
    }

    [Fact]
    public void A_part_without_latents_has_no_new_size()
    {
        var report = new CompileBenchmarkReport(new CompileBenchmarkOptions(), Run(1, 0), Run(1, 0));
        Assert.Null(report.ToJson()["newSizeMilliseconds"]);
        Assert.DoesNotContain(report.ToLines(), line => line.StartsWith("new size", StringComparison.Ordinal));
    }

    [Fact]
    public void A_chain_is_compared_with_a_copy_and_with_eager()
    {
        var report = new CompileBenchmarkReport(new CompileBenchmarkOptions(), Run(1, 0), Run(1, 0) with { Chain = new PointwiseChain(CompiledSeconds: 0.5, EagerSeconds: 4, CopySeconds: 0.25, Kernels: 1) });
        Assert.Equal(0.5, report.ToJson()["chainCopyFraction"]!.GetValue<double>());
        Assert.Equal(8, report.ToJson()["chainSpeedup"]!.GetValue<double>());
        Assert.Null(new CompileBenchmarkReport(new CompileBenchmarkOptions(), Run(1, 0), Run(1, 0)).ToJson()["chainSpeedup"]);
    }

    private static CompileRun Run(double first, double packing) => new()
    {
        First = new FirstCall(new CallTime(first, 1), [new CallTime(5, 1), new CallTime(7, 1), new CallTime(4, 1)]),
        SecondCallSeconds = 6,
        LoadingSeconds = 2,
        PackingSeconds = packing,
        JitSeconds = 1,
        Stages = [new("capture", 1.5), new("Roslyn", 0.5)],
        Launches = 5,
        Kernels = 4,
        InterpretedNodes = 0,
        ArenaBytes = 100,
        UnsharedBytes = 200,
        WeightBytes = 300,
        PeakBytes = 400,
        PeakResidentBytes = 500,
        GraphBreaks = 0,
        Recompiles = 0,
    };
}
