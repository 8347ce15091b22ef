// Movement ops: the same values under another shape or order. Most give views of the input's memory.

using Brushfire.Kernels;

namespace Brushfire.Tensors.Ops;

/// <summary>A permutation of axes, compared element by element.</summary>
public readonly struct Axes(ReadOnlySpan<int> values) : IEquatable<Axes>
{
    private readonly int[]? _values = values.ToArray();

    public ReadOnlySpan<int> Values => _values;
    public bool Equals(Axes other) => Values.SequenceEqual(other.Values);
    public override bool Equals(object? obj) => obj is Axes other && Equals(other);
    public override int GetHashCode() => new Shape(Values).GetHashCode();
    public override string ToString() => $"[{string.Join(',', _values ?? [])}]";
    public static bool operator ==(Axes left, Axes right) => left.Equals(right);
    public static bool operator !=(Axes left, Axes right) => !left.Equals(right);
}

/// <summary>A movement op whose result is the input's memory, walked in another way.</summary>
public abstract record ViewOp : Op
{
    internal override Tensor Execute(ReadOnlySpan<Tensor> inputs, TensorSpec result)
    {
        Tensor input = inputs[0];
        if (Move(input.Shape, input.Strides, result.Shape) is { } view) return input.View(result.Shape, view.Strides, input.Offset + view.Offset);
        using Tensor contiguous = input.Contiguous();
        return Execute([contiguous], result);
    }

    /// <summary>How memory that is seen under a shape and strides is walked for the result: in which strides, and from where, counted from the first element; null where the memory must be contiguous.</summary>
    internal abstract (Strides Strides, long Offset)? Move(Shape from, Strides strides, Shape to);
}

/// <summary>The same values in row-major order under another shape; a view where the strides allow it.</summary>
public sealed record Reshape(Shape Shape) : ViewOp
{
    public override string Name => "reshape";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => inputs[0].Shape.Count == Shape.Count
        ? inputs[0] with { Shape = Shape }
        : Refuse($"{inputs[0]} has {inputs[0].Shape.Count} elements, but the shape {Shape} has {Shape.Count}.");

    // Runs of old axes that are contiguous among themselves may be cut in new ways.
    internal override (Strides Strides, long Offset)? Move(Shape from, Strides strides, Shape to)
    {
        if (to.Count == 0) return (to.RowMajor(), 0);
        Span<long> result = stackalloc long[to.Rank];
        int oldAxis = 0, newAxis = 0;
        while (oldAxis < from.Rank && newAxis < to.Rank)
        {
            // A run: the fewest axes on both sides with the same product.
            int oldStart = oldAxis, newStart = newAxis;
            long oldCount = from[oldAxis++], newCount = to[newAxis++];
            while (oldCount != newCount)
            {
                if (oldCount < newCount) oldCount *= from[oldAxis++];
                else newCount *= to[newAxis++];
            }

            if (!Joined(from, strides, oldStart, oldAxis)) return null;
            long stride = strides[LastWide(from, oldStart, oldAxis)];
            for (int axis = newAxis - 1; axis >= newStart; axis--)
            {
                result[axis] = stride;
                stride *= to[axis];
            }
        }

        // What is left on either side has size 1.
        for (; newAxis < to.Rank; newAxis++) result[newAxis] = 1;
        return (new Strides(result), 0);
    }

    private static bool Joined(Shape shape, Strides strides, int start, int end)
    {
        int inner = -1;
        for (int axis = end - 1; axis >= start; axis--)
        {
            if (shape[axis] == 1) continue;
            if (inner >= 0 && strides[axis] != strides[inner] * shape[inner]) return false;
            inner = axis;
        }

        return true;
    }

    private static int LastWide(Shape shape, int start, int end)
    {
        for (int axis = end - 1; axis > start; axis--)
            if (shape[axis] != 1) return axis;
        return start;
    }
}

/// <summary>The axes in another order: axis i of the result is axis Order[i] of the input. Always a view.</summary>
public sealed record Permute(Axes Order) : ViewOp
{
    public override string Name => "permute";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        Shape shape = inputs[0].Shape;
        ReadOnlySpan<int> order = Order.Values;
        Span<bool> seen = stackalloc bool[shape.Rank];
        Span<int> sizes = stackalloc int[shape.Rank];
        if (order.Length != shape.Rank) return Refuse($"{inputs[0]} has rank {shape.Rank}, but the order {Order} names {order.Length} axes.");
        for (int i = 0; i < order.Length; i++)
        {
            if ((uint)order[i] >= (uint)shape.Rank || seen[order[i]]) return Refuse($"the order {Order} is not a permutation of the {shape.Rank} axes of {inputs[0]}.");
            seen[order[i]] = true;
            sizes[i] = shape[order[i]];
        }

        return inputs[0] with { Shape = new Shape(sizes) };
    }

    internal override (Strides Strides, long Offset)? Move(Shape from, Strides strides, Shape to)
    {
        Span<long> moved = stackalloc long[to.Rank];
        for (int i = 0; i < moved.Length; i++) moved[i] = strides[Order.Values[i]];
        return (new Strides(moved), 0);
    }
}

/// <summary>Part of one axis. Always a view.</summary>
public sealed record Slice(int Axis, int Start, int Length) : ViewOp
{
    public override string Name => "slice";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireAxis(Axis, inputs[0]);
        int size = inputs[0].Shape[Axis];
        return Start >= 0 && Length >= 0 && Start <= size - Length
            ? inputs[0] with { Shape = inputs[0].Shape.With(Axis, Length) }
            : Refuse($"elements {Start} to {(long)Start + Length} of axis {Axis} lie outside of {inputs[0]}, whose size there is {size}.");
    }

    internal override (Strides Strides, long Offset)? Move(Shape from, Strides strides, Shape to) => (strides, Start * strides[Axis]);
}

/// <summary>Repeats axes of size 1, and adds axes in front. Always a view.</summary>
public sealed record Expand(Shape Shape) : ViewOp
{
    public override string Name => "expand";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        Shape from = inputs[0].Shape;
        int added = Shape.Rank - from.Rank;
        if (added < 0) return Refuse($"{inputs[0]} has more axes than the shape {Shape}.");
        for (int axis = 0; axis < from.Rank; axis++)
            if (from[axis] != 1 && from[axis] != Shape[axis + added]) return Refuse($"{inputs[0]} cannot be repeated to {Shape}: size {from[axis]} of axis {axis} is neither 1 nor {Shape[axis + added]}.");
        return inputs[0] with { Shape = Shape };
    }

    internal override (Strides Strides, long Offset)? Move(Shape from, Strides strides, Shape to)
    {
        int added = to.Rank - from.Rank;
        Span<long> repeated = stackalloc long[to.Rank];
        for (int axis = 0; axis < to.Rank; axis++)
            repeated[axis] = axis < added || (from[axis - added] == 1 && to[axis] != 1) ? 0 : strides[axis - added];
        return (new Strides(repeated), 0);
    }
}

/// <summary>Element i, j, … is element Offset + i * Strides[0] + j * Strides[1] + … of the input in row-major order; a view where the input is contiguous.</summary>
public sealed record AsStrided(Shape Shape, Strides Strides, long Offset) : Op
{
    public override string Name => "as_strided";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        if (Strides.Values.Length != Shape.Rank) return Refuse($"needs {Shape.Rank} strides for {Shape}; it got {Strides.Values.Length}.");
        Int128 last = Offset;
        for (int axis = 0; axis < Shape.Rank; axis++)
        {
            if (Strides[axis] < 0) return Refuse($"stride {Strides[axis]} of axis {axis} is negative.");
            last += (Int128)Strides[axis] * Math.Max(0, Shape[axis] - 1);
        }

        return Offset >= 0 && (Shape.Count == 0 || last < inputs[0].Shape.Count)
            ? inputs[0] with { Shape = Shape }
            : Refuse($"a view {Shape} from element {Offset} reaches element {last}, but the memory has {inputs[0].Shape.Count}.");
    }

    internal override Tensor Execute(ReadOnlySpan<Tensor> inputs, TensorSpec result)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        return input.View(Shape, Strides, input.Offset + Offset);
    }
}

/// <summary>The same values, contiguous in memory.</summary>
public sealed record Copy : ComputeOp
{
    public override string Name => "copy";
    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => inputs[0];
    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output) => CopyInto(inputs[0], output.Pointer, output.Strides);

    internal static unsafe void CopyInto(Tensor source, void* destination, Strides strides)
    {
        Span<nint> from = stackalloc nint[source.Rank], to = stackalloc nint[source.Rank];
        for (int axis = 0; axis < source.Rank; axis++) (from[axis], to[axis]) = ((nint)source.Strides[axis], (nint)strides[axis]);
        StridedCopy.Run(source.DType.Size(), source.Shape.Sizes, source.Pointer, from, destination, to);
    }
}

/// <summary>The inputs one after the other along an axis.</summary>
public sealed record Concatenate(int Axis) : ComputeOp
{
    public override string Name => "concatenate";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireAxis(Axis, inputs[0]);
        long size = 0;
        foreach (TensorSpec input in inputs)
        {
            if (input.DType != inputs[0].DType || input.Shape.Rank != inputs[0].Shape.Rank || input.Shape.With(Axis, 0) != inputs[0].Shape.With(Axis, 0))
                return Refuse($"{inputs[0]} and {input} differ in more than axis {Axis}.");
            size += input.Shape[Axis];
        }

        return size <= int.MaxValue ? inputs[0] with { Shape = inputs[0].Shape.With(Axis, (int)size) } : Refuse($"axis {Axis} would have {size} elements, over the limit of {int.MaxValue}.");
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        long start = 0;
        foreach (Tensor input in inputs)
        {
            if (input.Shape.Count > 0) Copy.CopyInto(input, output.Pointer + start * output.DType.Size(), output.Strides);
            start += input.Shape[Axis] * output.Strides[Axis];
        }
    }
}

/// <summary>Each pixel of [N, H, W, C] repeated Factor times in height and width.</summary>
public sealed record UpsampleNearest(int Factor) : ComputeOp
{
    public override string Name => "upsample_nearest";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        Shape shape = inputs[0].Shape;
        if (shape.Rank != 4) return Refuse($"takes [N, H, W, C], but the input is {inputs[0]}.");
        if (Factor < 1) return Refuse($"cannot repeat pixels of {inputs[0]} {Factor} times; the factor must be at least 1.");
        return Math.Max(shape[1], shape[2]) * (long)Factor <= int.MaxValue
            ? inputs[0] with { Shape = [shape[0], shape[1] * Factor, shape[2] * Factor, shape[3]] }
            : Refuse($"cannot repeat pixels of {inputs[0]} {Factor} times; no size may be over {int.MaxValue}.");
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        Shape shape = input.Shape;
        NearestUpsampling.Run(shape[0], shape[1], shape[2], shape[3], Factor, (float*)input.Pointer, (float*)output.Pointer);
    }
}

/// <summary>Rows of a table [rows, columns] by int64 or int32 indices of any shape: the result is [indices…, columns].</summary>
public sealed record GatherRows : ComputeOp
{
    public override string Name => "gather_rows";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        (TensorSpec table, TensorSpec indices) = (inputs[0], inputs[1]);
        if (table.Shape.Rank != 2) return Refuse($"the table must be [rows, columns], but it is {table}.");
        if (indices.DType is not (DType.Int32 or DType.Int64)) return Refuse($"indices must be i32 or i64, but they are {indices}.");
        return table with { Shape = [.. indices.Shape, table.Shape[1]] };
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor table = inputs[0].ContiguousOrSelf();
        using Tensor wide = inputs[1].Cast(DType.Int64);
        using Tensor indices = wide.ContiguousOrSelf();
        foreach (long index in indices.ContiguousValues<long>())
            if ((ulong)index >= (ulong)table.Shape[0]) Refuse($"index {index} is outside of the table {table.Spec}.");
        Gather.Run((nint)table.DType.Size() * table.Shape[1], table.Pointer, (nint)indices.Shape.Count, (long*)indices.Pointer, output.Pointer);
    }
}
