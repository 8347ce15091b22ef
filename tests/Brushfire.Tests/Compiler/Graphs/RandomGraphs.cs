// Random graphs of ops that models use, for properties that hold for every graph.

using Brushfire.Compiler.Graphs;
using Brushfire.Kernels;
using Brushfire.Models.Weights;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using CsCheck;

namespace Brushfire.Tests.Compiler.Graphs;

internal static class RandomGraphs
{
    private static readonly UnaryOperator[] s_unary = [UnaryOperator.Negate, UnaryOperator.Silu, UnaryOperator.Tanh, UnaryOperator.Sigmoid, UnaryOperator.Gelu];
    private static readonly BinaryOperator[] s_binary = [BinaryOperator.Add, BinaryOperator.Subtract, BinaryOperator.Multiply, BinaryOperator.Max];

    /// <summary>Graphs of up to 24 ops on an input [2, 4, 4, 8] and one [2, 1, 1, 8].</summary>
    public static Gen<Graph> All { get; } = Gen.Select(Gen.Int[1, 24], Gen.Int[0, int.MaxValue / 2], (count, seed) => Make(count, seed));

    private static Graph Make(int count, int seed)
    {
        var random = new Choices(seed);
        var builder = new GraphBuilder("random");
        Node image = builder.Add(new Input("image", new TensorSpec(DType.Float32, [2, 4, 4, 8])));
        Node row = builder.Add(new Input("row", new TensorSpec(DType.Float32, [2, 1, 1, 8])));
        List<Node> nodes = [image, row];
        for (int i = 0; i < count; i++)
        {
            Node? next = Op(builder, random, nodes[^(1 + random.Below(Math.Min(nodes.Count, 5)))], nodes, i);
            if (next is not null) nodes.Add(next);
        }

        return builder.Build([nodes[^1], nodes[random.Below(nodes.Count)]]);
    }

    private static Node? Op(GraphBuilder builder, Choices random, Node x, List<Node> nodes, int index)
    {
        switch (random.Below(12))
        {
            case 0 or 1: return builder.Add(new Unary(s_unary[random.Below(s_unary.Length)]), x);
            case 2 or 3 or 4:
                Node other = nodes[random.Below(nodes.Count)];
                return other.Shape == x.Shape || other.Shape.Count == 1 || (x.Shape.Rank == 4 && other == nodes[1] && x.Shape[3] == 8)
                    ? builder.Add(new Binary(s_binary[random.Below(s_binary.Length)]), x, other)
                    : null;
            case 5: return x.Shape.Rank > 0 ? builder.Add(new Reduce((ReduceOperator)random.Below(4), x.Shape.Rank - 1), x) : null;
            case 6: return x.Shape.Rank == 4 ? builder.Add(new Reshape([x.Shape[0], x.Shape[1] * x.Shape[2], x.Shape[3]]), x) : x.Shape.Rank == 3 && x.Shape[1] == 16 ? builder.Add(new Reshape([x.Shape[0], 4, 4, x.Shape[2]]), x) : null;
            case 7: return x.Shape.Rank > 1 && x.Shape[^1] > 1 ? builder.Add(new Slice(x.Shape.Rank - 1, x.Shape[^1] / 2, x.Shape[^1] / 2), x) : null;
            case 9:
                Node part = nodes[random.Below(nodes.Count)];
                return x.Shape.Rank > 1 && part.Shape.Rank == x.Shape.Rank && part.Shape.With(part.Shape.Rank - 1, x.Shape[^1]) == x.Shape && x.Shape[^1] + part.Shape[^1] <= 16
                    ? builder.Add(new Concatenate(x.Shape.Rank - 1), x, part) : null;
            case 10: return x.Shape.Rank == 4 && x.Shape.Count <= 256 ? builder.Add(new UpsampleNearest(2), x) : null;
            case 8: return x.Shape.Rank > 1 ? builder.Add(new Permute(new Axes([.. Enumerable.Range(0, x.Shape.Rank - 2), x.Shape.Rank - 1, x.Shape.Rank - 2])), x) : null;
            default:
                if (x.Shape.Rank < 2) return null;
                Node weight = builder.Add(new Weight($"w{index}", FormulaWeights.Create($"w{index}.weight", [8, x.Shape[^1]])));
                return builder.Add(new Linear(), x, weight);
        }
    }

    // A small generator of its own, so that one number gives one graph.
    private sealed class Choices(int seed)
    {
        private ulong _state = (ulong)seed;

        public int Below(int count)
        {
            _state = _state * 6364136223846793005 + 1442695040888963407;
            return (int)((_state >> 33) % (ulong)count);
        }
    }
}
