// The list of op samples, eagerly, with inputs contiguous in memory and not.

using Brushfire.Tensors;

namespace Brushfire.Tests.Tensors;

public sealed class OpTests
{
    public static TheoryData<string> Names => [.. OpSamples.All.Select(sample => sample.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Eager_ops_agree_with_double_precision_loops(string name) => Check(name, strided: false);

    [Theory]
    [MemberData(nameof(Names))]
    public void Ops_take_strided_inputs(string name) => Check(name, strided: true);

    private static void Check(string name, bool strided)
    {
        using var scope = new TensorScope();
        OpSample sample = OpSamples.All.Single(sample => sample.Name == name);
        Tensor[] inputs = [.. sample.Inputs.Select((shape, i) => Input(shape, seed: 17 * i + 1, strided))];
        Naive expected = sample.Meaning([.. inputs.Select(Naive.Of)]);
        Tensor actual = sample.Op(inputs);
        Assert.Equal(expected.Shape, actual.Shape.Sizes.ToArray());
        Close.Relative([.. expected.Values.Select(value => (float)value)], actual.ToArray(), sample.Tolerance, name);
    }

    // A strided input is a view with its axes reversed in memory and gaps between elements.
    private static Tensor Input(int[] shape, int seed, bool strided)
    {
        if (!strided || shape.Length == 0) return Values(shape, seed);
        int[] reversed = [.. shape.Reverse()];
        reversed[^1] *= 2;
        int[] order = [.. Enumerable.Range(0, shape.Length).Reverse()];
        Tensor memory = Values(reversed, seed);
        return memory.Slice(-1, shape[0] / 2, shape[0]).Permute(order);
    }

    private static Tensor Values(int[] shape, int seed) => Tensor.Create(shape, values =>
    {
        for (int i = 0; i < values.Length; i++) values[i] = (float)(2 * Math.Sin(12.9898 * (i + 1) + seed));
    });
}
