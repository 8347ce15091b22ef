// Sums of a kernel report are weighted by counts; fractions relate to the peak or to a copy.

using System.Text.Json.Nodes;
using Brushfire.Bench;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Tests.Bench;

public sealed class KernelReportTests
{
    // 2 x 100 x 50 x 20 operations; 4 x 1000 bytes read and written.
    private static readonly OpUnit s_product = Unit(x => x.Linear(Tensor.Zeros([50, 20])), [100, 20]), s_add = Unit(x => x.Exp(), [500]);

    private static KernelReport Report => new()
    {
        Options = new KernelBenchmarkOptions(),
        Peaks = new Peaks(new MachinePeak(0.98e9, 1e9, 2, ""), new MachinePeak(1e9, 1e9, 2, "")),
        Rows =
        [
            new KernelRow(new KernelCase("U-Net", "linear", s_product, 3), [1e-3, 4e-4, 5e-4], [5e-4, 3e-4, 3e-4]),
            new KernelRow(new KernelCase("U-Net", "linear", s_product, 1), [1e-3], [25e-5]),
            new KernelRow(new KernelCase("U-Net", "exp", s_add, 2), [4e-6, 4e-6, 4e-6], [2e-6, 1e-6, 8e-6]),
        ],
    };

    [Fact]
    public void A_row_relates_its_median_to_the_better_peak_or_to_the_copy()
    {
        KernelReport report = Report;
        Assert.Equal(0.4, report.Fraction(report.Rows[0]), 12);
        Assert.Equal(0.5, report.Fraction(report.Rows[2]), 12);
    }

    [Fact]
    public void A_row_relates_each_measurement_to_the_limit_beside_it()
    {
        Assert.Equal(0.6, Report.Rows[0].FractionBeside, 12);
        Assert.Equal((3 * 0.6 * 5e-4 + 0.25 * 1e-3) / 2.5e-3, Report.Groups.First().FractionBeside, 12);
    }

    [Fact]
    public void Sums_are_weighted_by_counts()
    {
        KernelSum[] groups = [.. Report.Groups];
        Assert.Equal(["linear", "exp"], groups.Select(group => group.Name));
        Assert.Equal(3 * 5e-4 + 1e-3, groups[0].Seconds, 12);
        Assert.Equal(4 * 200_000, groups[0].Operations);
        Assert.Equal(4 * 200_000 / 1e9 / 2.5e-3, groups[0].Fraction, 12);
        Assert.Equal((6, 2.5e-3 + 8e-6), (Report.Parts.Single().Count, Report.Parts.Single().Seconds));
    }

    [Fact]
    public void Json_has_kernels_groups_and_peaks()
    {
        JsonObject json = Report.ToJson();
        Assert.Equal(3, json["kernels"]!.AsArray().Count);
        Assert.Equal(0.5, json["kernels"]![0]!["milliseconds"]!.GetValue<double>(), 12);
        Assert.Equal(0.4, json["kernels"]![0]!["minimumMilliseconds"]!.GetValue<double>(), 12);
        Assert.Equal(3, json["kernels"]![0]!["count"]!.GetValue<int>());
        Assert.Equal("linear", json["groups"]![0]!["name"]!.GetValue<string>());
        Assert.Equal(2.5, json["groups"]![0]!["milliseconds"]!.GetValue<double>(), 12);
        Assert.Equal(1, json["groups"]![1]!["gigabytesPerSecond"]!.GetValue<double>(), 12);
        Assert.Equal(1e9, json["peakAfter"]!["operationsPerSecond"]!.GetValue<double>());
        Assert.True(json["valid"]!.GetValue<bool>());
    }

    private static OpUnit Unit(Func<Tensor, Tensor> function, Shape shape)
    {
        using Tensor input = Tensor.Zeros(shape);
        return OpUnit.Of(OpTrace.Follow(() => function(input), input)).Single();
    }
}
