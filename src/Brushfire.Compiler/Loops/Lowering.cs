// From a group of nodes to loop nests. An element is named by its number in row-major order, as an affine function of the loops'
// dimensions. An output's number is followed backwards through the group: reshaping and pointwise ops pass it on, other movement
// ops change it, reductions put the columns in place of their axis, and at the group's edge it becomes a load. Where a number has
// to be divided into the indices of axes and a dimension does not allow it, that dimension is cut in two and lowering begins anew;
// where a concatenation's parts meet inside of a dimension, the nest is cut into one before and one behind.

using System.Collections.Immutable;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Scheduling;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Loops;

/// <summary>Loop nests that together compute a group, or why there are none.</summary>
internal sealed record Lowered(ImmutableArray<LoopNest> Nests, string? Refusal);

internal sealed partial class Lowering
{
    private const int MaxNests = 8;
    private const int MaxRank = 12;

    private readonly FusionGroup _group;
    private readonly HashSet<Node> _inside;
    private readonly bool _keepsColumns;

    // The attempt under way: the nest's sizes, what was found so far, and what stopped it.
    private Region _region = null!;
    private readonly Dictionary<Place, Expr> _values = [];
    private readonly List<Access> _accesses = [];
    private Obstacle? _obstacle;

    private Lowering(FusionGroup group, bool keepsColumns) => (_group, _inside, _keepsColumns) = (group, [.. group.Nodes], keepsColumns);

    /// <summary>The loops of a pointwise or reduction group.</summary>
    public static Lowered Lower(FusionGroup group)
    {
        bool reduces = group.Kind == GroupKind.Reduction;
        var lowering = new Lowering(group, reduces);
        return lowering.Run(reduces ? lowering.Rows() : lowering.Elements(group.Outputs[0].Shape, group.Outputs));
    }

    /// <summary>The loop over a contraction's result that maps finished tiles to the group's outputs; <see cref="Handed"/> is the product.</summary>
    public static Lowered LowerEpilogue(FusionGroup group)
    {
        var lowering = new Lowering(group, keepsColumns: true);
        Shape product = group.Anchor!.Shape;
        return lowering.Run(lowering.Elements(product.With(product.Rank - 1, product[^1] / group.Halves), group.Outputs), whole: true);
    }

    /// <summary>The loop over a contraction's input 0, its dimensions not yet joined; its one store is of what is packed.</summary>
    public static Lowered LowerPrologue(FusionGroup group)
    {
        Node value = group.Anchor!.Inputs[0];
        var lowering = new Lowering(group, keepsColumns: true);
        return lowering.Run(lowering.Elements(value.Shape, [value]), whole: true, collapse: false);
    }

    // Dimensions, and the values that are to be stored.
    private sealed record Region(ImmutableArray<int> Sizes, ImmutableArray<Target> Targets);

    // A value to be stored, and the number of its element.
    private sealed record Target(Node Node, Affine Element);

    private readonly record struct Place(Node Node, Affine Element);

    /// <summary>Why an attempt cannot go on: a dimension is to be split by an inner size, or cut at an index, or nothing helps.</summary>
    private sealed record Obstacle(string Reason, int Dimension = -1, int Split = 0, int Cut = 0);

    // A whole region is not cut into several nests.
    private Lowered Run(Region? begin, bool whole = false, bool collapse = true)
    {
        var nests = ImmutableArray.CreateBuilder<LoopNest>();
        var open = new Stack<Region>();
        if (begin is not null) open.Push(begin);
        while (_obstacle is null && open.TryPop(out Region? region))
        {
            if (Attempt(region) is { } nest)
            {
                nests.Add(collapse ? nest.Collapse(_keepsColumns) : nest);
                continue;
            }

            Obstacle obstacle = _obstacle!;
            bool column = obstacle.Dimension == region.Sizes.Length - 1 && _keepsColumns;
            if (obstacle.Dimension < 0 || column || region.Sizes.Length >= MaxRank || nests.Count + open.Count >= MaxNests || (whole && obstacle.Cut > 0)) break;
            _obstacle = null;
            if (obstacle.Split > 0)
            {
                open.Push(Split(region, obstacle.Dimension, obstacle.Split));
                continue;
            }

            open.Push(Part(region, obstacle.Dimension, obstacle.Cut, region.Sizes[obstacle.Dimension] - obstacle.Cut));
            open.Push(Part(region, obstacle.Dimension, 0, obstacle.Cut));
        }

        return _obstacle is null ? new Lowered(nests.ToImmutable(), null) : new Lowered([], _obstacle.Reason);
    }

    private static Region Split(Region region, int dimension, int inner) => new(
        region.Sizes.SetItem(dimension, region.Sizes[dimension] / inner).Insert(dimension + 1, inner),
        [.. region.Targets.Select(target => target with { Element = target.Element.Split(dimension, inner) })]);

    private static Region Part(Region region, int dimension, int start, int length) => new(
        region.Sizes.SetItem(dimension, length),
        [.. region.Targets.Select(target => target with { Element = target.Element.Shift(dimension, start) })]);

    // Loops over all elements of a shape.
    private Region? Elements(Shape shape, IEnumerable<Node> stored)
    {
        Affine[] index = [.. Enumerable.Range(0, shape.Rank).Select(axis => Affine.Dimension(axis, shape.Rank))];
        return Begin(shape.Sizes.ToArray(), stored.Select(node => TargetAt(node, shape, index)));
    }

    // A reduction group's loops are those of what is reduced, the reduced axis last. An output has an element for each of theirs, or for each row.
    private Region? Rows()
    {
        Node reduction = _group.Nodes.First(IsReduction);
        Shape full = reduction.Inputs[0].Shape;
        int axis = reduction.Op is Reduce reduce ? reduce.Axis : full.Rank - 1;
        int[] order = [.. Enumerable.Range(0, full.Rank).Where(a => a != axis), axis];
        Affine[] index = [.. Enumerable.Range(0, full.Rank).Select(a => Affine.Dimension(Array.IndexOf(order, a), full.Rank))];
        Affine[] rowIndex = [.. index];
        rowIndex[axis] = Affine.Constant(0, full.Rank);
        Shape row = full.With(axis, 1);
        bool IsRow(Node output) => output.Shape == row || (output.Shape != full && output.Shape.Count == row.Count);
        return Begin([.. order.Select(a => full[a])], _group.Outputs.Select(output => IsRow(output) ? TargetAt(output, row, rowIndex) : TargetAt(output, full, index)));
    }

    public static bool IsReduction(Node node) => node.Op is Reduce or Softmax or LayerNorm;

    // Null at an obstacle.
    private Region? Begin(int[] sizes, IEnumerable<Target> targets)
    {
        var region = new Region(sizes.Length == 0 ? [1] : [.. sizes], [.. targets]);
        return _obstacle is null ? region : null;
    }

    // A node's element that has the same number as one of a shape with as many elements.
    private Target TargetAt(Node node, Shape shape, Affine[] index)
    {
        if (node.Shape.Count != shape.Count) _obstacle ??= new Obstacle($"{node.Name} has {node.Shape.Count} elements, but the loops have {shape.Count}");
        return new Target(node, Number(shape, index));
    }
}
