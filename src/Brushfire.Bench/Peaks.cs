// The machine's peak before and after a measurement: the better one counts, and a large difference spoils the report.

using System.Text.Json.Nodes;
using Brushfire.Kernels;

namespace Brushfire.Bench;

public sealed record Peaks(MachinePeak Before, MachinePeak After)
{
    private const double LargestDifference = 0.05;

    /// <summary>The better one of both measurements.</summary>
    public MachinePeak Best => Before.OperationsPerSecond >= After.OperationsPerSecond ? Before : After;

    /// <summary>Why the numbers must not be used; null where they may.</summary>
    public string? Invalid
    {
        get
        {
            double difference = Math.Abs(Before.OperationsPerSecond - After.OperationsPerSecond) / Best.OperationsPerSecond;
            return difference > LargestDifference
                ? $"the peaks before and after differ by {difference:P1}, more than {LargestDifference:P0}: the machine was not quiet"
                : null;
        }
    }

    public IEnumerable<string> ToLines()
    {
        yield return $"peak before       {Describe(Before)}";
        yield return $"peak after        {Describe(After)}";
    }

    public static JsonObject ToJson(MachinePeak peak) => new()
    {
        ["operationsPerSecond"] = peak.OperationsPerSecond,
        ["operationsPerCycle"] = peak.OperationsPerCycle,
        ["cyclesPerSecond"] = peak.CyclesPerSecond,
        ["tile"] = peak.Tile,
    };

    private static string Describe(MachinePeak peak) =>
        $"{peak.OperationsPerSecond / 1e9:F1} GFLOP/s by tiles of {peak.Tile}: {peak.OperationsPerCycle:F1} operations a cycle and thread at {peak.CyclesPerSecond / 1e9:F2} GHz";
}
