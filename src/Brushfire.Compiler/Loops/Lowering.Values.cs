// Lowering, the part that follows an index through the ops of a group.

using Brushfire.Compiler.Graphs;
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
            if (Reshaped(target.Index, target.From, target.Node.Shape) is not { } index) return null;
            if (Value(target.Node, index) is not { } value) return null;
            int output = _group.Outputs.IndexOf(target.Node);
            stores.Add(new Store(output < 0 ? -1 : AccessOf(_group.Inputs.Length + output, $"y{output}", target.Node, index), value));
        }

        return new LoopNest(region.Sizes, [.. _accesses], [.. stores]);
    }

    /// <summary>The node's value at an index of its own axes; null at an obstacle.</summary>
    private Expr? Value(Node node, Affine[] index)
    {
        var place = new Place(node, string.Join(',', (object[])index));
        if (_values.TryGetValue(place, out Expr? known)) return known;
        Expr? value = node == _group.Anchor ? Product(node, index) : _inside.Contains(node) ? Computed(node, index) : Read(node, index);
        if (value is not null) _values[place] = value;
        return value;
    }

    private Expr? Computed(Node node, Affine[] index) => node.Op switch
    {
        Unary unary => Input(node, 0, index) is { } x ? new UnaryExpr(unary.Operator, x) : null,
        Binary binary => Input(node, 0, index) is { } a && Input(node, 1, index) is { } b ? new BinaryExpr(binary.Operator, a, b) : null,
        Cast { DType: DType.Float32 } or Copy => Input(node, 0, index),
        Expand => Input(node, 0, index),
        Reshape => Reshaped(index, node.Shape, node.Inputs[0].Shape) is { } from ? Value(node.Inputs[0], from) : null,
        Permute permute => Value(node.Inputs[0], Permuted(permute, index)),
        Slice slice => Value(node.Inputs[0], [.. index.Select((at, axis) => axis == slice.Axis ? at.Plus(slice.Start) : at)]),
        UpsampleNearest up => Divide(index[1], up.Factor) is (var y, _) && Divide(index[2], up.Factor) is (var x, _) ? Value(node.Inputs[0], [index[0], y, x, index[3]]) : null,
        Concatenate concatenate => Part(node, concatenate.Axis, index),
        Reduce reduce => Folded(node, reduce.Operator, reduce.Axis, index),
        Softmax => SoftmaxOf(node, index),
        LayerNorm norm => LayerNormOf(node, norm.Epsilon, index),
        _ => Refuse($"{node.Op.Name} is no loop over elements"),
    };

    private Expr? Refuse(string reason)
    {
        _obstacle ??= new Obstacle(reason);
        return null;
    }

    private Expr? Product(Node anchor, Affine[] index)
    {
        for (int axis = 0; axis < index.Length; axis++)
        {
            // The targets' index is the product's own.
            if (!SameElement(index[axis], _region.Targets[0].Index[axis])) return Refuse($"{anchor.Name} is not read where it is computed");
        }

        // A linear layer's and a convolution's third input is a bias along the last axis.
        var product = new Handed();
        if (anchor.Inputs.Length < 3) return product;
        return Value(anchor.Inputs[2], [index[^1]]) is { } bias ? new BinaryExpr(BinaryOperator.Add, product, bias) : null;
    }

    // Strides of dimensions of size 1 do not count.
    private bool SameElement(Affine a, Affine b)
    {
        for (int d = 0; d < Rank; d++)
            if (_region.Sizes[d] > 1 && a[d] != b[d]) return false;
        return a.Offset == b.Offset;
    }

    private Expr? Read(Node node, Affine[] index)
    {
        int input = _group.Inputs.IndexOf(node);
        if (input < 0) return Refuse($"{node.Name} is no input of the group");
        return node.DType == DType.Float32 ? Interned(AccessOf(input, $"x{input}", node, index)) : Refuse($"{node.Spec} is not read by loops");
    }

    private Expr Interned(int access)
    {
        foreach (Expr value in _values.Values)
            if (value is Load load && load.Access == access) return value;
        return new Load(access);
    }

    // An input of a pointwise op, broadcast: axes that are missing in front, and those of size 1 that are repeated.
    private Expr? Input(Node node, int input, Affine[] index)
    {
        Node from = node.Inputs[input];
        var at = new Affine[from.Shape.Rank];
        int added = index.Length - at.Length;
        for (int axis = 0; axis < at.Length; axis++)
            at[axis] = from.Shape[axis] != node.Shape[axis + added] ? Affine.Constant(0, Rank) : index[axis + added];
        return Value(from, at);
    }

    private static Affine[] Permuted(Permute permute, Affine[] index)
    {
        var at = new Affine[index.Length];
        for (int i = 0; i < at.Length; i++) at[permute.Order.Values[i]] = index[i];
        return at;
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
                return Value(part, [.. index.Select((at, a) => a == axis ? at.Plus(-first) : at)]);
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
            if (others >= stride || (boundary - index.Offset) % stride != 0) continue;
            _obstacle ??= new Obstacle($"the parts of {node.Name} meet inside of a row", d, Cut: (int)((boundary - index.Offset) / stride));
            return null;
        }

        return Refuse($"the parts of {node.Name} do not meet at an index of one dimension");
    }

    // The same element under another shape.
    private Affine[]? Reshaped(Affine[] index, Shape from, Shape to)
    {
        if (from == to) return index;
        Affine linear = Affine.Constant(0, Rank);
        Strides strides = from.RowMajor();
        for (int axis = 0; axis < from.Rank; axis++) linear += index[axis] * strides[axis];
        var at = new Affine[to.Rank];
        for (int axis = to.Rank - 1; axis > 0; axis--)
        {
            if (Divide(linear, Math.Max(1, to[axis])) is not (var quotient, var remainder)) return null;
            (linear, at[axis]) = (quotient, remainder);
        }

        if (to.Rank > 0) at[0] = linear;
        return at;
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

    private Fold? Folded(Node node, ReduceOperator op, int axis, Affine[] index) => ColumnsAt(node, axis, index) is { } at && Value(node.Inputs[0], at) is { } x ? new Fold(op, x) : null;

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
        if (ColumnsAt(node, index.Length - 1, index) is not { } at || Value(node.Inputs[0], at) is not { } x) return null;
        if (!at[^1].Equals(index[^1])) return Refuse($"{node.Name} is read apart from its rows");
        var exponential = new UnaryExpr(UnaryOperator.Exp, new BinaryExpr(BinaryOperator.Subtract, x, new Fold(ReduceOperator.Max, x)));
        return new BinaryExpr(BinaryOperator.Divide, exponential, new Fold(ReduceOperator.Sum, exponential));
    }

    private Expr? LayerNormOf(Node node, float epsilon, Affine[] index)
    {
        if (ColumnsAt(node, index.Length - 1, index) is not { } at || Value(node.Inputs[0], at) is not { } x) return null;
        if (!at[^1].Equals(index[^1])) return Refuse($"{node.Name} is read apart from its rows");
        if (Value(node.Inputs[1], [index[^1]]) is not { } weight || Value(node.Inputs[2], [index[^1]]) is not { } bias) return null;
        var centered = new BinaryExpr(BinaryOperator.Subtract, x, new Fold(ReduceOperator.Mean, x));
        var variance = new Fold(ReduceOperator.Mean, new BinaryExpr(BinaryOperator.Multiply, centered, centered));
        var factor = new UnaryExpr(UnaryOperator.Rsqrt, new BinaryExpr(BinaryOperator.Add, variance, new Number(epsilon)));
        var normalized = new BinaryExpr(BinaryOperator.Multiply, centered, factor);
        return new BinaryExpr(BinaryOperator.Add, new BinaryExpr(BinaryOperator.Multiply, normalized, weight), bias);
    }

    private int AccessOf(int pointer, string name, Node node, Affine[] index)
    {
        Affine at = Affine.Constant(0, Rank);
        Strides strides = node.Shape.RowMajor();
        for (int axis = 0; axis < index.Length; axis++) at += index[axis] * strides[axis];
        var access = new Access(pointer, name, at);
        int known = _accesses.IndexOf(access);
        if (known >= 0) return known;
        _accesses.Add(access);
        return _accesses.Count - 1;
    }
}
