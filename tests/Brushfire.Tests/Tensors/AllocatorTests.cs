// What the allocator keeps for reuse. It counts for the whole process, so nothing runs beside these tests. Their memory is never touched.

using Brushfire.Tensors;

namespace Brushfire.Tests.Tensors;

[Collection(nameof(ParameterTests))]
public sealed unsafe class AllocatorTests
{
    [Fact]
    public void A_freed_block_serves_the_next_tensor_of_its_size()
    {
        Allocator.Trim();
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
}
