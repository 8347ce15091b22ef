// An op: a record with attributes, the rule for its result's type and shape with precise errors, and its eager meaning.

using System.Diagnostics.CodeAnalysis;

namespace Brushfire.Tensors;

/// <summary>An operation on tensors, compared by its attributes.</summary>
public abstract record Op
{
    /// <summary>The name in graph texts and errors, for example conv2d.</summary>
    public abstract string Name { get; }

    /// <summary>The result's type and shape.</summary>
    /// <exception cref="BrushfireException">The inputs do not fit, told with their specs and the way out.</exception>
    public abstract TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs);

    /// <summary>The eager meaning. <paramref name="result"/> is what <see cref="Infer"/> gave for these inputs.</summary>
    internal abstract Tensor Execute(ReadOnlySpan<Tensor> inputs, TensorSpec result);

    [DoesNotReturn]
    protected TensorSpec Refuse(string problem) => throw new BrushfireException($"{Name}: {problem}");

    /// <summary>Refuses an axis that an input does not have. Axes count from the front here.</summary>
    protected void RequireAxis(int axis, TensorSpec input)
    {
        if ((uint)axis >= (uint)input.Shape.Rank) Refuse($"axis {axis} is outside of {input}, which has rank {input.Shape.Rank}.");
    }

    /// <summary>Refuses inputs of another type than float32.</summary>
    protected void RequireFloat32(ReadOnlySpan<TensorSpec> inputs)
    {
        foreach (TensorSpec input in inputs)
            if (input.DType != DType.Float32) Refuse($"computes in f32, but one input is {input}; convert it with Cast(DType.Float32).");
    }
}

/// <summary>An op whose result is new memory, filled by a kernel.</summary>
public abstract record ComputeOp : Op
{
    internal override Tensor Execute(ReadOnlySpan<Tensor> inputs, TensorSpec result)
    {
        var output = new Tensor(result);
        Fill(inputs, output);
        return output;
    }

    /// <summary>Fills an output of the inferred type and shape, contiguous; without elements there is nothing to do.</summary>
    internal void Fill(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        if (output.Shape.Count > 0) Compute(inputs, output);
    }

    /// <summary>Fills the contiguous output, which has elements.</summary>
    internal abstract void Compute(ReadOnlySpan<Tensor> inputs, Tensor output);
}
