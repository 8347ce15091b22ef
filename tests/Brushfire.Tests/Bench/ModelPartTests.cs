// The parts that benchmarks run have the published work.

using Brushfire.Bench;
using Brushfire.Tensors;

namespace Brushfire.Tests.Bench;

public sealed class ModelPartTests
{
    // GFLOP of one evaluation at the sizes that the model was trained on.
    [Theory]
    [InlineData(PartKind.UNet, 2 * 803.3, 2)]
    [InlineData(PartKind.Vae, 2514.5, 1)]
    [InlineData(PartKind.Text, 13.3, 1)]
    public void Each_part_has_its_published_work(PartKind kind, double expected, int batch)
    {
        ModelPart part = ModelPart.Open("sd15", kind);
        Assert.Equal(expected, DirectWork.Of(part.Follow()).Total / 1e9, 0.3);
        Assert.Equal(batch, part.BatchSize);
    }

    [Fact]
    public void Work_grows_with_the_batch_and_the_size()
    {
        double small = Work(PartKind.Vae, (8, 8), 1), wide = Work(PartKind.Vae, (16, 8), 1), many = Work(PartKind.Vae, (8, 8), 3);
        Assert.Equal(3 * small, many, 1.0);
        Assert.InRange(wide, 2 * small, 2.2 * small);
        Assert.Equal(2 * Work(PartKind.Text, null, 1), Work(PartKind.Text, null, 2), 1.0);
    }

    [Theory]
    [InlineData(PartKind.UNet)]
    [InlineData(PartKind.Vae)]
    [InlineData(PartKind.Text)]
    public void Every_part_of_the_shipped_model_runs_and_new_steps_get_new_inputs(PartKind kind)
    {
        using var scope = new TensorScope();
        ModelPart part = ModelPart.Open("emoji", kind);
        Tensor[] first = part.Inputs(0), second = part.Inputs(1);
        part.Run(first);
        Assert.Equal(first.Select(input => input.Spec), second.Select(input => input.Spec));
        Assert.NotEqual(first[0].ToArray(), second[0].ToArray());
    }

    private static double Work(PartKind kind, (int, int)? size, int batch) => DirectWork.Of(ModelPart.Open("sd15", kind, latentSize: size, batchSize: batch).Follow()).Total;
}
