// Copies between layouts, for each element size, against an index by index copy.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class StridedCopyTests
{
    [Theory]
    [InlineData(new[] { 2, 3, 35, 50 }, new[] { 5250, 1750, 50, 1 }, new[] { 5250, 1, 150, 3 })] // NCHW to NHWC, few channels
    [InlineData(new[] { 2, 35, 50, 3 }, new[] { 5250, 150, 3, 1 }, new[] { 5250, 50, 1, 1750 })] // NHWC to NCHW
    [InlineData(new[] { 130, 97 }, new[] { 97, 1 }, new[] { 1, 130 })] // whole and partial tiles
    [InlineData(new[] { 2, 70, 5000 }, new[] { 350_000, 1, 70 }, new[] { 350_000, 5000, 1 })]
    [InlineData(new[] { 4, 77, 8, 40 }, new[] { 24_640, 320, 40, 1 }, new[] { 24_640, 40, 3080, 1 })] // split heads
    [InlineData(new[] { 10, 20 }, new[] { 40, 2 }, new[] { 30, 1 })] // slices
    [InlineData(new[] { 10, 20 }, new[] { 0, 1 }, new[] { 20, 1 })] // a row for all
    [InlineData(new[] { 10, 20 }, new[] { 1, 0 }, new[] { 20, 1 })] // a column
    [InlineData(new[] { 60_000 }, new[] { 1 }, new[] { 1 })]
    [InlineData(new[] { 60_000 }, new[] { 3 }, new[] { 2 })]
    [InlineData(new[] { 2, 3, 2, 3, 2, 3, 2, 3 }, new[] { 648, 216, 108, 36, 18, 6, 3, 1 }, new[] { 1, 2, 6, 12, 36, 72, 216, 432 })]
    [InlineData(new[] { 1, 1, 5 }, new[] { 7, 9, 1 }, new[] { 3, 1, 1 })]
    [InlineData(new[] { 3, 0 }, new[] { 1, 1 }, new[] { 1, 1 })]
    [InlineData(new[] { 0, 5 }, new[] { 1, 7 }, new[] { 5, 1 })]
    [InlineData(new int[0], new int[0], new int[0])]
    public void Every_element_arrives_and_nothing_else_is_written(int[] sizes, int[] sourceStrides, int[] destinationStrides)
    {
        foreach (int elementSize in new[] { 1, 2, 4, 8 }) Check(elementSize, sizes, sourceStrides, destinationStrides);
    }

    [Fact]
    public void Negative_strides_reverse()
    {
        int[] source = [.. Enumerable.Range(0, 12)], destination = new int[12];
        fixed (int* from = source, to = destination) StridedCopy.Run(sizeof(int), [3, 4], from + 3, [4, -1], to, [4, 1]);
        Assert.Equal([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8], destination);
    }

    private static void Check(int elementSize, int[] sizes, int[] sourceStrides, int[] destinationStrides)
    {
        byte[] source = new byte[(1 + Extent(sizes, sourceStrides)) * elementSize];
        new Random(1).NextBytes(source);
        byte[] actual = new byte[(1 + Extent(sizes, destinationStrides)) * elementSize], expected = new byte[actual.Length];
        fixed (byte* from = source, to = actual)
            StridedCopy.Run(elementSize, sizes, from, [.. sourceStrides.Select(n => (nint)n)], to, [.. destinationStrides.Select(n => (nint)n)]);
        PointwiseTests.Elements(sizes, (_, index) =>
        {
            int start = index.Select((n, d) => n * sourceStrides[d]).Sum() * elementSize;
            source.AsSpan(start, elementSize).CopyTo(expected.AsSpan(index.Select((n, d) => n * destinationStrides[d]).Sum() * elementSize));
        });
        Assert.Equal(expected, actual);
    }

    private static int Extent(int[] sizes, int[] strides) => sizes.Select((n, d) => Math.Max(0, n - 1) * strides[d]).Sum();
}
