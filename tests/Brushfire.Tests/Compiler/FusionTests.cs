// Functions that are in no model here compile to few kernels, and mean the same: the compiler knows ops, not networks.

using Brushfire.Compiler;
using Brushfire.Models.Weights;
using Brushfire.Tensors;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Tests.Compiler;

public sealed class FusionTests
{
    private const int Width = 32, Hidden = 48;

    private static readonly Tensor s_norm = Weight("norm.weight", [Width]), s_gate = Weight("gate.weight", [Hidden, Width]), s_up = Weight("up.weight", [Hidden, Width]), s_down = Weight("down.weight", [Width, Hidden]);
    private static readonly Tensor s_constant = TensorScope.Outside(() => FormulaWeights.Create("constant.weight", [Width, Width]));

    [Fact]
    public void Root_mean_square_norm_rotary_embedding_and_swiglu_are_four_kernels() => Check(4, (x, cos, sin) =>
    {
        Tensor normed = x * ((x * x).Mean(-1) + 1e-5f).Apply(Brushfire.Kernels.UnaryOperator.Rsqrt) * s_norm;
        Tensor first = normed.Slice(-1, 0, Width / 2), second = normed.Slice(-1, Width / 2, Width / 2);
        Tensor rotated = normed * cos + Tensor.Concatenate(-1, -second, first) * sin;
        return (rotated.Linear(s_gate).Silu() * rotated.Linear(s_up)).Linear(s_down);
    }, [2, 9, Width], [9, Width], [9, Width]);

    [Fact]
    public void Ten_pointwise_ops_and_a_reduction_of_their_rows_are_one_kernel() => Check(1, (x, y, z) =>
    {
        Tensor a = ((x * y + 0.5f).Tanh() - z).Sigmoid();
        Tensor b = (a * x + 1).Silu() * y;
        return (b - z).Sum(-1);
    }, [5, 7, 40], [5, 7, 40], [40]);

    [Fact]
    public void A_reduction_and_its_two_consumers_are_at_most_two_kernels() => Check(2, (x, y, z) =>
    {
        Tensor largest = x.Max(-1);
        return Tensor.Concatenate(0, (x - largest).Exp(), y * largest + z);
    }, [6, 40], [6, 40], [40]);

    [Fact]
    public void Pieces_are_computed_where_they_are_put_together() => Check(1, (x, y, z) =>
        (Tensor.Concatenate(-1, x.Silu(), y * 2) + z).Tanh(), [2, 3, 7], [2, 3, 4], [11]);

    [Fact]
    public void An_enlarged_image_is_never_written() => Check(1, (x, y, z) =>
        (x.UpsampleNearest(2) * y + z).Tanh(), [2, 3, 5, 7], [2, 6, 10, 7], [2, 1, 1, 7]);

    [Fact]
    public void A_tensor_from_outside_is_a_weight_that_is_packed_once() => Check(2, (x, y, z) =>
        (x.Linear(s_constant).Silu() + y).Linear(s_constant) * z, [9, Width], [9, Width], [Width]);

    private static void Check(int most, Func<Tensor, Tensor, Tensor, Tensor> function, params Shape[] shapes)
    {
        using var scope = new TensorScope();
        Tensor[] inputs = [.. shapes.Select((shape, i) => FormulaWeights.Create($"input{i}.weight", shape))];
        CompiledFunction<Func<Tensor, Tensor, Tensor, Tensor>> compiled = Compile(function, fullGraph: true);
        float[] expected = function(inputs[0], inputs[1], inputs[2]).ToArray();
        for (int call = 0; call < 2; call++) Close.Relative(expected, compiled.Call(inputs[0], inputs[1], inputs[2]).ToArray(), 1e-5);
        var program = Assert.Single(Assert.Single(compiled.Reports).Programs);
        Assert.Equal(0, program.InterpretedNodes);
        Assert.InRange(program.Groups, 1, most);
    }

    private static Tensor Weight(string name, Shape shape) => Parameter.Create(name, shape, () => FormulaWeights.Create(name, shape));
}
