// Where the time of compiled steps goes: launches of several runs of the same program, summed by kind and by kernel.

using System.Text.Json.Nodes;
using Brushfire.Compiler.Diagnostics;

namespace Brushfire.Bench;

/// <summary>Launches of one kind and name over one run.</summary>
public sealed record LaunchSum(LaunchKind Kind, string Name, int Launches, double Seconds);

public sealed class LaunchSums
{
    private readonly IReadOnlyList<(LaunchTime Launch, double Seconds)> _launches;

    /// <param name="runs">Times of the same launches.</param>
    public LaunchSums(IReadOnlyList<IReadOnlyList<LaunchTime>> runs) =>
        _launches = [.. runs[0].Select((launch, i) => (launch, runs.Select(run => run[i].Time.TotalSeconds).Median()))];

    /// <summary>The time of all launches: of each the median over the runs.</summary>
    public double Seconds => _launches.Sum(launch => launch.Seconds);

    /// <summary>The part that is neither in products nor in fused attention.</summary>
    public double OutsideSeconds => _launches.Where(launch => launch.Launch.Kind is not (LaunchKind.Contraction or LaunchKind.Attention)).Sum(launch => launch.Seconds);

    /// <summary>The most expensive kernels first.</summary>
    public IEnumerable<LaunchSum> Kernels =>
        from launch in _launches
        group launch by (launch.Launch.Kind, launch.Launch.Name) into same
        let sum = new LaunchSum(same.Key.Kind, same.Key.Name, same.Count(), same.Sum(launch => launch.Seconds))
        orderby sum.Seconds descending
        select sum;

    public JsonArray ToJson() =>
    [
        .. Kernels.Select(sum => new JsonObject
        {
            ["kind"] = sum.Kind.ToString().ToLowerInvariant(),
            ["name"] = sum.Name,
            ["launches"] = sum.Launches,
            ["milliseconds"] = sum.Seconds * 1e3,
            ["share"] = sum.Seconds / Seconds,
        }),
    ];
}
