// From a group of nodes to loop nests. An output's index is followed backwards through the group: movement ops change the
// index, pointwise ops pass it on, reductions put the columns in place of their axis, and at the group's edge it becomes a load.
// Where an index has to be divided and a dimension does not allow it, that dimension is cut in two and lowering begins anew;
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
        return lowering.Run(reduces ? lowering.Rows() : lowering.Elements());
    }

    /// <summary>The loop over a contraction's result that maps finished tiles to the group's outputs; <see cref="Handed"/> is the product.</summary>
    public static Lowered LowerEpilogue(FusionGroup group)
    {
        var lowering = new Lowering(group, keepsColumns: true);
        Affine[] index = Identity(group.Anchor!.Shape);
        return lowering.Run(lowering.Begin(group.Anchor.Shape.Sizes.ToArray(), group.Outputs.Select(output => new Target(output, group.Anchor.Shape, index))), whole: true);
    }

    /// <summary>The loop over a contraction's input 0, its dimensions not yet joined; its one store is of what is packed.</summary>
    public static Lowered LowerPrologue(FusionGroup group)
    {
        Node value = group.Anchor!.Inputs[0];
        var lowering = new Lowering(group, keepsColumns: true);
        return lowering.Run(lowering.Begin(value.Shape.Sizes.ToArray(), [new Target(value, value.Shape, Identity(value.Shape))]), whole: true, collapse: false);
    }

    // Dimensions, and the index of each value that is to be stored, in them.
    private sealed record Region(ImmutableArray<int> Sizes, ImmutableArray<Target> Targets);

    // A value to be stored, and the index in a shape with as many elements, from which its own follows.
    private sealed record Target(Node Node, Shape From, Affine[] Index)
    {
        public Target Map(Func<Affine, Affine> change) => this with { Index = [.. Index.Select(change)] };
    }

    private readonly record struct Place(Node Node, string Index);

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
        [.. region.Targets.Select(target => target.Map(index => index.Split(dimension, inner)))]);

    private static Region Part(Region region, int dimension, int start, int length) => new(
        region.Sizes.SetItem(dimension, length),
        [.. region.Targets.Select(target => target.Map(index => index.Shift(dimension, start)))]);

    // A pointwise group's dimensions are those of its first output.
    private Region? Elements()
    {
        Shape shape = _group.Outputs[0].Shape;
        Affine[] index = Identity(shape);
        return Begin(shape.Sizes.ToArray(), _group.Outputs.Select(output => new Target(output, shape, index)));
    }

    // A reduction group's are those of what is reduced, the reduced axis last.
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
        return Begin([.. order.Select(a => full[a])], _group.Outputs.Select(output => IsRow(output) ? new Target(output, row, rowIndex) : new Target(output, full, index)));
    }

    public static bool IsReduction(Node node) => node.Op is Reduce or Softmax or LayerNorm;

    private Region? Begin(int[] sizes, IEnumerable<Target> targets)
    {
        ImmutableArray<Target> all = [.. targets];
        foreach (Target target in all)
            if (target.Node.Shape.Count != target.From.Count) _obstacle = new Obstacle($"{target.Node.Name} has {target.Node.Shape.Count} elements, but the loops have {target.From.Count}");
        return _obstacle is null ? new Region(sizes.Length == 0 ? [1] : [.. sizes], all) : null;
    }

    private static Affine[] Identity(Shape shape) => [.. Enumerable.Range(0, shape.Rank).Select(axis => Affine.Dimension(axis, Math.Max(1, shape.Rank)))];
}
