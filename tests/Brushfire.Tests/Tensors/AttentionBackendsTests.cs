// Allowing only some attention kernels: which one is taken, and the error where none of them can serve.

using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Tests.Tensors;

public sealed class AttentionBackendsTests
{
    private static readonly AttentionSizes s_large = new(2, 8, 4096, 4096, 40), s_small = new(2, 8, 64, 64, 160);

    [Fact]
    public void Without_a_choice_the_best_is_taken()
    {
        Assert.Equal(AttentionBackend.Flash, AttentionBackends.Choose(s_large));
        Assert.Equal(AttentionBackend.MemoryEfficient, AttentionBackends.Choose(s_small));
    }

    [Fact]
    public void An_allowed_one_is_taken_until_the_end_of_the_scope()
    {
        using (AttentionBackends.Allow(AttentionBackend.Math))
        {
            Assert.Equal(AttentionBackend.Math, AttentionBackends.Choose(s_large));
            using (AttentionBackends.Allow(AttentionBackend.Math, AttentionBackend.Flash)) Assert.Equal(AttentionBackend.Flash, AttentionBackends.Choose(s_small));
            Assert.Equal(AttentionBackend.Math, AttentionBackends.Choose(s_large));
        }

        Assert.Equal(AttentionBackend.Flash, AttentionBackends.Choose(s_large));
    }

    [Fact]
    public void Where_none_can_serve_the_error_says_why_and_what_can()
    {
        using (AttentionBackends.Allow(AttentionBackend.Math, AttentionBackend.Flash))
        {
            var error = Assert.Throws<BrushfireException>(() => AttentionBackends.Choose(new AttentionSizes(1, 2, 1 << 24, 1 << 24, 64)));
            Assert.Contains("attention of 1 x 2 heads, 16777216 queries and 16777216 keys of length 64: Flash packs", error.Message, StringComparison.Ordinal);
            Assert.Contains("; Math keeps all scores in memory, 2097152 GB", error.Message, StringComparison.Ordinal);
            Assert.EndsWith("Allow MemoryEfficient as well.", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Allowing_none_is_refused() => Assert.Throws<BrushfireException>(() => AttentionBackends.Allow());
}
