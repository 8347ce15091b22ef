// How a trace is cut into units of measurement, with their work and traffic worked out by hand.

using Brushfire.Bench;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Tests.Bench;

public sealed class OpUnitTests
{
    [Fact]
    public void A_norm_and_its_activation_are_one_unit_with_the_traffic_of_one_pass()
    {
        OpUnit unit = Assert.Single(Units(x => x.GroupNorm(2, Tensor.Zeros([8]), Tensor.Zeros([8]), 1e-5f).Silu(), [2, 3, 5, 8]));
        Assert.Equal("group_norm + silu", unit.Name);
        Assert.Equal("f32[2,3,5,8]", unit.Shapes);
        Assert.Equal(2 * 240 * sizeof(float), unit.Bytes);
        Assert.Equal("group norm with activation", OpGroup.Of(unit, "U-Net"));
    }

    [Fact]
    public void Fused_ops_are_in_the_groups_of_their_parts()
    {
        Assert.Equal("group norm with activation", OpGroup.Of(Assert.Single(Units(x => x.GroupNorm(2, Tensor.Zeros([8]), Tensor.Zeros([8]), 1e-5f, UnaryOperator.Silu), [2, 8])), "U-Net"));
        OpUnit gate = Assert.Single(Units(x => x.Slice(1, 0, 10).GeluGate(x.Slice(1, 10, 10)), [6, 20]));
        Assert.Equal((120 + 60) * sizeof(float), gate.Bytes);
        Assert.Equal("GEGLU", OpGroup.Of(gate, "U-Net"));
    }

    [Fact]
    public void A_norm_whose_result_is_read_twice_stays_alone() =>
        Assert.Equal(["group_norm", "silu", "add"], Units(x =>
        {
            Tensor normed = x.GroupNorm(2, Tensor.Zeros([8]), Tensor.Zeros([8]), 1e-5f);
            return normed + normed.Silu();
        }, [2, 8]).Select(unit => unit.Name));

    [Fact]
    public void A_gate_reads_both_halves_and_writes_one()
    {
        OpUnit unit = Assert.Single(Units(x =>
        {
            Tensor[] halves = x.Split(-1, 2);
            return halves[0] * halves[1].Gelu();
        }, [2, 3, 20]));
        Assert.Equal("gelu + multiply", unit.Name);
        Assert.Equal((120 + 60) * sizeof(float), unit.Bytes);
        Assert.Equal("GEGLU", OpGroup.Of(unit, "U-Net"));
    }

    [Fact]
    public void Layouts_of_inputs_tell_units_apart_and_weights_do_not_count_as_traffic()
    {
        Tensor weight = Tensor.Zeros([4, 5]);
        OpUnit[] units = [.. Units(x => x.Linear(weight) + x.Transpose(0, 1).Linear(weight), [3, 3, 5])];
        Assert.Equal(["linear", "linear", "add"], units.Select(unit => unit.Name));
        Assert.NotEqual(units[0].Key, units[1].Key);
        Assert.Equal("f32[3,3,5] f32[4,5]", units[0].Shapes);
        Assert.Equal((45 + 36) * sizeof(float), units[0].Bytes);
        Assert.Equal(2.0 * 9 * 4 * 5, units[0].Operations);
    }

    // A unit on its own computes what the model computes: here it only has to run, on views as there.
    [Fact]
    public void Units_run_on_their_own_on_rotating_buffers()
    {
        foreach (OpUnit unit in Units(x =>
        {
            Tensor[] halves = x.Split(-1, 2);
            Tensor gated = halves[0] * halves[1].Gelu();
            return Tensor.ScaledDotProductAttention(gated.Reshape(2, 3, 2, 5).Transpose(1, 2), gated.Reshape(2, 3, 2, 5).Transpose(1, 2), gated.Reshape(2, 3, 2, 5).Transpose(1, 2));
        }, [2, 3, 20]))
        {
            using var run = new UnitRun(unit, span: 10_000);
            Assert.True(run.Sets > 1);
            Assert.True(run.Seconds(3 * run.Sets) > 0);
        }
    }

    private static IReadOnlyList<OpUnit> Units(Func<Tensor, Tensor> function, Shape shape)
    {
        using Tensor input = Tensor.Zeros(shape);
        return OpUnit.Of(OpTrace.Follow(() => function(input), input));
    }
}
