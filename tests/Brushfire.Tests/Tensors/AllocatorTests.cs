// What the allocator keeps for reuse. It counts for the whole process, so nothing runs beside these tests. Their memory is never touched.

using Brushfire.Tensors;

namespace Brushfire.Tests.Tensors;

[Collection(nameof(ParameterTests))]
public sealed unsafe class AllocatorTests
{
    public AllocatorTests() => ProcessMemory.Settle();

    [Fact]
    public void A_freed_block_serves_the_next_tensor_of_its_size()
    {
        void* first = Allocator.Allocate(100_000);
        Allocator.Free(first, 100_000);
        long cached = Allocator.Statistics.BytesCached;
        Assert.InRange(cached, 100_000, 115_000);
        void* second = Allocator.Allocate(100_001);
        Assert.True(first == second);
        Assert.Equal(0, Allocator.Statistics.BytesCached);
        Allocator.Free(second, 100_001);
        Allocator.Trim();
        Assert.Equal(0, Allocator.Statistics.BytesCached);
    }

    [Fact]
    public void Sizes_that_were_used_longest_ago_are_given_back_first()
    {
        const long Smallest = 512L << 20;

        // A block of each class, eight between powers of two, until one is given back: when that is depends on what ran before.
        long size = Smallest, before;
        do
        {
            before = Total();
            size += 1L << (int)(long.Log2(size) - 3);
            Allocator.Free(Allocator.Allocate(size), size);
            Assert.True(size < 1L << 34, "Kept memory grew without bound.");
        }
        while (Total() >= before + size);

        Assert.True(Reuses(size));
        Assert.False(Reuses(Smallest * 9 / 8));
        Allocator.Trim();
    }

    private static long Total() => Allocator.Statistics.BytesInUse + Allocator.Statistics.BytesCached;

    // Else the total would grow, or fall by that of other sizes.
    private static bool Reuses(long size)
    {
        long before = Total();
        void* block = Allocator.Allocate(size);
        bool reuses = Total() == before;
        Allocator.Free(block, size);
        return reuses;
    }
}
