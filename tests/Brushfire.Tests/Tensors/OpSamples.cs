// Every op with samples of its inputs and, for each, what it must give by a naive double-precision loop. Tests run over
// this list: a new op is one more row here.

using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Tests.Tensors;

/// <summary>A dense array of doubles in row-major order: the meaning that ops are compared with.</summary>
public sealed record Naive(int[] Shape, double[] Values)
{
    public static Naive Of(Tensor tensor) => new([.. tensor.Shape], [.. tensor.ToArray().Select(value => (double)value)]);

    public double this[params int[] index]
    {
        get => Values[Index(index)];
        set => Values[Index(index)] = value;
    }

    public static Naive Fill(int[] shape, Func<int[], double> value)
    {
        var result = new Naive(shape, new double[shape.Aggregate(1, (a, b) => a * b)]);
        int[] index = new int[shape.Length];
        for (int i = 0; i < result.Values.Length; i++)
        {
            for (int rest = i, axis = shape.Length - 1; axis >= 0; rest /= shape[axis], axis--) index[axis] = rest % shape[axis];
            result.Values[i] = value(index);
        }

        return result;
    }

    private int Index(int[] index)
    {
        int at = 0;
        for (int axis = 0; axis < Shape.Length; axis++) at = at * Shape[axis] + index[axis];
        return at;
    }
}

/// <summary>One op on inputs of the given shapes.</summary>
public sealed record OpSample(string Name, int[][] Inputs, Func<Tensor[], Tensor> Op, Func<Naive[], Naive> Meaning, double Tolerance = 2e-6)
{
    public override string ToString() => Name;
}

public static class OpSamples
{
    public static IReadOnlyList<OpSample> All { get; } =
    [
        Pointwise("silu", x => x.Silu(), x => x / (1 + Math.Exp(-x))),
        Pointwise("sigmoid", x => x.Sigmoid(), x => 1 / (1 + Math.Exp(-x))),
        Pointwise("quick_gelu", x => x.QuickGelu(), x => x / (1 + Math.Exp(-1.702 * x))),
        Pointwise("gelu_tanh", x => x.GeluTanh(), x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))),
        Pointwise("exp", x => x.Exp(), Math.Exp),
        Pointwise("tanh", x => x.Tanh(), Math.Tanh),
        Pointwise("sin", x => x.Sin(), Math.Sin),
        Pointwise("cos", x => x.Cos(), Math.Cos),
        Pointwise("negate", x => -x, x => -x),
        Pointwise("sqrt of abs", x => x.Abs().Sqrt(), x => Math.Sqrt(Math.Abs(x))),
        Binary("add", [3, 4, 5], [3, 4, 5], (a, b) => a + b, (a, b) => a + b),
        Binary("add broadcast last", [3, 4, 5], [5], (a, b) => a + b, (a, b) => a + b),
        Binary("subtract broadcast middle", [3, 1, 5], [3, 4, 1], (a, b) => a - b, (a, b) => a - b),
        Binary("multiply by scalar", [2, 7], [], (a, b) => a * b, (a, b) => a * b),
        Binary("divide", [2, 7], [2, 1], (a, b) => a / (b + 3), (a, b) => a / (b + 3)),
        new("sum", [[3, 50, 4]], x => x[0].Sum(1), x => Naive.Fill([3, 1, 4], i => Range(50).Sum(k => x[0][i[0], k, i[2]]))),
        new("mean", [[3, 50, 4]], x => x[0].Mean(-1), x => Naive.Fill([3, 50, 1], i => Range(4).Average(k => x[0][i[0], i[1], k]))),
        new("max", [[3, 50, 4]], x => x[0].Max(0), x => Naive.Fill([1, 50, 4], i => Range(3).Max(k => x[0][k, i[1], i[2]]))),
        new("softmax", [[6, 77]], x => x[0].Softmax(), x => Naive.Fill([6, 77], i => Math.Exp(x[0][i]) / Range(77).Sum(k => Math.Exp(x[0][i[0], k])))),
        new("layer_norm", [[6, 48], [48], [48]], x => x[0].LayerNorm(x[1], x[2], 1e-5f), x => Norm(x, i => [.. Range(48).Select(k => x[0][i[0], k])], 1e-5), 1e-5),
        new("group_norm", [[2, 5, 3, 12], [12], [12]], x => x[0].GroupNorm(4, x[1], x[2], 1e-6f), x => Norm(x, i => GroupOf(x[0], i, 4), 1e-6), 1e-5),
        new("group_norm with activation", [[2, 5, 3, 12], [12], [12]], x => x[0].GroupNorm(4, x[1], x[2], 1e-6f, UnaryOperator.Silu), x =>
        {
            Naive normed = Norm(x, i => GroupOf(x[0], i, 4), 1e-6);
            return Naive.Fill(normed.Shape, i => normed[i] / (1 + Math.Exp(-normed[i])));
        }, 1e-5),
        new("gelu_gate of halves", [[3, 5, 14]], x => x[0].Slice(2, 0, 7).GeluGate(x[0].Slice(2, 7, 7)), x => Naive.Fill([3, 5, 7], i => x[0][i] * Gelu(x[0][i[0], i[1], i[2] + 7]))),
        new("group_norm_statistics", [[2, 5, 3, 12], [12], [12]], x => Apply(new GroupNormStatistics(4, 1e-6f), x), x => Naive.Fill([2, 2, 12], i => NormOf(GroupOf(x[0], [i[1], 0, 0, i[2]], 4), 1e-6) is var (mean, scale) && i[0] == 0 ? scale * x[1][i[2]] : x[2][i[2]] - mean * scale * x[1][i[2]]), 1e-5),
        new("layer_norm_statistics", [[6, 48]], x => Apply(new LayerNormStatistics(1e-5f), x), x => Naive.Fill([2, 6, 1], i => NormOf([.. Range(48).Select(k => x[0][i[1], k])], 1e-5) is var (mean, scale) && i[0] == 0 ? mean : scale), 1e-5),
        new("layer_norm_statistics of short rows", [[2, 5, 3]], x => Apply(new LayerNormStatistics(1e-5f), x), x => Naive.Fill([2, 2, 5, 1], i => NormOf([.. Range(3).Select(k => x[0][i[1], i[2], k])], 1e-5) is var (mean, scale) && i[0] == 0 ? mean : scale), 1e-5),
        new("reshape of transposed", [[3, 4, 5]], x => x[0].Transpose(0, 2).Reshape(20, -1), x => Naive.Fill([20, 3], i => x[0][i[1], i[0] % 4, i[0] / 4])),
        new("reshape of sliced", [[4, 6, 5]], x => x[0].Slice(1, 2, 3).Reshape(4, 15), x => Naive.Fill([4, 15], i => x[0][i[0], 2 + i[1] / 5, i[1] % 5])),
        new("permute", [[2, 3, 4, 5]], x => x[0].Permute(0, 3, 1, 2), x => Naive.Fill([2, 5, 3, 4], i => x[0][i[0], i[2], i[3], i[1]])),
        new("channels last", [[2, 3, 4, 5]], x => x[0].ToChannelsLast(), x => Naive.Fill([2, 4, 5, 3], i => x[0][i[0], i[3], i[1], i[2]])),
        new("expand", [[3, 1]], x => x[0].Expand(2, 3, 4), x => Naive.Fill([2, 3, 4], i => x[0][i[1], 0])),
        new("concatenate", [[2, 3, 4], [2, 5, 4]], x => Tensor.Concatenate(1, x), x => Naive.Fill([2, 8, 4], i => i[1] < 3 ? x[0][i] : x[1][i[0], i[1] - 3, i[2]])),
        new("upsample_nearest", [[2, 3, 4, 5]], x => x[0].UpsampleNearest(2), x => Naive.Fill([2, 6, 8, 5], i => x[0][i[0], i[1] / 2, i[2] / 2, i[3]])),
        new("gather_rows", [[9, 5]], x => x[0].GatherRows(Tensor.FromArray([8, 0, 3L, 3], [2, 2])), x => Naive.Fill([2, 2, 5], i => x[0][new[] { 8, 0, 3, 3 }[2 * i[0] + i[1]], i[2]])),
        new("matmul", [[7, 33], [33, 19]], x => x[0].MatMul(x[1]), x => Naive.Fill([7, 19], i => Range(33).Sum(k => x[0][i[0], k] * x[1][k, i[1]]))),
        new("matmul batched", [[2, 3, 5, 8], [2, 3, 8, 6]], x => x[0].MatMul(x[1]), x => Naive.Fill([2, 3, 5, 6], i => Range(8).Sum(k => x[0][i[0], i[1], i[2], k] * x[1][i[0], i[1], k, i[3]]))),
        new("matmul transposed", [[2, 5, 8], [2, 6, 8]], x => x[0].MatMul(x[1].Transpose(1, 2)), x => Naive.Fill([2, 5, 6], i => Range(8).Sum(k => x[0][i[0], i[1], k] * x[1][i[0], i[2], k]))),
        new("linear", [[2, 7, 33], [19, 33], [19]], x => x[0].Linear(x[1], x[2]), x => Naive.Fill([2, 7, 19], i => x[2][i[2]] + Range(33).Sum(k => x[0][i[0], i[1], k] * x[1][i[2], k]))),
        Convolution("conv2d 3x3", [2, 7, 6, 5], [4, 5, 3, 3], 1, new Padding(1)),
        Convolution("conv2d 3x3 stride 2", [2, 7, 6, 5], [4, 5, 3, 3], 2, new Padding(1)),
        Convolution("conv2d right and bottom", [1, 8, 6, 3], [4, 3, 3, 3], 2, new Padding(0, 0, 1, 1)),
        Convolution("conv2d 1x1", [2, 5, 6, 9], [7, 9, 1, 1], 1, default),
        Attention("attention", 13, 9, false),
        Attention("attention causal", 9, 9, true),
    ];

    // By Simpson's rule over the density of the normal distribution.
    private static double Gelu(double x)
    {
        double Density(double t) => Math.Exp(-t * t / 2) / Math.Sqrt(2 * Math.PI);
        double step = x / 200, sum = Density(0) + Density(x);
        for (int k = 1; k < 200; k++) sum += Density(k * step) * (k % 2 == 0 ? 2 : 4);
        return x * (0.5 + sum * step / 3);
    }

    private static IEnumerable<int> Range(int count) => Enumerable.Range(0, count);

    private static OpSample Pointwise(string name, Func<Tensor, Tensor> op, Func<double, double> meaning) =>
        new(name, [[3, 41]], x => op(x[0]), x => Naive.Fill(x[0].Shape, i => meaning(x[0][i])));

    private static OpSample Binary(string name, int[] a, int[] b, Func<Tensor, Tensor, Tensor> op, Func<double, double, double> meaning)
    {
        int rank = Math.Max(a.Length, b.Length);
        int SizeOf(int[] shape, int axis) => axis - (rank - shape.Length) is >= 0 and var own ? shape[own] : 1;
        int[] shape = [.. Range(rank).Select(axis => Math.Max(SizeOf(a, axis), SizeOf(b, axis)))];
        int[] Own(int[] from, int[] index) => [.. from.Select((size, axis) => size == 1 ? 0 : index[axis + rank - from.Length])];
        return new(name, [a, b], x => op(x[0], x[1]), x => Naive.Fill(shape, i => meaning(x[0][Own(a, i)], x[1][Own(b, i)])));
    }

    private static OpSample Convolution(string name, int[] input, int[] weight, int stride, Padding padding)
    {
        int height = (input[1] + padding.Top + padding.Bottom - weight[2]) / stride + 1, width = (input[2] + padding.Left + padding.Right - weight[3]) / stride + 1;
        double Pixel(Naive x, int n, int y, int at, int c) => y < 0 || at < 0 || y >= input[1] || at >= input[2] ? 0 : x[n, y, at, c];
        return new(name, [input, weight, [weight[0]]], x => x[0].Conv2d(x[1], x[2], stride, padding), x => Naive.Fill([input[0], height, width, weight[0]], i =>
        {
            double sum = x[2][i[3]];
            for (int y = 0; y < weight[2]; y++)
                for (int at = 0; at < weight[3]; at++)
                    for (int c = 0; c < weight[1]; c++) sum += Pixel(x[0], i[0], i[1] * stride + y - padding.Top, i[2] * stride + at - padding.Left, c) * x[1][i[3], c, y, at];
            return sum;
        }));
    }

    private static OpSample Attention(string name, int queries, int keys, bool causal) =>
        new(name, [[2, 3, queries, 8], [2, 3, keys, 8], [2, 3, keys, 8]], x => Tensor.ScaledDotProductAttention(x[0], x[1], x[2], causal: causal), x => Naive.Fill([2, 3, queries, 8], i =>
        {
            int[] seen = [.. Range(keys).Where(k => !causal || k <= i[2])];
            double[] weights = [.. seen.Select(k => Math.Exp(Range(8).Sum(d => x[0][i[0], i[1], i[2], d] * x[1][i[0], i[1], k, d]) / Math.Sqrt(8)))];
            return seen.Zip(weights).Sum(pair => pair.Second * x[2][i[0], i[1], pair.First, i[3]]) / weights.Sum();
        }), 1e-5);

    private static Tensor Apply(Op op, Tensor[] inputs) => Executor.Current.Run(op, inputs);

    private static Naive Norm(Naive[] x, Func<int[], double[]> group, double epsilon) => Naive.Fill(x[0].Shape, i =>
    {
        (double mean, double scale) = NormOf(group(i), epsilon);
        return (x[0][i] - mean) * scale * x[1][i[^1]] + x[2][i[^1]];
    });

    private static (double Mean, double Scale) NormOf(double[] members, double epsilon)
    {
        double mean = members.Average(), variance = members.Average(value => (value - mean) * (value - mean));
        return (mean, 1 / Math.Sqrt(variance + epsilon));
    }

    private static double[] GroupOf(Naive x, int[] i, int groups)
    {
        int size = x.Shape[3] / groups, start = i[3] / size * size;
        return [.. from y in Range(x.Shape[1]) from at in Range(x.Shape[2]) from c in Range(size) select x[i[0], y, at, start + c]];
    }
}
