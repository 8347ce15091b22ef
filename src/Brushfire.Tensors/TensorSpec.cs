// What is known of a tensor without its values: element type and shape. Printed as f32[2,77,768] everywhere.

namespace Brushfire.Tensors;

/// <summary>Element type and shape.</summary>
public readonly record struct TensorSpec(DType DType, Shape Shape)
{
    /// <summary>Bytes of a contiguous tensor.</summary>
    public long Bytes => Shape.Count * DType.Size();

    /// <summary>For example f32[2,77,768].</summary>
    public override string ToString() => DType.Name() + Shape;
}
