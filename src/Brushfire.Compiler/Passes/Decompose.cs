// Takes composites apart, so that their pointwise halves fuse with what stands around them. A norm becomes its statistics,
// which read the whole input, and an application, which needs one element. Softmax stays whole: its own kernel reads a row
// once from memory, as its parts would at best.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using BinaryOperator = Brushfire.Kernels.BinaryOperator;
using UnaryOperator = Brushfire.Kernels.UnaryOperator;

namespace Brushfire.Compiler.Passes;

internal static class Decompose
{
    public static Graph Run(Graph graph) => graph.Rewrite((builder, node) => node switch
    {
        { Op: GroupNorm norm, Inputs: [var x, var weight, var bias] } => Apply(builder, norm, x, weight, bias),
        { Op: LayerNorm norm, Inputs: [var x, var weight, var bias] } => Apply(builder, norm, x, weight, bias),
        { Op: Binary { Operator: BinaryOperator.GeluGate }, Inputs: [var x, var gate] } => builder.Add(new Binary(BinaryOperator.Multiply), x, builder.Add(new Unary(UnaryOperator.Gelu), gate)),
        _ => node,
    });

    // activation(x * scale[n, c] + shift[n, c])
    private static Node Apply(GraphBuilder builder, GroupNorm norm, Node x, Node weight, Node bias)
    {
        Node statistics = builder.Add(new GroupNormStatistics(norm.Groups, norm.Epsilon), x, weight, bias); // [2, N, C]
        int[] sizes = [.. x.Shape];
        sizes.AsSpan(1, sizes.Length - 2).Fill(1);
        Node scale = Half(builder, statistics, 0, sizes), shift = Half(builder, statistics, 1, sizes);      // [N, 1…, C]
        Node normed = builder.Add(new Binary(BinaryOperator.Add), builder.Add(new Binary(BinaryOperator.Multiply), x, scale), shift);
        return norm.Activation is { } activation ? builder.Add(new Unary(activation), normed) : normed;
    }

    // (x - mean[row]) * scale[row] * weight + bias
    private static Node Apply(GraphBuilder builder, LayerNorm norm, Node x, Node weight, Node bias)
    {
        Node statistics = builder.Add(new LayerNormStatistics(norm.Epsilon), x); // [2, …, 1]
        Shape rows = x.Shape.With(x.Shape.Rank - 1, 1);
        Node mean = Half(builder, statistics, 0, rows), scale = Half(builder, statistics, 1, rows);
        Node normed = builder.Add(new Binary(BinaryOperator.Multiply), builder.Add(new Binary(BinaryOperator.Subtract), x, mean), scale);
        return builder.Add(new Binary(BinaryOperator.Add), builder.Add(new Binary(BinaryOperator.Multiply), normed, weight), bias);
    }

    private static Node Half(GraphBuilder builder, Node statistics, int index, Shape shape) =>
        builder.Add(new Reshape(shape), builder.Add(new Slice(0, index, 1), statistics));
}
