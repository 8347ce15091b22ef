// Where the time of whole runs goes: traces of several runs of the same code, summed by group and by shape.

using System.Text.Json.Nodes;
using Brushfire.Tensors.Ops;

namespace Brushfire.Bench;

/// <summary>Units of one group, or of one shape in it, over one run.</summary>
/// <param name="Shapes">Null where the group has several.</param>
public sealed record OpSum(string Group, string Op, string? Shapes, int Calls, double Seconds, double Operations, double Bytes);

public sealed class OpTimes
{
    private readonly IReadOnlyList<(OpUnit Unit, double Seconds)> _units;
    private readonly string _part;

    /// <param name="runs">Timed traces of the same ops.</param>
    /// <param name="part">The part's title.</param>
    public OpTimes(IReadOnlyList<OpTrace> runs, string part)
    {
        _part = part;
        IReadOnlyList<OpUnit>[] units = [.. runs.Select(OpUnit.Of)];
        _units = [.. units[0].Select((unit, i) => (unit, units.Select(run => run[i].Seconds).Median()))];
        Views = runs[0].Views;
        ViewSeconds = runs.Select(run => run.ViewSeconds).Median();
    }

    /// <summary>Ops that give the same values under another shape, and their time: views take next to none, copies do.</summary>
    public int Views { get; }
    public double ViewSeconds { get; }

    /// <summary>The time of all ops: of each the median over the runs.</summary>
    public double Seconds => ViewSeconds + _units.Sum(unit => unit.Seconds);

    /// <summary>The part that is neither in products nor in fused attention.</summary>
    public double OutsideSeconds => Seconds - _units.Where(unit => unit.Unit.Calls[0].Op is Conv2d or Linear or MatMul or ScaledDotProductAttention).Sum(unit => unit.Seconds);

    /// <summary>The most expensive group first.</summary>
    public IEnumerable<OpSum> Groups => Sums(unit => (OpGroup.Of(unit, _part), unit.Name, null));

    /// <summary>The most expensive shape first.</summary>
    public IEnumerable<OpSum> Shapes => Sums(unit => (OpGroup.Of(unit, _part), unit.Name, unit.Shapes));

    public JsonObject ToJson() => new()
    {
        ["groups"] = new JsonArray([.. Groups.Select(ToJson)]),
        ["shapes"] = new JsonArray([.. Shapes.Select(ToJson)]),
        ["views"] = new JsonObject { ["calls"] = Views, ["milliseconds"] = ViewSeconds * 1e3 },
        ["milliseconds"] = Seconds * 1e3,
    };

    private IEnumerable<OpSum> Sums(Func<OpUnit, (string Group, string Op, string? Shapes)> key) =>
        from unit in _units
        group unit by key(unit.Unit) into same
        let sum = new OpSum(same.Key.Group, same.Key.Op, same.Key.Shapes, same.Count(), same.Sum(unit => unit.Seconds), same.Sum(unit => unit.Unit.Operations), same.Sum(unit => (double)unit.Unit.Bytes))
        orderby sum.Seconds descending
        select sum;

    private JsonObject ToJson(OpSum sum) => new()
    {
        ["group"] = sum.Group,
        ["op"] = sum.Op,
        ["shapes"] = sum.Shapes,
        ["calls"] = sum.Calls,
        ["milliseconds"] = sum.Seconds * 1e3,
        ["share"] = sum.Seconds / Seconds,
        ["gigaflopsPerSecond"] = sum.Operations / sum.Seconds / 1e9,
        ["gigabytesPerSecond"] = sum.Bytes / sum.Seconds / 1e9,
    };
}
