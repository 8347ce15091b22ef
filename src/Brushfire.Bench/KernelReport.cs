// What a kernel benchmark found out: a row for each unit, and sums by group weighted by how often each unit occurs.

using System.Text.Json.Nodes;
using Brushfire.Kernels;

namespace Brushfire.Bench;

/// <summary>One unit's measurements.</summary>
/// <param name="Limits">
/// Seconds at the limit, measured beside each measurement: direct work at the better one of the peaks just before and after it, or, where memory is
/// the unit's limit, a copy of its bytes, half read and half written.
/// </param>
public sealed record KernelRow(KernelCase Case, IReadOnlyList<double> Seconds, IReadOnlyList<double> Limits)
{
    public double MedianSeconds => Seconds.Median();

    /// <summary>The time at the limit: direct work at the peak, or the copy.</summary>
    public double LimitSeconds(double operationsPerSecond) => Case.Unit.Operations > 0 ? Case.Unit.Operations / operationsPerSecond : Limits.Median();

    /// <summary>The limit beside each measurement over the time that it took, as a median.</summary>
    public double FractionBeside => Limits.Zip(Seconds, (limit, seconds) => limit / seconds).Median();
}

/// <summary>Sums over a group's units, each as often as it occurs.</summary>
/// <param name="Fraction">Time at the limit over time taken.</param>
/// <param name="FractionBeside">The same with the limit of the same moment, see <see cref="KernelRow.FractionBeside"/>.</param>
public sealed record KernelSum(string Name, int Count, double Seconds, double Operations, double Bytes, double Fraction, double FractionBeside);

public sealed record KernelReport
{
    public required KernelBenchmarkOptions Options { get; init; }
    public required IReadOnlyList<KernelRow> Rows { get; init; }
    public required Peaks Peaks { get; init; }

    /// <summary>The units' sums by group, in order of first occurrence.</summary>
    public IEnumerable<KernelSum> Groups => Rows.GroupBy(row => row.Case.Group, StringComparer.Ordinal).Select(Sum);

    /// <summary>One evaluation of each part.</summary>
    public IEnumerable<KernelSum> Parts => Rows.GroupBy(row => row.Case.Part, StringComparer.Ordinal).Select(Sum);

    /// <summary>Time at the limit over time taken.</summary>
    public double Fraction(KernelRow row) => row.LimitSeconds(Peaks.Best.OperationsPerSecond) / row.MedianSeconds;

    private KernelSum Sum(IGrouping<string, KernelRow> rows)
    {
        double Weighted(Func<KernelRow, double> value) => rows.Sum(row => row.Case.Count * value(row));
        double seconds = Weighted(row => row.MedianSeconds);
        return new KernelSum(rows.Key, rows.Sum(row => row.Case.Count), seconds, Weighted(row => row.Case.Unit.Operations), Weighted(row => row.Case.Unit.Bytes),
            Weighted(row => row.LimitSeconds(Peaks.Best.OperationsPerSecond)) / seconds, Weighted(row => row.FractionBeside * row.MedianSeconds) / seconds);
    }

    public JsonObject ToJson() => new()
    {
        ["benchmark"] = "kernels",
        ["precision"] = StepReport.Name(Options.Precision),
        ["filter"] = Options.Filter,
        ["attention"] = Options.Attention is { } backend ? StepReport.Name(backend) : "auto",
        ["processor"] = Machine.Current.Processor,
        ["instructionSet"] = Isas.Current.ToString().ToLowerInvariant(),
        ["threads"] = WorkerPool.Threads,
        ["lastLevelCacheBytes"] = Machine.Current.LastLevelCacheBytes,
        ["peakBefore"] = Peaks.ToJson(Peaks.Before),
        ["peakAfter"] = Peaks.ToJson(Peaks.After),
        ["groups"] = new JsonArray([.. Groups.Select(ToJson)]),
        ["parts"] = new JsonArray([.. Parts.Select(ToJson)]),
        ["kernels"] = new JsonArray([.. Rows.Select(ToJson)]),
        ["valid"] = Peaks.Invalid is null,
        ["invalidBecause"] = Peaks.Invalid,
    };

    public IEnumerable<string> ToLines()
    {
        yield return $"{Machine.Current.Processor}, {Isas.Current}, {WorkerPool.Threads} threads, {StepReport.Name(Options.Precision)}, attention {(Options.Attention is { } backend ? StepReport.Name(backend) : "auto")}";
        foreach (string line in Peaks.ToLines()) yield return line;
        yield return "of limit          by the better peak, or by copies of the same bytes; beside: by five milliseconds of the peak just before and after each measurement";
        if (Peaks.Invalid is { } reason) yield return $"INVALID: {reason}";
    }

    private static JsonObject ToJson(KernelSum sum) => new()
    {
        ["name"] = sum.Name,
        ["count"] = sum.Count,
        ["milliseconds"] = sum.Seconds * 1e3,
        ["gigaflopsPerSecond"] = sum.Operations / sum.Seconds / 1e9,
        ["gigabytesPerSecond"] = sum.Bytes / sum.Seconds / 1e9,
        ["fraction"] = sum.Fraction,
        ["fractionBeside"] = sum.FractionBeside,
    };

    private JsonObject ToJson(KernelRow row)
    {
        OpUnit unit = row.Case.Unit;
        return new JsonObject
        {
            ["part"] = row.Case.Part,
            ["group"] = row.Case.Group,
            ["op"] = unit.Name,
            ["shapes"] = unit.Shapes,
            ["count"] = row.Case.Count,
            ["milliseconds"] = row.MedianSeconds * 1e3,
            ["minimumMilliseconds"] = row.Seconds.Min() * 1e3,
            ["maximumMilliseconds"] = row.Seconds.Max() * 1e3,
            ["operations"] = unit.Operations,
            ["bytes"] = unit.Bytes,
            ["copyMilliseconds"] = unit.Operations > 0 ? null : row.Limits.Median() * 1e3,
            ["fraction"] = Fraction(row),
            ["fractionBeside"] = row.FractionBeside,
        };
    }
}
