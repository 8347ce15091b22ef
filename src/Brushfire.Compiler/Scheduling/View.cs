// A node as strides over the memory of another node: movement that costs nothing.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Scheduling;

/// <summary>Elements of <paramref name="Base"/>'s memory, which is row-major: an offset and a stride for each axis, in elements.</summary>
internal readonly record struct View(Node Base, Shape Shape, Strides Strides, long Offset)
{
    /// <summary>Whether the view is all of its base in row-major order, under whatever shape.</summary>
    public bool IsWhole
    {
        get
        {
            long expected = 1;
            for (int axis = Shape.Rank - 1; axis >= 0; axis--)
            {
                if (Shape[axis] != 1 && Strides[axis] != expected) return false;
                expected *= Shape[axis];
            }

            return Offset == 0 && expected == Base.Shape.Count;
        }
    }

    /// <summary>The view that a node is; a node that computes or copies, or for which <paramref name="isBase"/> holds, is a view of itself.</summary>
    public static View Through(Node node, Func<Node, bool> isBase) =>
        node.Op is Reshape or Permute or Slice or Expand && !isBase(node) && Through(node.Inputs[0], isBase).Move(node.Op, node.Shape) is { } moved ? moved : Whole(node);

    /// <summary>A node's own memory.</summary>
    public static View Whole(Node node) => new(node, node.Shape, node.Shape.RowMajor(), 0);

    /// <summary>This view, moved by a reshape, permute, slice or expand; null where that takes a copy.</summary>
    public View? Move(Op op, Shape shape)
    {
        Span<long> strides = stackalloc long[shape.Rank];
        switch (op)
        {
            case Permute permute:
                for (int i = 0; i < strides.Length; i++) strides[i] = Strides[permute.Order.Values[i]];
                break;
            case Slice slice:
                return this with { Shape = shape, Offset = Offset + slice.Start * Strides[slice.Axis] };
            case Expand:
                int added = shape.Rank - Shape.Rank;
                for (int i = 0; i < strides.Length; i++) strides[i] = i < added || (Shape[i - added] == 1 && shape[i] != 1) ? 0 : Strides[i - added];
                break;
            default:
                return Reshape.ViewStrides(Shape, Strides, shape) is { } cut ? this with { Shape = shape, Strides = cut } : null;
        }

        return this with { Shape = shape, Strides = new Strides(strides) };
    }
}
