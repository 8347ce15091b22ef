// A node as strides over the memory of another node: movement that costs nothing.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Scheduling;

/// <summary>Elements of <paramref name="Base"/>'s memory, which is row-major: an offset and a stride for each axis, in elements.</summary>
internal sealed record View(Node Base, Shape Shape, Strides Strides, long Offset)
{
    /// <summary>Whether the view is all of its base in row-major order, under whatever shape.</summary>
    public bool IsWhole => Offset == 0 && Shape.Count == Base.Shape.Count && Strides.AreRowMajor(Shape);

    /// <summary>The view that a node is; a node that computes or copies, or for which <paramref name="isBase"/> holds, is a view of itself.</summary>
    public static View Through(Node node, Func<Node, bool> isBase) =>
        node.Op is ViewOp op && !isBase(node) && Through(node.Inputs[0], isBase).Move(op, node.Shape) is { } moved ? moved : Whole(node);

    /// <summary>A node's own memory.</summary>
    public static View Whole(Node node) => new(node, node.Shape, node.Shape.RowMajor(), 0);

    /// <summary>This view, moved; null where that takes a copy.</summary>
    public View? Move(ViewOp op, Shape shape) =>
        op.Move(Shape, Strides, shape) is { } moved ? this with { Shape = shape, Strides = moved.Strides, Offset = Offset + moved.Offset } : null;
}
