// Element types: names as in papers and weight files, sizes in bytes.

using Brushfire.Kernels;

namespace Brushfire.Tensors;

/// <summary>Element type of a tensor.</summary>
public enum DType { Float32, Float16, BFloat16, Float64, Int32, Int64, UInt8, Bool }

public static class DTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this DType dtype) => dtype switch
    {
        DType.Float32 => 4,
        DType.Float16 => 2,
        DType.BFloat16 => 2,
        DType.Float64 => 8,
        DType.Int32 => 4,
        DType.Int64 => 8,
        DType.UInt8 => 1,
        DType.Bool => 1,
    };

    /// <summary>The printed name: f32, f16, bf16, f64, i32, i64, u8, bool.</summary>
    public static string Name(this DType dtype) => dtype switch
    {
        DType.Float32 => "f32",
        DType.Float16 => "f16",
        DType.BFloat16 => "bf16",
        DType.Float64 => "f64",
        DType.Int32 => "i32",
        DType.Int64 => "i64",
        DType.UInt8 => "u8",
        DType.Bool => "bool",
    };

    /// <summary>The same type as kernels name it.</summary>
    internal static ElementKind Kind(this DType dtype) => dtype switch
    {
        DType.Float32 => ElementKind.Float32,
        DType.Float16 => ElementKind.Float16,
        DType.BFloat16 => ElementKind.BFloat16,
        DType.Float64 => ElementKind.Float64,
        DType.Int32 => ElementKind.Int32,
        DType.Int64 => ElementKind.Int64,
        DType.UInt8 => ElementKind.UInt8,
        DType.Bool => ElementKind.Bool,
    };
}
