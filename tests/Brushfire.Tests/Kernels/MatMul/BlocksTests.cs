// The blocks of a product cover it exactly, whatever its size.

using Brushfire.Kernels;
using CsCheck;

namespace Brushfire.Tests.Kernels;

public sealed class BlocksTests
{
    [Fact]
    public void Blocks_cover_the_product_and_none_is_empty() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[1, 20_000], Gen.Int[1, 20_000], Gen.Int[1, 1_000_000], Gen.Bool).Sample((batch, m, n, k, wide) =>
        {
            int mr = wide ? 8 : 6, nr = wide ? 48 : 16;
            var blocks = new Blocks(batch, m, n, k, mr, nr);
            Assert.Equal(0, blocks.MC % mr);
            Assert.Equal(0, blocks.NC % nr);
            Assert.Equal(0, blocks.KC % 2);
            AssertCovers(m, blocks.MBlocks, blocks.MC);
            AssertCovers(n, blocks.NBlocks, blocks.NC);
            AssertCovers(k, blocks.KBlocks, blocks.KC);
        });

    private static void AssertCovers(int size, int blocks, int block) => Assert.InRange(size, (long)(blocks - 1) * block + 1, (long)blocks * block);
}
