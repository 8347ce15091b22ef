// Says the same in fewer steps. An arm reads as the algebra that it states: this pattern is that node. Values stay bit for
// bit what they were, but for two liberties: the sign of a zero may change (x + 0), and so may a result whose steps would
// overflow or underflow where the whole does not (two factors in one).

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using BinaryOperator = Brushfire.Kernels.BinaryOperator;
using UnaryOperator = Brushfire.Kernels.UnaryOperator;

namespace Brushfire.Compiler.Passes;

/// <summary>The rules, on their way through one graph.</summary>
internal sealed partial class Simplify
{
    private readonly GraphBuilder _builder;

    private Simplify(GraphBuilder builder) => _builder = builder;

    public static Graph Run(Graph graph)
    {
        while (true)
        {
            Graph simpler = graph.Rewrite((builder, node, original) => graph.IsOutput(original) && node.Op is Copy
                ? node // an output is memory of its own
                : new Simplify(builder).Simpler(node));
            if (simpler.Equals(graph)) return graph;
            graph = simpler;
        }
    }

    private Node Simpler(Node node) => Movement(node) ?? Algebra(node) ?? node;

    private Node Add(Op op, params ReadOnlySpan<Node> inputs) => Simpler(_builder.Add(op, [.. inputs]));

    private Node Scalar(float value) => _builder.Add(new Constant(TensorScope.Outside(() => Tensor.Scalar(value))));

    private Node? Algebra(Node node) => node switch
    {
        // Neutral elements.
        { Op: Binary { Operator: BinaryOperator.Multiply or BinaryOperator.Divide }, Inputs: [var x, var one] } when x.Spec == node.Spec && IsScalar(one, out float c) && c == 1 => x,
        { Op: Binary { Operator: BinaryOperator.Add or BinaryOperator.Subtract }, Inputs: [var x, var zero] } when x.Spec == node.Spec && IsScalar(zero, out float c) && c == 0 => x,
        { Op: Binary { Operator: BinaryOperator.Min or BinaryOperator.Max }, Inputs: [var x, var y] } when x == y => x,

        // A constant stands second.
        { Op: Binary { Operator: BinaryOperator.Add or BinaryOperator.Multiply } op, Inputs: [{ Op: Constant } c, { Op: not Constant } x] } => Add(op, x, c),

        // Signs.
        { Op: Unary { Operator: UnaryOperator.Negate }, Inputs: [{ Op: Unary { Operator: UnaryOperator.Negate }, Inputs: [var x] }] } => x,
        { Op: Unary { Operator: UnaryOperator.Abs } abs, Inputs: [{ Op: Unary { Operator: UnaryOperator.Abs or UnaryOperator.Negate }, Inputs: [var x] }] } => Add(abs, x),
        { Op: Unary { Operator: UnaryOperator.Relu }, Inputs: [{ Op: Unary { Operator: UnaryOperator.Relu } } x] } => x,
        { Op: Binary { Operator: BinaryOperator.Multiply or BinaryOperator.Divide }, Inputs: [var x, var minus] } when x.Spec == node.Spec && IsScalar(minus, out float c) && c == -1 => Add(new Unary(UnaryOperator.Negate), x),
        { Op: Binary { Operator: BinaryOperator.Add }, Inputs: [var x, { Op: Unary { Operator: UnaryOperator.Negate }, Inputs: [var y] }] } => Add(new Binary(BinaryOperator.Subtract), x, y),
        { Op: Binary { Operator: BinaryOperator.Subtract }, Inputs: [var x, { Op: Unary { Operator: UnaryOperator.Negate }, Inputs: [var y] }] } => Add(new Binary(BinaryOperator.Add), x, y),

        // Factors that are powers of two round nothing.
        { Op: Binary { Operator: BinaryOperator.Divide }, Inputs: [var x, var two] } when IsScalar(two, out float c) && IsPowerOfTwo(c) => Add(new Binary(BinaryOperator.Multiply), x, Reciprocal(two)),
        { Op: Binary { Operator: BinaryOperator.Multiply } op, Inputs: [{ Op: Binary { Operator: BinaryOperator.Multiply }, Inputs: [var x, var first] }, var second] }
            when IsScalar(first, out float a) && IsScalar(second, out float b) && first.Shape.Rank <= x.Shape.Rank && second.Shape.Rank <= x.Shape.Rank && (IsPowerOfTwo(a) || IsPowerOfTwo(b)) && float.IsNormal(a * b) => Add(op, x, Scalar(a * b)),

        // Types.
        { Op: Cast, Inputs: [var x] } when x.DType == node.DType => x,
        { Op: Cast to, Inputs: [{ Op: Cast, Inputs: [var x] } middle] } when Holds(middle.DType, x.DType) => Add(to, x),
        _ => null,
    };

    internal static bool IsScalar(Node node, out float value)
    {
        value = 0;
        if (node.Op is not Constant { Value: { DType: DType.Float32, Shape.Count: 1 } constant }) return false;
        value = BitConverter.ToSingle(ConstantText.Bytes(constant));
        return true;
    }

    // With room, so that the reciprocal is a normal number too.
    private static bool IsPowerOfTwo(float value) =>
        (BitConverter.SingleToUInt32Bits(value) & 0x7FFFFF) == 0 && Math.Abs(value) is > 1e-37f and < 1e37f;

    private Node Reciprocal(Node constant)
    {
        _ = IsScalar(constant, out float value);
        return constant.Shape.Rank == 0 ? Scalar(1 / value) : Add(new Reshape(constant.Shape), Scalar(1 / value));
    }

    // True if every value of the narrow type has an equal one in the wide type.
    private static bool Holds(DType wide, DType narrow) => wide == narrow || (narrow, wide) switch
    {
        (DType.Float16 or DType.BFloat16, DType.Float32 or DType.Float64) => true,
        (DType.Float32, DType.Float64) => true,
        (DType.Int32, DType.Int64 or DType.Float64) => true,
        (DType.UInt8 or DType.Bool, DType.Int32 or DType.Int64 or DType.Float32 or DType.Float64) => true,
        _ => false,
    };
}
