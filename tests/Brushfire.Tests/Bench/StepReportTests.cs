// The step report's verdicts: ratios, and peaks that differ too much.

using System.Text.Json.Nodes;
using Brushfire.Bench;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Tests.Bench;

public sealed class StepReportTests
{
    // 2 x 1000^3 operations.
    private static readonly DirectWork s_work = DirectWork.Of(() => Tensor.Zeros([1000, 1000]).MatMul(Tensor.Zeros([1000, 1000])));

    [Fact]
    public void The_ratio_is_direct_work_over_the_better_peak_and_the_median()
    {
        StepReport report = Report([4, 1, 2, 100], 9.8e9, 10e9);
        Assert.Equal(3, report.MedianSeconds);
        Assert.Equal(2e9 / 10e9 / 3, report.RatioToDirectLimit, 12);
        Assert.Null(report.Invalid);
    }

    [Theory]
    [InlineData(9.4e9, 10e9)]
    [InlineData(10e9, 9.4e9)]
    public void Peaks_that_differ_by_over_5_percent_make_the_report_invalid(double before, double after)
    {
        StepReport report = Report([1], before, after);
        Assert.Contains("before and after", report.Invalid);
        Assert.Contains(report.ToLines(), line => line.StartsWith("INVALID", StringComparison.Ordinal));
        Assert.False(report.ToJson()["valid"]!.GetValue<bool>());
    }

    [Fact]
    public void Json_has_seconds_peaks_memory_and_the_ratio()
    {
        JsonObject json = Report([3, 1, 2], 10e9, 10e9).ToJson();
        Assert.Equal(2, json["medianSeconds"]!.GetValue<double>());
        Assert.Equal(1, json["minimumSeconds"]!.GetValue<double>());
        Assert.Equal(3, json["maximumSeconds"]!.GetValue<double>());
        Assert.Equal(0.1, json["ratioToDirectLimit"]!.GetValue<double>(), 12);
        Assert.Equal(10e9, json["peakBefore"]!["operationsPerSecond"]!.GetValue<double>());
        Assert.Equal(123, json["peakBytes"]!.GetValue<long>());
        Assert.Equal(456, json["peakResidentBytes"]!.GetValue<long>());
        Assert.True(json["valid"]!.GetValue<bool>());
    }

    [Fact]
    public void Compiled_steps_are_compared_with_the_eager_ones_of_the_same_run()
    {
        using Tensor input = Tensor.Zeros([64, 64]);
        OpTrace eager = OpTrace.Time(() => input.MatMul(input).Exp(), input);
        LaunchTime[] launches =
        [
            new(LaunchKind.Contraction, "linear_add", TimeSpan.FromSeconds(1)),
            new(LaunchKind.Attention, "scaled_dot_product_attention", TimeSpan.FromSeconds(2)),
            new(LaunchKind.Pointwise, "silu", TimeSpan.FromSeconds(4)),
            new(LaunchKind.Pointwise, "silu", TimeSpan.FromSeconds(8)),
        ];
        StepReport report = Report([2], 10e9, 10e9) with { EagerSeconds = [3, 5, 4], Launches = new LaunchSums([launches, launches]), Ops = new OpTimes([eager], "") };
        Assert.Equal(2, report.Speedup);
        Assert.Equal(eager.Calls[1].Seconds, report.Ops.OutsideSeconds - report.Ops.ViewSeconds, 12);
        Assert.Equal(12 / report.Ops.OutsideSeconds, report.OutsideRatio);
        JsonObject json = report.ToJson();
        Assert.Equal(0.1, json["ratioToDirectLimit"]!.GetValue<double>(), 12);
        Assert.Equal(0.05, json["eager"]!["ratioToDirectLimit"]!.GetValue<double>(), 12);
        Assert.Equal(("silu", 2, 12e3), (json["byKernel"]![0]!["name"]!.GetValue<string>(), json["byKernel"]![0]!["launches"]!.GetValue<int>(), json["byKernel"]![0]!["milliseconds"]!.GetValue<double>()));
        Assert.Contains(report.ToLines(), line => line.StartsWith("eager step        median 4.000 s", StringComparison.Ordinal));
    }

    private static StepReport Report(double[] seconds, double before, double after) => new()
    {
        Options = new StepBenchmarkOptions { LatentSize = (64, 64) },
        Tokens = 77,
        Seconds = seconds,
        EagerSeconds = seconds,
        Work = s_work,
        Peaks = new Peaks(new MachinePeak(before, 2e9, 2, "tile"), new MachinePeak(after, 2e9, 2, "tile")),
        PeakBytes = 123,
        PeakResidentBytes = 456,
    };
}
