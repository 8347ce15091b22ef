// What a permutation does to another, and the cost of a graph that reports tell.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Passes;

internal static class Views
{
    /// <summary>The one order that does what <paramref name="inner"/> and then <paramref name="outer"/> do.</summary>
    public static Axes After(this Axes outer, Axes inner)
    {
        Span<int> order = stackalloc int[outer.Values.Length];
        for (int i = 0; i < order.Length; i++) order[i] = inner.Values[outer.Values[i]];
        return new Axes(order);
    }

    /// <summary>True if only axes of size 1 change their place: row-major order stays as it is.</summary>
    public static bool KeepsOrder(this Permute permute, Shape input)
    {
        int last = -1;
        foreach (int axis in permute.Order.Values)
        {
            if (input[axis] == 1) continue;
            if (axis < last) return false;
            last = axis;
        }

        return true;
    }

    /// <summary>The permutation that gives <paramref name="after"/>, where this differs from the permuted shape in axes of size 1 only; else null.</summary>
    /// <param name="before">What the input must be reshaped to; its axes of size 1 stand where they do in <paramref name="after"/>.</param>
    public static Permute? WithOtherUnits(this Permute permute, Shape input, Shape after, out Shape before)
    {
        int[] wide = [.. Enumerable.Range(0, input.Rank).Where(axis => input[axis] != 1)];              // axes of the input
        int[] moved = [.. permute.Order.Values.ToArray().Where(axis => input[axis] != 1)];              // the same, as permuted
        int[] places = [.. Enumerable.Range(0, after.Rank).Where(axis => after[axis] != 1)];            // axes of the result
        before = after;
        if (!places.Select(axis => after[axis]).SequenceEqual(moved.Select(axis => input[axis]))) return null;
        int[] order = [.. Enumerable.Range(0, after.Rank)];
        for (int i = 0; i < places.Length; i++)
        {
            before = before.With(places[i], input[wide[i]]);
            order[places[i]] = places[Array.IndexOf(wide, moved[i])];
        }

        return new Permute(new Axes(order));
    }

    /// <summary>The order that exchanges the last two axes.</summary>
    public static Permute SwapLast(int rank)
    {
        Span<int> order = stackalloc int[rank];
        for (int axis = 0; axis < rank; axis++) order[axis] = axis;
        (order[^1], order[^2]) = (order[^2], order[^1]);
        return new Permute(new Axes(order));
    }
}

/// <summary>What a graph costs when each node is a kernel of its own.</summary>
/// <param name="Nodes">All but inputs, weights and constants.</param>
/// <param name="Bytes">Of memory traffic: inputs and results of all nodes that are no views.</param>
public readonly record struct GraphCost(int Nodes, long Bytes)
{
    public static GraphCost Of(Graph graph)
    {
        (int nodes, long bytes) = (0, 0);
        foreach (Node node in graph.Nodes)
        {
            if (node.IsLeaf) continue;
            nodes++;
            if (node.Op is not ViewOp) bytes += node.Spec.Bytes + node.Inputs.Sum(input => input.Spec.Bytes);
        }

        return new GraphCost(nodes, bytes);
    }
}
