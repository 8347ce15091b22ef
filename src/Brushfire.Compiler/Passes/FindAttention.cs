// Recognizes attention that was written step by step, softmax(query keyᵀ · scale + mask) value, and calls the fused op,
// so that scores never reach memory. Runs on a simplified graph: there are no copies in between.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using BinaryOperator = Brushfire.Kernels.BinaryOperator;

namespace Brushfire.Compiler.Passes;

internal sealed class FindAttention
{
    private readonly Graph _graph;
    private readonly Dictionary<Node, Node> _rewritten = [];

    private FindAttention(Graph graph) => _graph = graph;

    public static Graph Run(Graph graph)
    {
        var pass = new FindAttention(graph);
        return graph.Rewrite((builder, node, original) => pass._rewritten[original] = pass.Fused(builder, original) ?? node);
    }

    private Node? Fused(GraphBuilder builder, Node node)
    {
        if (node is not { Op: MatMul outer, Inputs: [{ Op: Softmax, Inputs: [var scores] } softmax, var value] } || !IsOnlyStep(softmax)) return null;
        if (Scores(scores) is not { } match || match.Product.Op != outer) return null;
        (Node query, Node key) = (match.Product.Inputs[0], match.Product.Inputs[1]); // the key is transposed already
        int rank = query.Shape.Rank;
        if (rank is < 2 or > 4 || key.Shape.Rank != rank || value.Shape != new Shape([.. key.Shape.Sizes[..^2], key.Shape[^1], key.Shape[^2]])) return null;

        float scale = match.Scale;
        if (query is { Op: Binary { Operator: BinaryOperator.Multiply }, Inputs: [var x, var factor] } && x.Shape == query.Shape && Simplify.IsScalar(factor, out float c)) (query, scale) = (x, scale * c);
        (int batch, int heads) = Heads(query);
        Node Split(Node part) => Reshaped(builder, _rewritten[part], [batch, heads, part.Shape[^2], part.Shape[^1]]);
        List<Node> inputs = [Split(query), builder.Add(Views.SwapLast(4), Split(key)), Split(value)];
        if (match.Mask is { } mask) inputs.Add(Reshaped(builder, _rewritten[mask], MaskShape(mask.Shape, rank, batch, heads)));
        Node tokens = builder.Add(new ScaledDotProductAttention(Causal: false, scale) { Precision = outer.Precision }, [.. inputs]); // [N, queryLength, heads, headDim]
        return Reshaped(builder, builder.Add(new Permute(new Axes([0, 2, 1, 3])), tokens), node.Shape);
    }

    // The product under a scale and a mask, each of them optional and used by nothing else.
    private Match? Scores(Node node) => node switch
    {
        { Op: MatMul } when IsOnlyStep(node) => new Match(node, 1, null),
        { Op: Binary { Operator: BinaryOperator.Multiply or BinaryOperator.Divide } op, Inputs: [{ Op: MatMul } product, var factor] } when IsOnlyStep(node) && IsOnlyStep(product) && product.Shape == node.Shape && Simplify.IsScalar(factor, out float c) =>
            new Match(product, op.Operator == BinaryOperator.Multiply ? c : 1 / c, null),
        { Op: Binary { Operator: BinaryOperator.Add }, Inputs: [var scaled, var mask] } when IsOnlyStep(node) && scaled.Shape == node.Shape && Scores(scaled) is { Mask: null } match => match with { Mask = mask },
        { Op: Binary { Operator: BinaryOperator.Add }, Inputs: [var mask, var scaled] } when IsOnlyStep(node) && scaled.Shape == node.Shape && Scores(scaled) is { Mask: null } match => match with { Mask = mask },
        _ => null,
    };

    private bool IsOnlyStep(Node node) => node.Users.Count == 1 && !_graph.IsOutput(node);

    // Batch and heads in one axis are taken apart again where a reshape has just joined them.
    private static (int Batch, int Heads) Heads(Node query) => query switch
    {
        { Shape.Rank: 4 } => (query.Shape[0], query.Shape[1]),
        { Shape.Rank: 3, Op: Reshape, Inputs: [{ Shape.Rank: 4 } split] } when split.Shape[2] == query.Shape[1] && split.Shape[3] == query.Shape[2] => (split.Shape[0], split.Shape[1]),
        { Shape.Rank: 3 } => (query.Shape[0], 1),
        _ => (1, 1),
    };

    // Where batch and heads are one axis of the scores, a mask's first axis is both of them as well.
    private static Shape MaskShape(Shape mask, int rank, int batch, int heads) => mask.Rank == 3 && rank == 3 && mask[0] != 1 ? [batch, heads, mask[1], mask[2]] : mask;

    private static Node Reshaped(GraphBuilder builder, Node node, Shape shape) => node.Shape == shape ? node : builder.Add(new Reshape(shape), node);

    private sealed record Match(Node Product, float Scale, Node? Mask);
}
