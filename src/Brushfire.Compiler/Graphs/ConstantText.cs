// A constant's values as text: a few in full, so that they read back; many as the hash of their bytes, by which a reader of
// the text is given them again.

using System.Globalization;
using System.Runtime.InteropServices;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;

namespace Brushfire.Compiler.Graphs;

internal static class ConstantText
{
    private const int PrintedValues = 16;

    /// <summary>0.5 for a scalar, [1,2,3] for others in row-major order, "#hash" for more than 16.</summary>
    public static string Print(Tensor value)
    {
        if (value.Shape.Count > PrintedValues) return $"\"{Key(value)}\"";
        string values = string.Join(',', Values(value));
        return value.Rank == 0 ? values : $"[{values}]";
    }

    /// <summary>The name of a constant that is too long to print.</summary>
    public static string Key(Tensor value) => $"#{ContentHash(value):x16}";

    /// <summary>The values that <see cref="Print"/> printed in full.</summary>
    public static Tensor Parse(string text, TensorSpec spec)
    {
        string[] values = text.Trim('[', ']').Split(',', StringSplitOptions.RemoveEmptyEntries);
        return spec.DType is DType.Int32 or DType.Int64 or DType.UInt8 or DType.Bool
            ? Cast(Tensor.FromArray([.. values.Select(Integer)], spec.Shape), spec.DType)
            : spec.DType == DType.Float64
                ? Tensor.FromBytes(MemoryMarshal.AsBytes(values.Select(Double).ToArray().AsSpan()), spec)
                : Cast(Tensor.FromArray([.. values.Select(value => float.Parse(value, CultureInfo.InvariantCulture))], spec.Shape), spec.DType);
    }

    public static byte[] Bytes(Tensor value)
    {
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        return value.DType.Size() switch
        {
            1 => value.ToArray<byte>(),
            2 => MemoryMarshal.AsBytes(value.ToArray<ushort>().AsSpan()).ToArray(),
            4 => MemoryMarshal.AsBytes(value.ToArray<int>().AsSpan()).ToArray(),
            _ => MemoryMarshal.AsBytes(value.ToArray<long>().AsSpan()).ToArray(),
        };
    }

    /// <summary>FNV-1a of type, shape and bytes.</summary>
    public static ulong ContentHash(Tensor value)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char letter in value.Spec.ToString()) hash = (hash ^ letter) * 0x100000001B3;
        foreach (byte part in Bytes(value)) hash = (hash ^ part) * 0x100000001B3;
        return hash;
    }

    private static IEnumerable<string> Values(Tensor value)
    {
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        return value.DType switch
        {
            DType.Float64 => [.. value.ToArray<double>().Select(number => number.ToString("R", CultureInfo.InvariantCulture))],
            DType.Int64 => [.. value.ToArray<long>().Select(number => number.ToString(CultureInfo.InvariantCulture))],
            DType.Int32 => [.. value.ToArray<int>().Select(number => number.ToString(CultureInfo.InvariantCulture))],
            DType.Bool => [.. value.ToArray<bool>().Select(truth => truth ? "true" : "false")],
            _ => [.. value.ToArray().Select(number => number.ToString("R", CultureInfo.InvariantCulture))],
        };
    }

    private static long Integer(string text) => text switch
    {
        "true" => 1,
        "false" => 0,
        _ => long.Parse(text, CultureInfo.InvariantCulture),
    };

    private static double Double(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static Tensor Cast(Tensor tensor, DType dtype) => tensor.DType == dtype ? tensor : tensor.Cast(dtype);
}
