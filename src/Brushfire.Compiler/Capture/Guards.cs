// What a compiled entry assumes of its calls: which tensors there are, their element types and ranks, all arguments that are
// neither tensors nor floating-point numbers, and the settings that were read. Sizes are no guard: they choose a plan.

using Brushfire.Tensors;
using Brushfire.Tensors.Execution;

namespace Brushfire.Compiler.Capture;

/// <summary>A guard that a call missed, before it is known by which function and entry.</summary>
internal readonly record struct Miss(string Input, string Dimension, string CompiledFor, string Got)
{
    public RecompileReason Reason(string function, int entry) => new(function, Input, Dimension, CompiledFor, Got, entry);
}

internal sealed class Guards(IReadOnlyList<Part> parts)
{
    private readonly object?[] _expected = [.. parts.Select(Kind)];
    private readonly string[] _labels = [.. parts.Select(part => part.Label)];
    private readonly Dictionary<Setting, object> _settings = [];

    /// <summary>Settings that were read in making or running what is guarded hold from now on.</summary>
    public void Add(IEnumerable<Setting> read)
    {
        foreach (Setting setting in read) _settings.TryAdd(setting, setting.Peek);
    }

    /// <summary>All guards that a call misses; none where it fits.</summary>
    public IEnumerable<Miss> Misses(IReadOnlyList<Part> call)
    {
        for (int i = 0; i < Math.Max(call.Count, _labels.Length); i++)
        {
            if (i >= call.Count || i >= _labels.Length || call[i].Label != _labels[i])
            {
                yield return new Miss(i < call.Count ? call[i].Label : _labels[i], "presence", i < _labels.Length ? _labels[i] : "nothing", i < call.Count ? call[i].Label : "nothing");
                break;
            }

            if (Differs(call[i].Label, _expected[i], Kind(call[i])) is { } miss) yield return miss;
        }

        foreach ((Setting setting, object value) in _settings)
            if (!value.Equals(setting.Peek)) yield return new Miss("setting " + setting.Name, "value", $"{value}", $"{setting.Peek}");
    }

    private static Miss? Differs(string label, object? expected, object? got) => (expected, got) switch
    {
        (TensorKind a, TensorKind b) when a.DType != b.DType => new Miss(label, "dtype", a.DType.Name(), b.DType.Name()),
        (TensorKind a, TensorKind b) when a.Rank != b.Rank => new Miss(label, "rank", $"{a.Rank}", $"{b.Rank}"),
        _ when Equals(expected, got) => null,
        _ => new Miss(label, "value", Print(expected), Print(got)),
    };

    // Any floating-point number of a type fits.
    private static object? Kind(Part part) => part switch
    {
        { Value: Tensor tensor } => new TensorKind(tensor.DType, tensor.Rank),
        { IsFloat: true } => part.Value!.GetType(),
        _ => part.Value,
    };

    private static string Print(object? value) => value switch
    {
        null => "null",
        Type number => $"a number ({number.Name})",
        _ => value.ToString() ?? "",
    };

    private readonly record struct TensorKind(DType DType, int Rank)
    {
        public override string ToString() => $"a tensor ({DType.Name()}, rank {Rank})";
    }
}
