// Lowering, the part that follows an element's number through the ops of a group.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Scheduling;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using BinaryOperator = Brushfire.Kernels.BinaryOperator;
using ReduceOperator = Brushfire.Kernels.ReduceOperator;
using UnaryOperator = Brushfire.Kernels.UnaryOperator;

namespace Brushfire.Compiler.Loops;

internal sealed partial class Lowering
{
    private int Rank => _region.Sizes.Length;

    // The nest of a region, or null and an obstacle.
    private LoopNest? Attempt(Region region)
    {
        _region = region;
        _values.Clear();
        _accesses.Clear();
        var stores = new List<Store>();
        foreach (Target target in region.Targets)
        {
            if (Value(target.Node, target.Element) is not { } value) return null;
            int output = _group.Outputs.IndexOf(target.Node);
            stores.Add(new Store(output < 0 ? -1 : AccessOf(_group.Inputs.Length + output, $"y{output}", target.Element), value));
        }

        return new LoopNest(region.Sizes, [.. _accesses], [.. stores]);
    }

    /// <summary>The value of one of a node's elements; null at an obstacle.</summary>
    private Expr? Value(Node node, Affine element)
    {
        var place = new Place(node, element);
        if (_values.TryGetValue(place, out Expr? known)) return known;
        Expr? value = node == _group.Anchor ? Product(node, element) : _inside.Contains(node) ? Computed(node, element) : Read(node, element);
        if (value is not null) _values[place] = value;
        return value;
    }

    private Expr? Computed(Node node, Affine element) => node.Op switch
    {
        Unary unary => Input(node, 0, element) is { } x ? new UnaryExpr(unary.Operator, x) : null,
        Binary binary => Input(node, 0, element) is { } a && Input(node, 1, element) is { } b ? new BinaryExpr(binary.Operator, a, b) : null,
        Cast { DType: DType.Float32 } or Copy => Value(node.Inputs[0], element),
        ViewOp => Moved(node, element),
        _ => Axes(element, node.Shape) is { } index ? ComputedAt(node, index) : null,
    };

    // The same for ops that look at axes.
    private Expr? ComputedAt(Node node, Affine[] index) => node.Op switch
    {
        UpsampleNearest up => Divide(index[1], up.Factor) is (var y, _) && Divide(index[2], up.Factor) is (var x, _) ? ValueAt(node.Inputs[0], [index[0], y, x, index[3]]) : null,
        Concatenate concatenate => Part(node, concatenate.Axis, index),
        Reduce reduce => Folded(node, reduce.Operator, reduce.Axis, index),
        Softmax => SoftmaxOf(node, index),
        LayerNorm norm => LayerNormOf(node, norm.Epsilon, index),
        _ => Refuse($"{node.Op.Name} is no loop over elements"),
    };

    private Expr? ValueAt(Node node, Affine[] index) => Value(node, Number(node.Shape, index));

    private Expr? Refuse(string reason)
    {
        _obstacle ??= new Obstacle(reason);
        return null;
    }

    private Expr? Product(Node anchor, Affine element)
    {
        // The targets' elements are the product's own, or stand where those of its halves do.
        int width = anchor.Shape[^1] / _group.Halves;
        if (Divide(_region.Targets[0].Element, Math.Max(1, width)) is not (var row, var at)) return null;
        int half = Enumerable.Range(0, _group.Halves).FirstOrDefault(half => SameElement(element, (row * anchor.Shape[^1]) + at.Plus(half * width)), -1);
        if (half < 0) return Refuse($"{anchor.Name} is not read where it is computed");

        // A linear layer's and a convolution's third input is a bias along the last axis.
        var product = new Handed(half);
        if (anchor.Inputs.Length < 3) return product;
        if (Divide(element, anchor.Shape[^1]) is not (_, var column)) return null;
        return Value(anchor.Inputs[2], column) is { } bias ? new BinaryExpr(BinaryOperator.Add, product, bias) : null;
    }

    // Strides of dimensions of size 1 do not count.
    private bool SameElement(Affine a, Affine b)
    {
        for (int d = 0; d < Rank; d++)
            if (_region.Sizes[d] > 1 && a[d] != b[d]) return false;
        return a.Offset == b.Offset;
    }

    private Expr? Read(Node node, Affine element)
    {
        int input = _group.Inputs.IndexOf(node);
        if (input < 0) return Refuse($"{node.Name} is no input of the group");
        return node.DType == DType.Float32 ? Interned(AccessOf(input, $"x{input}", element)) : Refuse($"{node.Spec} is not read by loops");
    }

    private Expr Interned(int access)
    {
        foreach (Expr value in _values.Values)
            if (value is Load load && load.Access == access) return value;
        return new Load(access);
    }

    // An input of a pointwise op, broadcast.
    private Expr? Input(Node node, int input, Affine element) =>
        View.Through(node.Inputs[input], IsBase).Move(new Expand(node.Shape), node.Shape) is { } view ? Seen(view, element) : Refuse($"{node.Inputs[input].Name} is not broadcast");

    // A reshape that is no view of what is before it has elements of the same numbers.
    private Expr? Moved(Node node, Affine element)
    {
        View view = View.Through(node, IsBase);
        return view.Base == node ? Value(node.Inputs[0], element) : Seen(view, element);
    }

    // What the group reads is in memory as it is.
    private bool IsBase(Node node) => !_inside.Contains(node);

    // The element of a view's base. Neighbouring axes that the view walks as one are one, so that none is cut in vain.
    private Expr? Seen(View view, Affine element)
    {
        Affine at = Affine.Constant(view.Offset, Rank);
        for (int axis = view.Shape.Rank - 1; axis >= 0;)
        {
            long size = 1, stride = 0;
            for (; axis >= 0 && (view.Shape[axis] == 1 || size == 1 || view.Strides[axis] == stride * size); axis--)
            {
                if (view.Shape[axis] == 1) continue;
                if (size == 1) stride = view.Strides[axis];
                size *= Math.Max(1, view.Shape[axis]);
            }

            if ((axis < 0 ? (element, element) : Divide(element, size)) is not (var outer, var inner)) return null;
            (at, element) = (at + (inner * stride), outer);
        }

        return Value(view.Base, at);
    }

    private Expr? Part(Node node, int axis, Affine[] index)
    {
        int start = 0;
        foreach (Node part in node.Inputs)
        {
            int end = start + part.Shape[axis];
            if (index[axis].Offset < end)
            {
                if (index[axis].Max(_region.Sizes) >= end) return Cut(node, index[axis], end);
                int first = start;
                return ValueAt(part, [.. index.Select((at, a) => a == axis ? at.Plus(-first) : at)]);
            }

            start = end;
        }

        return Refuse($"{node.Name} is read beyond its parts");
    }

    // The nest is to be cut where an index passes a boundary.
    private Expr? Cut(Node node, Affine index, long boundary)
    {
        for (int d = 0; d < Rank; d++)
        {
            long stride = index[d];
            if (stride == 0) continue;
            long others = index.Max(_region.Sizes) - stride * (_region.Sizes[d] - 1) - index.Offset;
            long distance = boundary - index.Offset, rest = distance % stride;
            if (others >= stride || (rest > 0 && rest <= others)) continue;
            _obstacle ??= new Obstacle($"the parts of {node.Name} meet inside of a row", d, Cut: (int)((distance + stride - 1) / stride));
            return null;
        }

        return Refuse($"the parts of {node.Name} do not meet at an index of one dimension");
    }

    // The indices of an element along the axes of a shape; null at an obstacle.
    private Affine[]? Axes(Affine element, Shape shape)
    {
        var index = new Affine[shape.Rank];
        for (int axis = shape.Rank - 1; axis > 0; axis--)
        {
            if (Divide(element, Math.Max(1, shape[axis])) is not (var quotient, var remainder)) return null;
            (element, index[axis]) = (quotient, remainder);
        }

        if (shape.Rank > 0) index[0] = element;
        return index;
    }

    // The other way: the number of the element at an index.
    private static Affine Number(Shape shape, Affine[] index)
    {
        Affine number = Affine.Constant(0, index.Length == 0 ? 1 : index[0].Rank);
        Strides strides = shape.RowMajor();
        for (int axis = 0; axis < index.Length; axis++) number += index[axis] * strides[axis];
        return number;
    }

    // index = quotient * divisor + remainder; null if a dimension has to be split first.
    private (Affine Quotient, Affine Remainder)? Divide(Affine index, long divisor)
    {
        long[] quotient = new long[Rank], remainder = new long[Rank];
        for (int d = 0; d < Rank; d++)
        {
            if (_region.Sizes[d] == 1) continue;
            if (index[d] % divisor == 0) quotient[d] = index[d] / divisor;
            else remainder[d] = index[d];
        }

        var rest = new Affine(index.Offset % divisor, remainder);
        if (rest.Max(_region.Sizes) < divisor || _region.Sizes.Contains(0)) return (new Affine(index.Offset / divisor, quotient), rest);
        for (int d = 0; d < Rank; d++)
        {
            if (remainder[d] == 0 || divisor % remainder[d] != 0) continue;
            int inner = (int)(divisor / remainder[d]);
            if (_region.Sizes[d] <= inner || _region.Sizes[d] % inner != 0) continue;
            _obstacle ??= new Obstacle("a reshape cuts rows", d, Split: inner);
            return null;
        }

        Refuse("a reshape needs a copy");
        return null;
    }

    private Fold? Folded(Node node, ReduceOperator op, int axis, Affine[] index) => ColumnsAt(node, axis, index) is { } at && ValueAt(node.Inputs[0], at) is { } x ? new Fold(op, x) : null;

    // The index of a reduction's input at which its axis runs over the columns.
    private Affine[]? ColumnsAt(Node node, int axis, Affine[] index)
    {
        bool columns = _keepsColumns && node.Inputs[0].Shape[axis] == _region.Sizes[^1];
        for (int a = 0; a < index.Length; a++)
            if (a != axis && index[a][^1] != 0) columns = false;
        if (columns) return [.. index.Select((at, a) => a == axis ? Affine.Dimension(Rank - 1, Rank) : at)];
        Refuse($"{node.Name} does not reduce the loops' columns");
        return null;
    }

    private Expr? SoftmaxOf(Node node, Affine[] index)
    {
        if (ColumnsAt(node, index.Length - 1, index) is not { } at || ValueAt(node.Inputs[0], at) is not { } x) return null;
        if (!SameElement(at[^1], index[^1])) return Refuse($"{node.Name} is read apart from its rows");
        var exponential = new UnaryExpr(UnaryOperator.Exp, new BinaryExpr(BinaryOperator.Subtract, x, new Fold(ReduceOperator.Max, x)));
        return new BinaryExpr(BinaryOperator.Divide, exponential, new Fold(ReduceOperator.Sum, exponential));
    }

    private Expr? LayerNormOf(Node node, float epsilon, Affine[] index)
    {
        if (ColumnsAt(node, index.Length - 1, index) is not { } at || ValueAt(node.Inputs[0], at) is not { } x) return null;
        if (!SameElement(at[^1], index[^1])) return Refuse($"{node.Name} is read apart from its rows");
        if (Value(node.Inputs[1], index[^1]) is not { } weight || Value(node.Inputs[2], index[^1]) is not { } bias) return null;
        var centered = new BinaryExpr(BinaryOperator.Subtract, x, new Fold(ReduceOperator.Mean, x));
        var variance = new Fold(ReduceOperator.Mean, new BinaryExpr(BinaryOperator.Multiply, centered, centered));
        var factor = new UnaryExpr(UnaryOperator.Rsqrt, new BinaryExpr(BinaryOperator.Add, variance, new Number(epsilon)));
        var normalized = new BinaryExpr(BinaryOperator.Multiply, centered, factor);
        return new BinaryExpr(BinaryOperator.Add, new BinaryExpr(BinaryOperator.Multiply, normalized, weight), bias);
    }

    private int AccessOf(int pointer, string name, Affine element)
    {
        var access = new Access(pointer, name, element);
        int known = _accesses.IndexOf(access);
        if (known >= 0) return known;
        _accesses.Add(access);
        return _accesses.Count - 1;
    }
}
