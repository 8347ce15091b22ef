// Pointwise ops: one result element from one element of each input. Inputs of different shapes are broadcast.

using Brushfire.Kernels;

namespace Brushfire.Tensors.Ops;

/// <summary>A function of each element, float32.</summary>
public sealed record Unary(UnaryOperator Operator) : ComputeOp
{
    public override string Name => Names.SnakeCase(Operator.ToString());

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        return inputs[0];
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        Span<nint> strides = stackalloc nint[output.Rank];
        Binary.BroadcastStrides(inputs[0], output.Shape, strides);
        Pointwise.Run(Operator, output.Shape.Sizes, (float*)inputs[0].Pointer, strides, (float*)output.Pointer);
    }
}

/// <summary>A function of two elements, float32, broadcast as in NumPy.</summary>
public sealed record Binary(BinaryOperator Operator) : ComputeOp
{
    public override string Name => Names.SnakeCase(Operator.ToString());

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        return inputs[0] with { Shape = Broadcast(inputs[0], inputs[1]) };
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        Span<nint> first = stackalloc nint[output.Rank], second = stackalloc nint[output.Rank];
        BroadcastStrides(inputs[0], output.Shape, first);
        BroadcastStrides(inputs[1], output.Shape, second);
        Pointwise.Run(Operator, output.Shape.Sizes, (float*)inputs[0].Pointer, first, (float*)inputs[1].Pointer, second, (float*)output.Pointer);
    }

    private Shape Broadcast(TensorSpec first, TensorSpec second)
    {
        if (first.Shape == second.Shape) return first.Shape;
        Span<int> sizes = stackalloc int[Math.Max(first.Shape.Rank, second.Shape.Rank)];
        for (int i = 1; i <= sizes.Length; i++)
        {
            int a = i <= first.Shape.Rank ? first.Shape[^i] : 1, b = i <= second.Shape.Rank ? second.Shape[^i] : 1;
            if (a != b && a != 1 && b != 1) Refuse($"{first} and {second} do not fit: sizes {a} and {b} of axis {-i} differ and neither is 1.");
            sizes[^i] = a == 1 ? b : a;
        }

        return new Shape(sizes);
    }

    internal static void BroadcastStrides(Tensor tensor, Shape shape, Span<nint> strides)
    {
        int added = shape.Rank - tensor.Rank;
        for (int axis = 0; axis < shape.Rank; axis++)
            strides[axis] = axis < added || tensor.Shape[axis - added] == 1 ? 0 : (nint)tensor.Strides[axis - added];
    }
}

/// <summary>The same values as another element type; to integers toward zero, to bool by "is not zero". A view where the type is the same.</summary>
public sealed record Cast(DType DType) : ComputeOp
{
    public override string Name => "cast";
    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => inputs[0] with { DType = DType };

    internal override Tensor Execute(ReadOnlySpan<Tensor> inputs, TensorSpec result) =>
        inputs[0].DType == DType ? inputs[0].View(inputs[0].Shape, inputs[0].Strides, inputs[0].Offset) : base.Execute(inputs, result);

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        Conversion.Run(input.DType.Kind(), DType.Kind(), (nint)input.Shape.Count, input.Pointer, output.Pointer);
    }
}
