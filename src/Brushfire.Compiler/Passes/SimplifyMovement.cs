// The rules of Simplify for movement: shapes, orders and parts. Where values lie in memory is the schedule's choice, so a
// copy means nothing here.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Passes;

internal sealed partial class Simplify
{
    private Node? Movement(Node node) => node switch
    {
        // Nothing moves.
        { Op: Copy, Inputs: [var x] } => x,
        { Op: Reshape or Expand or Slice, Inputs: [var x] } when x.Shape == node.Shape => x,
        { Op: UpsampleNearest { Factor: 1 }, Inputs: [var x] } => x,
        { Op: Concatenate, Inputs: [var x] } => x,
        { Op: Permute permute, Inputs: [var x] } when permute.KeepsOrder(x.Shape) => Add(new Reshape(node.Shape), x),

        // Two steps are one.
        { Op: Reshape reshape, Inputs: [{ Op: Reshape, Inputs: [var x] }] } => Add(reshape, x),
        { Op: Permute outer, Inputs: [{ Op: Permute inner, Inputs: [var x] }] } => Add(new Permute(outer.Order.After(inner.Order)), x),
        { Op: Expand expand, Inputs: [{ Op: Expand, Inputs: [var x] }] } => Add(expand, x),
        { Op: Slice outer, Inputs: [{ Op: Slice inner, Inputs: [var x] }] } when outer.Axis == inner.Axis => Add(new Slice(inner.Axis, inner.Start + outer.Start, outer.Length), x),
        { Op: Reshape, Inputs: [{ Op: Permute permute, Inputs: [var x] }] } when permute.WithOtherUnits(x.Shape, node.Shape, out Shape before) is { } other => Add(other, Add(new Reshape(before), x)),

        // Parts of a whole, and a whole of parts.
        { Op: Slice slice, Inputs: [{ Op: Concatenate join } joined] } when slice.Axis == join.Axis && Part(slice, joined, out int start) is { } part => Add(slice with { Start = slice.Start - start }, part),
        { Op: Slice slice, Inputs: [{ Op: Permute permute, Inputs: [var x] }] } => Add(permute, Add(slice with { Axis = permute.Order.Values[slice.Axis] }, x)),
        { Op: Concatenate join } when Flat(node) is { } flat => Add(join, flat),
        { Op: Concatenate join, Inputs: [{ Op: Slice first, Inputs: [var x] }, ..] } when Whole(node, x) => Add(new Slice(join.Axis, first.Start, node.Shape[join.Axis]), x),

        // Broadcasting repeats by itself.
        { Op: Binary binary, Inputs: [var a, var b] } when Unexpanded(a) is { } x && Keeps(binary, node, x, b) => Add(binary, x, b),
        { Op: Binary binary, Inputs: [var a, var b] } when Unexpanded(b) is { } y && Keeps(binary, node, a, y) => Add(binary, a, y),

        // Movement sinks below pointwise ops, where it meets other movement, and leaves these beside what made their input.
        { Op: Unary f, Inputs: [{ Op: Permute or Reshape, Inputs: [var x] } a] } => Add(a.Op, Add(f, x)),
        { Op: Binary f, Inputs: [{ Op: Permute or Reshape, Inputs: [var x] } a, { Shape.Rank: 0 } scalar] } => Add(a.Op, Add(f, x, scalar)),
        { Op: Binary f, Inputs: [{ Shape.Rank: 0 } scalar, { Op: Permute or Reshape, Inputs: [var x] } a] } => Add(a.Op, Add(f, scalar, x)),
        { Op: Binary f, Inputs: [{ Op: Permute or Reshape, Inputs: [var x] } a, { Op: Permute or Reshape, Inputs: [var y] } b] } when a.Op == b.Op && x.Shape == y.Shape => Add(a.Op, Add(f, x, y)),
        _ => null,
    };

    // The part that the slice lies in, and where this begins.
    private static Node? Part(Slice slice, Node joined, out int start)
    {
        start = 0;
        foreach (Node part in joined.Inputs)
        {
            int end = start + part.Shape[slice.Axis];
            if (slice.Start >= start && slice.Start + slice.Length <= end) return part;
            start = end;
        }

        return null;
    }

    // The parts with those of inner joins among them, or null if there are none.
    private static Node[]? Flat(Node node) => node.Inputs.Any(input => input.Op == node.Op)
        ? [.. node.Inputs.SelectMany(input => input.Op == node.Op ? input.Inputs.AsEnumerable() : [input])]
        : null;

    // True if the parts are neighbouring slices of x, in order.
    private static bool Whole(Node node, Node x)
    {
        int axis = ((Concatenate)node.Op).Axis, next = -1;
        foreach (Node input in node.Inputs)
        {
            if (input.Op is not Slice slice || input.Inputs[0] != x || slice.Axis != axis || (next >= 0 && slice.Start != next)) return false;
            next = slice.Start + slice.Length;
        }

        return true;
    }

    // What an operand repeats, or has without axes of size 1 in front; null if neither.
    private static Node? Unexpanded(Node operand) => operand switch
    {
        { Op: Expand, Inputs: [var x] } => x,
        { Op: Reshape, Inputs: [var x] } when x.Shape.Rank < operand.Shape.Rank && operand.Shape == new Shape([.. Enumerable.Repeat(1, operand.Shape.Rank - x.Shape.Rank), .. x.Shape]) => x,
        _ => null,
    };

    private static bool Keeps(Binary binary, Node node, Node a, Node b) => binary.Infer([a.Spec, b.Spec]) == node.Spec;
}
