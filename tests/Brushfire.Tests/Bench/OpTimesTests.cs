// The table of a step by op: medians over runs, sums over calls.

using System.Text.Json.Nodes;
using Brushfire.Bench;
using Brushfire.Tensors;

namespace Brushfire.Tests.Bench;

public sealed class OpTimesTests
{
    [Fact]
    public void Sums_hold_every_op_and_add_up_to_the_whole()
    {
        using var scope = new TensorScope();
        ModelPart part = ModelPart.Open("emoji", PartKind.UNet);
        Tensor[] inputs = part.Inputs(0);
        OpTrace[] runs = [.. Enumerable.Range(0, 3).Select(_ => OpTrace.Time(() => part.Run(inputs), inputs))];
        var times = new OpTimes(runs, "U-Net");
        Assert.Equal(times.Seconds, times.ViewSeconds + times.Groups.Sum(sum => sum.Seconds), 9);
        Assert.Equal(times.Seconds, times.ViewSeconds + times.Shapes.Sum(sum => sum.Seconds), 9);
        Assert.Equal(OpUnit.Of(runs[0]).Count, times.Groups.Sum(sum => sum.Calls));
        Assert.Equal(DirectWork.Of(part.Follow()).Total, times.Groups.Sum(sum => sum.Operations), 1.0);
        Assert.InRange(times.Seconds, 0, runs.Sum(run => run.ViewSeconds + run.Calls.Sum(call => call.Seconds)));
        Assert.Equal(times.Groups.OrderByDescending(sum => sum.Seconds), times.Groups);
    }

    [Fact]
    public void Each_unit_counts_with_its_median_over_the_runs()
    {
        using Tensor input = Tensor.Zeros([500]);
        OpTrace[] runs = [.. Enumerable.Range(0, 5).Select(_ => OpTrace.Time(() => input.Exp().Reshape(5, 100), input))];
        var times = new OpTimes(runs, "");
        Assert.Equal(runs.Select(run => run.Calls.Single().Seconds).Order().ElementAt(2), times.Groups.Single().Seconds);
        Assert.Equal((1, runs.Select(run => run.ViewSeconds).Order().ElementAt(2)), (times.Views, times.ViewSeconds));

        JsonObject json = times.ToJson();
        JsonNode row = Assert.Single(json["groups"]!.AsArray())!;
        Assert.Equal("exp", row["op"]!.GetValue<string>());
        Assert.Equal(1, row["calls"]!.GetValue<int>());
        Assert.Equal(times.Groups.Single().Seconds / times.Seconds, row["share"]!.GetValue<double>(), 12);
        Assert.Equal(4000 / times.Groups.Single().Seconds / 1e9, row["gigabytesPerSecond"]!.GetValue<double>(), 9);
        Assert.Equal("f32[500]", json["shapes"]![0]!["shapes"]!.GetValue<string>());
    }

    // What an op does inside, such as copying an input into order, is its own time and no call of its own.
    [Fact]
    public void Work_inside_of_an_op_is_counted_once()
    {
        using Tensor input = Tensor.Zeros([30, 50]);
        OpTrace run = OpTrace.Time(() => input.Transpose(0, 1).Softmax(), input);
        Assert.Equal("softmax", Assert.Single(run.Calls).Op.Name);
        Assert.Equal(1, run.Views);
    }
}
