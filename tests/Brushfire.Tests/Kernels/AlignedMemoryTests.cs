// Blocks are aligned, apart from each other, and may be freed in any order by any thread.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class AlignedMemoryTests
{
    [Fact]
    public void Blocks_of_all_sizes_are_aligned_and_apart()
    {
        Parallel.For(0, 4, new ParallelOptions { CancellationToken = TestContext.Current.CancellationToken }, seed =>
        {
            var random = new Random(seed);
            var blocks = new List<(nint Start, int Bytes, byte Mark)>();
            for (int i = 0; i < 400; i++)
            {
                int bytes = random.Next(1 << random.Next(1, 23));
                byte* start = (byte*)AlignedMemory.Allocate(bytes);
                Assert.Equal(0, (nint)start % (bytes >= AlignedMemory.HugePage ? AlignedMemory.HugePage : 64));
                byte mark = (byte)random.Next(256);
                new Span<byte>(start, bytes).Fill(mark);
                blocks.Add(((nint)start, bytes, mark));
                if (random.Next(3) > 0) continue;
                (nint freed, int size, byte expected) = blocks[random.Next(blocks.Count)];
                Assert.Equal(-1, new Span<byte>((void*)freed, size).IndexOfAnyExcept(expected));
                AlignedMemory.Free((void*)freed);
                blocks.RemoveAll(block => block.Start == freed);
            }

            foreach ((nint start, int bytes, byte mark) in blocks)
            {
                Assert.Equal(-1, new Span<byte>((void*)start, bytes).IndexOfAnyExcept(mark));
                AlignedMemory.Free((void*)start);
            }
        });
    }
}
