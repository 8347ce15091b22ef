// The attributes of an op as text: stride=1 pad=[0,0,1,1]. Values have no blanks.

using System.Globalization;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using UnaryOperator = Brushfire.Kernels.UnaryOperator;

namespace Brushfire.Compiler.Graphs;

/// <summary>The attributes that stand behind an op in a graph's text.</summary>
internal sealed class Attributes(string op, IReadOnlyDictionary<string, string> values)
{
    public const string PrecisionName = "precision";

    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    public int Int(string name) => Parse(name, text => int.Parse(text, CultureInfo.InvariantCulture));
    public long Long(string name) => Parse(name, text => long.Parse(text, CultureInfo.InvariantCulture));
    public float Float(string name) => Parse(name, text => float.Parse(text, CultureInfo.InvariantCulture));
    public bool Bool(string name) => Parse(name, bool.Parse);
    public Shape Shape(string name) => Parse(name, text => new Shape(Integers(text)));
    public Axes Axes(string name) => Parse(name, text => new Axes(Integers(text)));
    public Strides Strides(string name) => Parse(name, text => new Strides(Numbers<long>(text)));
    public DType DType(string name) => Parse(name, DTypeOf);

    /// <summary>What a contraction multiplies in: f32 where it is not told.</summary>
    public DType Precision()
    {
        _read.Add(PrecisionName);
        return values.ContainsKey(PrecisionName) ? DType(PrecisionName) : Tensors.DType.Float32;
    }

    public Padding Padding(string name) => Parse(name, text => Integers(text) switch { [var all] => new Padding(all), [var top, var left, var bottom, var right] => new Padding(top, left, bottom, right), _ => throw new FormatException() });

    /// <summary>A function of one value by its op's name, or null where the attribute is absent.</summary>
    public UnaryOperator? Function(string name)
    {
        _read.Add(name);
        return values.ContainsKey(name) ? Parse(name, FunctionOf) : null;
    }

    /// <summary>A value as text; <see cref="Int"/> and the others read it back.</summary>
    public static string Print(object value) => value switch
    {
        float number => number.ToString("R", CultureInfo.InvariantCulture),
        bool truth => truth ? "true" : "false",
        DType dtype => dtype.Name(),
        UnaryOperator function => new Unary(function).Name,
        Padding padding when padding == new Padding(padding.Top) => padding.Top.ToString(CultureInfo.InvariantCulture),
        Padding padding => $"[{padding.Top},{padding.Left},{padding.Bottom},{padding.Right}]",
        _ => value.ToString()!,
    };

    public static DType DTypeOf(string text)
    {
        foreach (DType dtype in Enum.GetValues<DType>())
            if (dtype.Name() == text) return dtype;
        throw new FormatException();
    }

    private static UnaryOperator FunctionOf(string text)
    {
        foreach (UnaryOperator function in Enum.GetValues<UnaryOperator>())
            if (new Unary(function).Name == text) return function;
        throw new FormatException();
    }

    public static int[] Integers(string text) => Numbers<int>(text);

    private static T[] Numbers<T>(string text) where T : ISpanParsable<T> => [.. text.Trim('[', ']').Split(',', StringSplitOptions.RemoveEmptyEntries).Select(part => T.Parse(part, CultureInfo.InvariantCulture))];

    /// <summary>Refuses attributes that the op did not ask for.</summary>
    public void RequireAllRead()
    {
        foreach (string name in values.Keys)
            if (!_read.Contains(name)) throw new BrushfireException($"{op} has no attribute '{name}'; it takes {(_read.Count == 0 ? "none" : string.Join(", ", _read))}.");
    }

    private T Parse<T>(string name, Func<string, T> parse)
    {
        _read.Add(name);
        if (!values.TryGetValue(name, out string? text)) throw new BrushfireException($"{op} needs the attribute '{name}'.");
        try
        {
            return parse(text);
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            throw new BrushfireException($"{op}: '{text}' cannot be the value of '{name}'.", exception);
        }
    }
}
