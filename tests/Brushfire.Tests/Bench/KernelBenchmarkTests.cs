// The kernels to measure are those of the models: every shape is there, as often as it occurs.

using Brushfire.Bench;
using Brushfire.Tensors;

namespace Brushfire.Tests.Bench;

public sealed class KernelBenchmarkTests
{
    private static readonly Lazy<IReadOnlyList<KernelCase>> s_cases = new(() => KernelBenchmark.FindCases());

    // Published work of one evaluation in GFLOP: two of the U-Net, a decoded picture, one text of CLIP.
    [Theory]
    [InlineData("U-Net", 2 * 803.3, 0.1)]
    [InlineData("VAE decoder", 2514.5, 0.3)]
    [InlineData("CLIP", 13.3, 0.05)]
    public void The_cases_of_a_part_add_up_to_its_work(string part, double expected, double tolerance) =>
        Assert.Equal(expected, s_cases.Value.Where(one => one.Part == part).Sum(one => one.Count * one.Unit.Operations) / 1e9, tolerance);

    [Theory]
    [InlineData("3x3 convolutions, U-Net", 52)]
    [InlineData("linear layers, U-Net", 184 + 32)] // 32 of the 46 convolutions of 1x1 are linear layers over pixels here
    [InlineData("self-attention d40, U-Net", 5)]
    [InlineData("self-attention d80, U-Net", 5)]
    [InlineData("self-attention d160, U-Net", 6)]
    [InlineData("self-attention d512, VAE decoder", 1)]
    [InlineData("self-attention d64, SD2.1", 16)]
    [InlineData("self-attention d64, CLIP", 12)]
    [InlineData("cross-attention, U-Net", 16)]
    [InlineData("GEGLU", 16)]
    [InlineData("layer norm", 48 + 25)]
    [InlineData("group norm with activation", 45 + 29)]
    public void Each_group_occurs_as_often_as_the_models_have_it(string group, int expected) =>
        Assert.Equal(expected, s_cases.Value.Where(one => one.Group == group).Sum(one => one.Count));

    [Fact]
    public void Counts_agree_with_the_ops_of_a_run()
    {
        using var scope = new TensorScope();
        ModelPart part = ModelPart.Open("emoji", PartKind.UNet);
        Tensor[] inputs = part.Inputs(0);
        OpTrace run = OpTrace.Time(() => part.Run(inputs), inputs);
        OpTrace followed = part.Follow();
        Assert.Equal(run.Calls.Select(call => (call.Op, call.Result)), followed.Calls.Select(call => (call.Op, call.Result)));
        Assert.Equal(run.Calls.Count, KernelBenchmark.Distinct("", part).Sum(one => one.Count * one.Unit.Calls.Count));
        Assert.All(run.Calls, call => Assert.True(call.Seconds > 0));
    }

    [Fact]
    public void A_filter_takes_what_it_names() =>
        Assert.All(new KernelBenchmark(new KernelBenchmarkOptions { Filter = "F32[2,1280]" }).Cases, one => Assert.Contains("f32[2,1280]", one.Unit.Shapes));

    [Fact]
    public void A_filter_without_a_match_is_refused() =>
        Assert.Contains("'4x4 convolutions'", Assert.Throws<BrushfireException>(() => new KernelBenchmark(new KernelBenchmarkOptions { Filter = "4x4 convolutions" })).Message);

    // The same kernels as often; only contractions know their precision.
    [Fact]
    public void In_bf16_the_cases_are_the_same_ones_with_other_products()
    {
        IReadOnlyList<KernelCase> lowered = KernelBenchmark.FindCases(DType.BFloat16);
        Assert.Equal(s_cases.Value.Select(one => (one.Part, one.Group, one.Unit.Shapes, one.Count)), lowered.Select(one => (one.Part, one.Group, one.Unit.Shapes, one.Count)));
        foreach ((KernelCase one, KernelCase other) in s_cases.Value.Zip(lowered)) Assert.Equal(one.Unit.Operations == 0, one.Unit.Key == other.Unit.Key);
        Assert.Equal(DType.Float32, Autocast.Current);
    }
}
