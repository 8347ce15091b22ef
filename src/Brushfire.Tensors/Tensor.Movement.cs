// Shapes, orders and parts. None of these changes a value.

using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Tensors;

public sealed partial class Tensor
{
    /// <summary>The same values in row-major order under another shape; one size may be -1 and is then found out.</summary>
    public Tensor Reshape(params ReadOnlySpan<int> sizes)
    {
        int unknown = sizes.IndexOf(-1);
        if (unknown < 0) return Run(new Reshape(new Shape(sizes)), this);
        int[] known = sizes.ToArray();
        known[unknown] = 1;
        long others = new Shape(known).Count;
        if (others == 0 || Shape.Count % others != 0) throw new BrushfireException($"reshape: {Spec} cannot be cut into [{string.Join(',', sizes.ToArray())}]: {Shape.Count} elements are not a multiple of {others}.");
        if (Shape.Count / others > int.MaxValue) throw new BrushfireException($"reshape: {Spec} cannot be cut into [{string.Join(',', sizes.ToArray())}]: one size would be {Shape.Count / others}, over the limit of {int.MaxValue}.");
        known[unknown] = (int)(Shape.Count / others);
        return Run(new Reshape(known), this);
    }

    /// <summary>The axes in another order: axis i of the result is axis order[i] of this.</summary>
    public Tensor Permute(params ReadOnlySpan<int> order) => Run(new Permute(new Axes(order)), this);

    /// <summary>Two axes exchanged; negative ones count from the end.</summary>
    public Tensor Transpose(int first, int second)
    {
        Span<int> order = stackalloc int[Rank];
        for (int axis = 0; axis < Rank; axis++) order[axis] = axis;
        (first, second) = (Shape.Axis(first, "transpose"), Shape.Axis(second, "transpose"));
        (order[first], order[second]) = (second, first);
        return Permute(order);
    }

    /// <summary>Elements start … start + length - 1 of an axis.</summary>
    public Tensor Slice(int axis, int start, int length) => Run(new Slice(Shape.Axis(axis, "slice"), start, length), this);

    /// <summary>Equal parts of an axis, in order.</summary>
    public Tensor[] Split(int axis, int parts)
    {
        axis = Shape.Axis(axis, "split");
        if (parts < 1 || Shape[axis] % parts != 0) throw new BrushfireException($"split: axis {axis} of {Spec} cannot be cut into {parts} equal parts.");
        int length = Shape[axis] / parts;
        var slices = new Tensor[parts];
        for (int i = 0; i < parts; i++) slices[i] = Slice(axis, i * length, length);
        return slices;
    }

    /// <summary>Axes of size 1 repeated, new axes in front.</summary>
    public Tensor Expand(params ReadOnlySpan<int> sizes) => Run(new Expand(new Shape(sizes)), this);

    /// <summary>A new axis of size 1.</summary>
    public Tensor Unsqueeze(int axis)
    {
        int place = axis < 0 ? axis + Rank + 1 : axis;
        if (place < 0 || place > Rank) throw new BrushfireException($"unsqueeze: axis {axis} is outside of {Spec} with one more axis; it must be from {-Rank - 1} to {Rank}.");
        List<int> sizes = [.. Shape];
        sizes.Insert(place, 1);
        return Reshape(sizes.ToArray());
    }

    /// <summary>A contiguous copy.</summary>
    public Tensor Contiguous() => Run(new Copy(), this);

    /// <summary>[N, C, H, W] as [N, H, W, C], contiguous.</summary>
    public Tensor ToChannelsLast() => Permute(0, 2, 3, 1).Contiguous();

    /// <summary>[N, H, W, C] as [N, C, H, W], contiguous.</summary>
    public Tensor ToChannelsFirst() => Permute(0, 3, 1, 2).Contiguous();

    public static Tensor Concatenate(int axis, params ReadOnlySpan<Tensor> tensors)
    {
        if (tensors.Length == 0) throw new BrushfireException("concatenate: there are no tensors to join.");
        return Executor.Current.Run(new Concatenate(tensors[0].Shape.Axis(axis, "concatenate")), tensors);
    }

    /// <summary>Each pixel of [N, H, W, C] repeated in height and width.</summary>
    public Tensor UpsampleNearest(int factor) => Run(new UpsampleNearest(factor), this);

    /// <summary>Rows of this table [rows, columns] by i32 or i64 indices; gives [indices…, columns].</summary>
    public Tensor GatherRows(Tensor indices) => Run(new GatherRows(), this, indices);

    /// <summary>The same memory with other strides, for weight files that store views.</summary>
    /// <param name="offset">Index of the first element in this tensor, which must be contiguous.</param>
    /// <exception cref="BrushfireException">The view would reach outside of this tensor.</exception>
    public Tensor AsStrided(Shape shape, ReadOnlySpan<long> strides, long offset) => Run(new AsStrided(shape, new Strides(strides), offset), this);

    private static Tensor Run(Op op, Tensor input) => Executor.Current.Run(op, [input]);
    private static Tensor Run(Op op, Tensor first, Tensor second) => Executor.Current.Run(op, [first, second]);
}
