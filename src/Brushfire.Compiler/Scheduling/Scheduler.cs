// Forms fusion groups: which nodes run in one kernel, and which values are therefore never written to memory.
//
// Nodes are visited from the last to the first, so that all users of a node are in their groups already. A node joins the
// group of its users where they all are in one group (groups that do not depend on each other may be merged for that) and
// the group can compute it; otherwise it starts a group of its own and its value is written. A node that joins has
// no user outside, so no path can leave a group and enter it again.
//
// A group's domain is rows x columns. A node is full (one value an element), of rows (one value a row), or, where it is read once
// through movement, computed where it is read. Concatenation and upsampling are movement too, of which one kernel writes the result.

using System.Collections.Immutable;
using Brushfire.Compiler.Emission;
using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Scheduling;

internal sealed class Scheduler
{
    private readonly Graph _graph;
    private readonly View[] _views;
    private readonly List<(Node User, int Operand)>[] _users;
    private readonly HashSet<Node> _written = [];
    private readonly Forming?[] _groups;

    private Scheduler(Graph graph)
    {
        _graph = graph;
        _views = new View[graph.Nodes.Length];
        _users = new List<(Node, int)>[graph.Nodes.Length];
        _groups = new Forming?[graph.Nodes.Length];
    }

    /// <summary>The graph's fusion groups in an order in which they can run.</summary>
    public static Schedule Run(Graph graph)
    {
        var scheduler = new Scheduler(graph);
        scheduler.LookThroughMovement();
        for (int i = graph.Nodes.Length - 1; i >= 0; i--)
            if (scheduler.Computes(graph.Nodes[i])) scheduler.Place(graph.Nodes[i]);
        ImmutableArray<FusionGroup> groups = scheduler.Finish();
        return new Schedule(graph, groups, [.. graph.Outputs.Select(output => scheduler._views[output.Index])]);
    }

    // Each node as a view of the nearest node that computes, copies or is a leaf; and who reads that one.
    private void LookThroughMovement()
    {
        foreach (Node node in _graph.Nodes)
        {
            View view = node.Op is ViewOp op && _views[node.Inputs[0].Index].Move(op, node.Shape) is { } moved ? moved : View.Whole(node);
            if (_graph.IsOutput(node) && (!view.IsWhole || view.Base.IsLeaf)) view = View.Whole(node);
            _views[node.Index] = view;
            _users[node.Index] = [];
            if (_graph.IsOutput(node)) _written.Add(view.Base);
            if (!Computes(node)) continue;
            for (int i = 0; i < node.Inputs.Length; i++) _users[_views[node.Inputs[i].Index].Base.Index].Add((node, i));
        }
    }

    private bool Computes(Node node) => !node.IsLeaf && _views[node.Index].Base == node;

    private void Place(Node node)
    {
        Forming? group = _written.Contains(node) ? null : GroupOfUsers(node);
        if (group is null || !Join(group, node))
        {
            group = new Forming(node, Fuses(node)) { Anchor = IsContraction(node) ? node : null };
            if (group.Fuses && node.Op is Reduce) group.Rebase(node.Shape.Count, node.Inputs[0].Shape[^1]);
        }

        Assign(node, group);
    }

    private void Assign(Node node, Forming group)
    {
        group.Nodes.Add(node);
        _groups[node.Index] = group;
    }

    // The one group that all users are in, made of several if that is possible.
    private Forming? GroupOfUsers(Node node)
    {
        List<Forming> groups = [.. _users[node.Index].Select(use => _groups[use.User.Index]!).Distinct()];
        if (groups.Count == 0 || groups.Exists(group => !group.Fuses)) return null;
        if (groups.Count == 1) return groups[0];
        if (node.Op is not (Unary or Binary or Reduce) || groups.Exists(group => group.Anchor is not null || group.Elements != groups[0].Elements)) return null;
        if (groups.Exists(group => group.Gathers) && (node.Op is Reduce || groups.Exists(group => group.Reduces))) return null;
        if (!_users[node.Index].TrueForAll(use => ReadsAsItIs(use, node) || ReadsByRow(_groups[use.User.Index]!, use, node))) return null;
        if (groups.Where(group => group.Columns > 0).DistinctBy(group => group.Columns).Count() > 1 || !Independent(groups)) return null;
        foreach (Node moved in groups.Skip(1).SelectMany(group => group.Nodes).ToArray()) Assign(moved, groups[0]);
        foreach (Forming other in groups.Skip(1))
        {
            groups[0].Columns = Math.Max(groups[0].Columns, other.Columns);
            groups[0].Apart.UnionWith(other.Apart);
        }

        return groups[0];
    }

    private bool Independent(List<Forming> groups)
    {
        foreach (Forming group in groups)
        {
            var open = new Stack<Node>(group.Nodes);
            HashSet<Node> seen = [.. group.Nodes];
            int first = groups.Min(other => other.Nodes.Min(node => node.Index));
            while (open.TryPop(out Node? node))
            {
                foreach (Node input in node.Inputs)
                {
                    Node read = _views[input.Index].Base;
                    if (read.Index < first || !seen.Add(read)) continue;
                    if (_groups[read.Index] is { } other && other != group && groups.Contains(other)) return false;
                    open.Push(read);
                    if (_groups[read.Index] is { } between) foreach (Node sibling in between.Nodes) if (seen.Add(sibling)) open.Push(sibling);
                }
            }
        }

        return true;
    }

    private bool Join(Forming group, Node node) => node.Op switch
    {
        _ when _users[node.Index].Exists(use => group.Apart.Contains(use.User)) => node.Op is Unary or Binary or Concatenate or UpsampleNearest && JoinReader(group, node),
        Unary or Binary => group.Anchor is null ? JoinRows(group, node) || JoinReader(group, node) : JoinPrologue(group, node),
        Concatenate or UpsampleNearest => group is { Anchor: null, Reduces: false } && (_users[node.Index].TrueForAll(use => ReadsAsItIs(use, node)) || JoinReader(group, node)),
        Reduce reduce => group is { Anchor: null, Gathers: false } && reduce.Axis == node.Shape.Rank - 1 && JoinReduction(group, node),
        Linear or Conv2d => group.Anchor is null && JoinAnchor(group, node),
        _ => false,
    };

    private bool JoinRows(Forming group, Node node)
    {
        bool full = _users[node.Index].TrueForAll(use => ReadsAsItIs(use, node));
        bool rows = !full && _users[node.Index].TrueForAll(use => use.User.Op is not Reduce && (ReadsAsItIs(use, node) || ReadsByRow(group, use, node)));
        return full || rows;
    }

    // Computed where its one user reads it, through movement that keeps neighbours together and repeats nothing.
    private bool JoinReader(Forming group, Node node)
    {
        if (group.Reduces || _users[node.Index] is not [var use]) return false;
        View view = _views[use.User.Inputs[use.Operand].Index];
        return view.Shape.Rank > 0 && view.Strides[^1] == 1 && !view.Strides.Values.Contains(0) && use.User.Op is not UpsampleNearest
            && (use.User.Op is not Binary || use.User.Shape == view.Shape) && group.Apart.Add(node);
    }

    private bool JoinReduction(Forming group, Node node)
    {
        (long rows, int columns) = (node.Shape.Count, node.Inputs[0].Shape[^1]);
        if (group.Elements == rows && group.Columns == 0) group.Rebase(rows, columns);
        if (group.Elements != rows * columns || (group.Columns > 0 && group.Columns != columns)) return false;
        if (!_users[node.Index].TrueForAll(use => use.User.Op is not Reduce && (ReadsAsItIs(use, node) || ReadsByRow(group, use, node)))) return false;
        group.Columns = columns;
        return true;
    }

    // The rest of the group must be what becomes of the product.
    private bool JoinAnchor(Forming group, Node node)
    {
        if (group.Columns > 0 || !IsContraction(node)) return false;
        bool whole = _users[node.Index] is [var use] && ReadsAsItIs(use, node);
        if (!whole && !(node.Op is Linear && node.Shape.Count == 2 * group.Elements && _users[node.Index].TrueForAll(other => ReadsHalf(other, node)))) return false;
        HashSet<Node> after = [node];
        foreach (Node other in group.Nodes.OrderBy(other => other.Index))
            if (other.Inputs.Any(input => after.Contains(_views[input.Index].Base))) after.Add(other);
        if (after.Count != group.Nodes.Count + 1) return false;
        group.Anchor = node;
        return true;
    }

    private bool JoinPrologue(Forming group, Node node) =>
        _users[node.Index] is [var use] && ReadsAsItIs(use, node) && (use.User == group.Anchor ? use.Operand == 0 && Prologues.Pay(use.User, node) : group.Prologue.Contains(use.User))
        && group.Prologue.Add(node);

    // The user takes value i of the node for its own value i.
    private bool ReadsAsItIs((Node User, int Operand) use, Node node)
    {
        View view = _views[use.User.Inputs[use.Operand].Index];
        return view.IsWhole && (use.User.Op is not (Binary or Concatenate or UpsampleNearest) || use.User.Shape.Count == node.Shape.Count);
    }

    // The user takes the first or the second half of the node's columns as they are.
    private bool ReadsHalf((Node User, int Operand) use, Node node)
    {
        View view = _views[use.User.Inputs[use.Operand].Index];
        int half = node.Shape[^1] / 2;
        return view.Shape == node.Shape.With(node.Shape.Rank - 1, half) && view.Strides == node.Shape.RowMajor() && (view.Offset == 0 || view.Offset == half) && use.User.Shape == view.Shape;
    }

    // The user takes value i of the node for all of its row i.
    private bool ReadsByRow(Forming group, (Node User, int Operand) use, Node node)
    {
        int columns = use.User.Shape.Rank == 0 ? 1 : use.User.Shape[^1];
        if (use.User.Shape.Count != group.Elements || node.Shape.Count * columns != group.Elements || (group.Columns > 0 && group.Columns != columns)) return false;
        View view = _views[use.User.Inputs[use.Operand].Index];
        if (view.Move(new Expand(use.User.Shape), use.User.Shape) is not { } spread || spread.Strides[^1] != 0 || spread.Offset != 0) return false;
        Shape rows = new(use.User.Shape.Sizes[..^1]);
        if (!new View(node, rows, new Strides(spread.Strides.Values[..^1]), 0).IsWhole) return false;
        group.Columns = columns;
        return true;
    }

    // A product with a weight, which is packed once.
    private bool IsContraction(Node node) => node.Op is Linear or Conv2d && _views[node.Inputs[1].Index] is { Base.Op: Weight or Constant, IsWhole: true };

    private bool Fuses(Node node) => node.Op is Unary or Binary or Concatenate or UpsampleNearest || IsContraction(node) || (node.Op is Reduce reduce && reduce.Axis == node.Shape.Rank - 1 && node.DType == DType.Float32);

    private ImmutableArray<FusionGroup> Finish()
    {
        List<FusionGroup> groups = [];
        foreach (Forming group in _groups.OfType<Forming>().Distinct().ToArray())
        {
            FusionGroup finished = Finish(group);
            if (group.Prologue.Count > 0 && KernelEmitter.Refusal(finished) is not null)
            {
                groups.Add(Finish(TakePrologue(group)));
                finished = Finish(group);
            }

            groups.Add(finished);
        }

        return Order(groups);
    }

    // Work that cannot be done while a product's input is packed is a kernel before it.
    private Forming TakePrologue(Forming group)
    {
        var before = new Forming(group.Prologue.MaxBy(node => node.Index)!, fuses: true);
        foreach (Node node in group.Prologue)
        {
            group.Nodes.Remove(node);
            Assign(node, before);
        }

        return before;
    }

    private FusionGroup Finish(Forming group)
    {
        HashSet<Node> inside = [.. group.Nodes];
        ImmutableArray<Node> outputs = [.. group.Nodes.Where(node => _written.Contains(node) || _users[node.Index].Exists(use => !inside.Contains(use.User))).OrderBy(node => node.Index)];
        List<Node> inputs = [];
        foreach (Node node in group.Nodes.OrderBy(node => node.Index).ToArray())
        {
            foreach (Node input in node.Inputs)
            {
                Node read = _views[input.Index].Base;
                for (Node moved = input; moved != read; moved = moved.Inputs[0]) inside.Add(moved);
                if (!inside.Contains(read) && !inputs.Contains(read)) inputs.Add(read);
            }
        }

        GroupKind kind = !group.Fuses || group.Nodes.Count == 1 ? GroupKind.Library
            : group.Anchor is not null ? GroupKind.Contraction
            : group.Nodes.Exists(node => node.Op is Reduce) ? GroupKind.Reduction : GroupKind.Pointwise;
        return new FusionGroup(kind, [.. inside.OrderBy(node => node.Index)], group.Anchor, [.. inputs], outputs);
    }

    // Groups after those whose values they read; otherwise in the graph's order.
    private static ImmutableArray<FusionGroup> Order(List<FusionGroup> groups)
    {
        var writers = new Dictionary<Node, FusionGroup>();
        foreach (FusionGroup group in groups)
            foreach (Node output in group.Outputs) writers.Add(output, group);
        var ordered = ImmutableArray.CreateBuilder<FusionGroup>(groups.Count);
        HashSet<FusionGroup> done = new(ReferenceEqualityComparer.Instance);
        foreach (FusionGroup group in groups.OrderBy(group => group.Outputs[0].Index)) Visit(group);
        return ordered.MoveToImmutable();

        void Visit(FusionGroup group)
        {
            if (!done.Add(group)) return;
            foreach (Node input in group.Inputs)
                if (writers.TryGetValue(input, out FusionGroup? writer)) Visit(writer);
            ordered.Add(group);
        }
    }

    // A group while it grows.
    private sealed class Forming(Node last, bool fuses)
    {
        public bool Fuses { get; } = fuses;
        public List<Node> Nodes { get; } = [];
        public HashSet<Node> Prologue { get; } = [];

        /// <summary>Nodes whose elements are not the domain's, but those that one reader asks for.</summary>
        public HashSet<Node> Apart { get; } = [];
        public Node? Anchor { get; set; }
        public bool Reduces => Nodes.Exists(node => node.Op is Reduce);
        public bool Gathers => Nodes.Exists(node => node.Op is Concatenate or UpsampleNearest);

        /// <summary>Elements of the domain, and its columns; 0 while no node looks at rows.</summary>
        public long Elements { get; private set; } = last.Shape.Count;
        public int Columns { get; set; }

        public void Rebase(long rows, int columns) => (Elements, Columns) = (rows * columns, columns);
    }
}
