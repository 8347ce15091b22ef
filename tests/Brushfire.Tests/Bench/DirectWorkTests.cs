// Counted work against products of sizes worked out by hand.

using Brushfire.Bench;
using Brushfire.Models.Catalog;
using Brushfire.Models.Layers;
using Brushfire.Models.UNet;
using Brushfire.Tensors;

namespace Brushfire.Tests.Bench;

public sealed class DirectWorkTests
{
    [Fact]
    public void Work_of_single_ops_is_two_operations_a_multiply_add()
    {
        DirectWork work = DirectWork.Of(() =>
        {
            Tensor image = Tensor.Zeros([2, 5, 7, 3]);
            image.Conv2d(Tensor.Zeros([4, 3, 3, 3]), null, 1, new Padding(1));
            image.Conv2d(Tensor.Zeros([4, 3, 1, 1]), null, 1, new Padding(0));
            Tensor.Zeros([2, 6, 8]).Linear(Tensor.Zeros([10, 8]));
            Tensor.Zeros([2, 6, 8]).MatMul(Tensor.Zeros([2, 8, 9]));
            Tensor.ScaledDotProductAttention(Tensor.Zeros([2, 3, 11, 4]), Tensor.Zeros([2, 3, 13, 4]), Tensor.Zeros([2, 3, 13, 4]));
        });
        Assert.Equal(2.0 * (2 * 5 * 7) * 4 * 27, work.Convolution);
        Assert.Equal(2.0 * (2 * 5 * 7) * 4 * 3, work.PointConvolution);
        Assert.Equal(2.0 * 12 * 10 * 8, work.Linear);
        Assert.Equal(2.0 * 2 * 6 * 8 * 9 + 2 * (2.0 * 2 * 3 * 11 * 13 * 4), work.Attention);
        Assert.Equal(work.Convolution + work.PointConvolution + work.Linear + work.Attention, work.Total);
    }

    // The figures of one evaluation of the SD1.5 U-Net at 64x64 with 77 tokens, in GFLOP, counted by other means.
    [Theory]
    [InlineData(AttentionCode.Optimized)]
    [InlineData(AttentionCode.Original)]
    public void The_full_size_network_has_its_published_work_and_no_kernel_runs(AttentionCode code)
    {
        ModelComponent component = ModelSource.Open("sd15")["unet"];
        var unet = new ConditionalUNet(UNetConfig.Read(component.Config), component.OpenWeights(), code);
        DirectWork work = DirectWork.Of(() => unet.Call(new UNetInput(Tensor.Zeros([1, 64, 64, 4]), Tensor.Zeros([1]), Tensor.Zeros([1, 77, 768]))));
        Assert.Equal(400.3, work.Convolution / 1e9, 0.05);
        // Convolutions of 1x1 at the ends of a transformer are linear layers over pixels here.
        Assert.Equal(43.6 + 233.3, (work.PointConvolution + work.Linear) / 1e9, 0.1);
        Assert.Equal(126.1, work.Attention / 1e9, 0.05);
        Assert.Equal(803.3, work.Total / 1e9, 0.05);
    }
}
