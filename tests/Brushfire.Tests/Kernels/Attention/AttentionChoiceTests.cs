// Which kernel sizes lead to, and which kernels refuse them.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed class AttentionChoiceTests
{
    [Theory]
    [InlineData(4096, 4096, 40, AttentionBackend.Flash)]
    [InlineData(4096, 77, 40, AttentionBackend.Flash)]
    [InlineData(256, 256, 160, AttentionBackend.Flash)]
    [InlineData(64, 64, 160, AttentionBackend.MemoryEfficient)]
    [InlineData(77, 77, 64, AttentionBackend.MemoryEfficient)]
    [InlineData(65_536, 65_536, 512, AttentionBackend.MemoryEfficient)]
    public void Many_queries_go_to_flash_as_long_as_a_head_can_be_packed(int queryLength, int keyLength, int headDim, AttentionBackend expected) =>
        Assert.Equal(expected, AttentionChoice.Best(new AttentionSizes(2, 8, queryLength, keyLength, headDim)));

    [Fact]
    public void The_best_can_always_serve()
    {
        foreach (int length in new[] { 0, 1, 100, 4096, 1 << 20, 1 << 28 })
        {
            var sizes = new AttentionSizes(64, 64, length, length, 160);
            Assert.Null(AttentionChoice.Refusal(AttentionChoice.Best(sizes), sizes));
        }
    }

    [Fact]
    public void Refusals_name_what_is_too_large()
    {
        var sizes = new AttentionSizes(1, 1, 1 << 24, 1 << 24, 64);
        Assert.StartsWith("Math keeps all scores in memory, 1048576 GB, and this machine has ", AttentionChoice.Refusal(AttentionBackend.Math, sizes), StringComparison.Ordinal);
        Assert.Equal("Flash packs the keys and values of a head, 8 GB for each thread, and its limit is 0.125 GB", AttentionChoice.Refusal(AttentionBackend.Flash, sizes));
        Assert.Null(AttentionChoice.Refusal(AttentionBackend.MemoryEfficient, sizes));
        Assert.Null(AttentionChoice.Refusal(AttentionBackend.Math, new AttentionSizes(2, 8, 4096, 4096, 40)));
    }
}
