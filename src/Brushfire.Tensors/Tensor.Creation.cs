// Tensors from values and values from tensors.

using System.Runtime.CompilerServices;

namespace Brushfire.Tensors;

public sealed partial class Tensor
{
    /// <summary>A tensor of float32 values in row-major order.</summary>
    public static Tensor FromArray(ReadOnlySpan<float> values, Shape shape) => FromValues(DType.Float32, values, shape);

    /// <summary>A tensor of int64 values in row-major order.</summary>
    public static Tensor FromArray(ReadOnlySpan<long> values, Shape shape) => FromValues(DType.Int64, values, shape);

    /// <summary>A tensor of int32 values in row-major order.</summary>
    public static Tensor FromArray(ReadOnlySpan<int> values, Shape shape) => FromValues(DType.Int32, values, shape);

    /// <summary>A tensor from its bytes, row-major, little-endian.</summary>
    public static Tensor FromBytes(ReadOnlySpan<byte> bytes, TensorSpec spec)
    {
        if (bytes.Length != spec.Bytes) throw new BrushfireException($"{spec} has {spec.Bytes} bytes, but {bytes.Length} were given.");
        var tensor = new Tensor(spec);
        bytes.CopyTo(tensor.ContiguousBytes());
        return tensor;
    }

    public static Tensor Scalar(float value) => FromArray([value], Shape.Scalar);

    public static Tensor Full(Shape shape, float value)
    {
        var tensor = new Tensor(new TensorSpec(DType.Float32, shape));
        tensor.ContiguousValues<float>().Fill(value);
        return tensor;
    }

    public static Tensor Zeros(Shape shape) => Full(shape, 0);

    /// <summary>A new contiguous float32 tensor whose values <paramref name="fill"/> writes, in row-major order.</summary>
    public static Tensor Create(Shape shape, Action<Span<float>> fill)
    {
        var tensor = new Tensor(new TensorSpec(DType.Float32, shape));
        fill(tensor.ContiguousValues<float>());
        return tensor;
    }

    /// <summary>All values in row-major order. T is the element type's own: float, Half, double, int, long, byte, bool, or ushort for bf16.</summary>
    /// <exception cref="BrushfireException">T has another size than the element type.</exception>
    public T[] ToArray<T>() where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() != DType.Size()) throw new BrushfireException($"ToArray<{typeof(T).Name}> cannot read {Spec}; use Cast first.");
        using Tensor contiguous = ContiguousOrSelf();
        return contiguous.ContiguousValues<T>().ToArray();
    }

    /// <summary>All values in row-major order, converted to float32.</summary>
    public float[] ToArray()
    {
        if (DType == DType.Float32) return ToArray<float>();
        using Tensor cast = Cast(DType.Float32);
        return cast.ToArray<float>();
    }

    /// <summary>The value of a tensor with one element.</summary>
    public float Item() => Shape.Count == 1 ? ToArray()[0] : throw new BrushfireException($"Item reads one element, but {Spec} has {Shape.Count}.");

    internal unsafe Span<T> ContiguousValues<T>() where T : unmanaged =>
        Shape.Count <= int.MaxValue
            ? new(Pointer, (int)Shape.Count)
            : throw new BrushfireException($"{Spec} has too many elements for one array.");

    private unsafe Span<byte> ContiguousBytes() =>
        Spec.Bytes <= int.MaxValue ? new(Pointer, (int)Spec.Bytes) : throw new BrushfireException($"{Spec} has too many bytes for one array.");

    private static unsafe Tensor FromValues<T>(DType dtype, ReadOnlySpan<T> values, Shape shape) where T : unmanaged
    {
        if (values.Length != shape.Count) throw new BrushfireException($"The shape {shape} has {shape.Count} elements, but {values.Length} values were given.");
        var tensor = new Tensor(new TensorSpec(dtype, shape));
        values.CopyTo(new Span<T>(tensor.Pointer, values.Length));
        return tensor;
    }

    // Disposing of the result never frees this tensor.
    internal Tensor ContiguousOrSelf() => IsContiguous ? View(Shape, Strides, Offset) : Contiguous();
}
