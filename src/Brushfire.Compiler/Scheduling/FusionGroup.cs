// What one kernel computes: some nodes of a graph, with what they read and what of them is written. Scheduling forms groups,
// emission makes code of them.

using System.Collections.Immutable;
using Brushfire.Compiler.Graphs;

namespace Brushfire.Compiler.Scheduling;

/// <summary>How a group becomes a kernel: one library call, a loop over elements, a loop over rows, or a product with hooks.</summary>
internal enum GroupKind { Library, Pointwise, Reduction, Contraction }

/// <summary>A kernel's nodes. Movement nodes among them are index arithmetic, never copies. A library group is one node.</summary>
/// <param name="Nodes">In graph order. Around an anchor, those that it depends on map its input 0 while that is packed, those that depend on it its finished tiles.</param>
/// <param name="Anchor">The contraction of a contraction group.</param>
/// <param name="Inputs">The values in memory that are read, leaves or other groups' outputs, each once.</param>
/// <param name="Outputs">The values that are written, row-major.</param>
internal sealed record FusionGroup(GroupKind Kind, ImmutableArray<Node> Nodes, Node? Anchor, ImmutableArray<Node> Inputs, ImmutableArray<Node> Outputs)
{
    /// <summary>2 where the group's elements are made of two halves of the contraction's columns, as a gated layer's are; else 1.</summary>
    public int Halves => Anchor is null || Anchor.Shape.Count == Outputs[0].Shape.Count ? 1 : 2;
}
