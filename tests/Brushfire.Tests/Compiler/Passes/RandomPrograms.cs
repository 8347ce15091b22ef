// Graphs of a few dozen random ops on small tensors, for properties that hold for every graph.

using Brushfire.Compiler.Graphs;
using Brushfire.Kernels;
using Brushfire.Models.Weights;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using LayerNorm = Brushfire.Tensors.Ops.LayerNorm;
using Softmax = Brushfire.Tensors.Ops.Softmax;

namespace Brushfire.Tests.Compiler.Passes;

internal sealed class RandomPrograms
{
    private static readonly UnaryOperator[] s_unary = [UnaryOperator.Negate, UnaryOperator.Abs, UnaryOperator.Relu, UnaryOperator.Sigmoid, UnaryOperator.Silu, UnaryOperator.Tanh];
    private static readonly BinaryOperator[] s_binary = [BinaryOperator.Add, BinaryOperator.Subtract, BinaryOperator.Multiply, BinaryOperator.Min, BinaryOperator.Max];
    private static readonly float[] s_scalars = [0, 1, -1, 2, 0.25f, 0.3f, 3];
    private readonly GraphBuilder _builder = new("random");
    private readonly List<Node> _nodes = [];
    private readonly Random _random;
    private int _weights;

    private RandomPrograms(int seed) => _random = new Random(seed);

    /// <summary>The graph of a seed, always the same.</summary>
    public static Graph Create(int seed, int ops = 30)
    {
        var program = new RandomPrograms(seed);
        foreach (int[] shape in new int[][] { [4, 6], [2, 4, 6], [2, 3, 4, 6] }) program._nodes.Add(program._builder.Add(new Input($"x{shape.Length}", new TensorSpec(DType.Float32, shape))));
        for (int i = 0; i < ops; i++)
            if (program.Next(program.Pick(program._nodes)) is { Shape.Count: > 0 and < 5000 } node) program._nodes.Add(node);
        return program._builder.Build([.. program._nodes.TakeLast(4)]);
    }

    private Node? Next(Node x)
    {
        Shape shape = x.Shape;
        int axis = _random.Next(shape.Rank);
        return _random.Next(16) switch
        {
            0 or 1 => _builder.Add(new Unary(Pick(s_unary)), x),
            2 => _builder.Add(new Binary(Pick(s_binary)), x, Scalar()),
            3 => _builder.Add(new Binary(Pick(s_binary)), Scalar(), x),
            4 => SameShape(x) is { } y ? _builder.Add(new Binary(Pick(s_binary)), x, y) : null,
            5 => _builder.Add(new Binary(Pick(s_binary)), x, _builder.Add(new Slice(axis, 0, 1), x)),
            6 => _builder.Add(new Permute(RandomOrder(shape.Rank)), x),
            7 => _builder.Add(new Reshape(RandomShape(shape)), x),
            8 => _random.Next(shape[axis]) is var start ? _builder.Add(new Slice(axis, start, 1 + _random.Next(shape[axis] - start)), x) : null,
            9 => _builder.Add(new Copy(), x),
            10 => SameShape(x) is { } y ? _builder.Add(new Concatenate(axis), x, y) : null,
            11 => _builder.Add(new Expand([2, .. shape]), x),
            12 => _builder.Add(new Softmax(), x),
            13 => _builder.Add(new LayerNorm(1e-2f), x, Weight([shape[^1]]), Weight([shape[^1]])),
            14 => _builder.Add(new Linear(), x, Weight([1 + _random.Next(6), shape[^1]])),
            _ => _builder.Add(new Reduce(ReduceOperator.Mean, axis), x),
        };
    }

    private Node? SameShape(Node x) => Pick([.. _nodes.Where(node => node.Shape == x.Shape)]);

    private Node Scalar() => _builder.Add(new Constant(Tensor.Scalar(Pick(s_scalars))));

    private Node Weight(Shape shape) => $"weight{_weights++}" is var key ? _builder.Add(new Weight(key, FormulaWeights.Create(key, shape))) : throw new InvalidOperationException();

    private Axes RandomOrder(int rank)
    {
        int[] order = [.. Enumerable.Range(0, rank)];
        _random.Shuffle(order);
        return new Axes(order);
    }

    // The sizes in another order, or two of them joined, or one more axis of size 1.
    private Shape RandomShape(Shape shape)
    {
        int[] sizes = [.. shape];
        switch (_random.Next(3))
        {
            case 0:
                _random.Shuffle(sizes);
                return sizes;
            case 1 when sizes.Length > 1:
                return [sizes[0] * sizes[1], .. sizes[2..]];
            default:
                int place = _random.Next(sizes.Length + 1);
                return sizes.Length < 6 ? [.. sizes[..place], 1, .. sizes[place..]] : sizes;
        }
    }

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];
}
