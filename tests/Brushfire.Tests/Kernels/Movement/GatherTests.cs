// Rows by number.

using Brushfire.Kernels;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class GatherTests
{
    [Theory]
    [InlineData(1, 5)]
    [InlineData(768 * 4, 77)]
    [InlineData(3, 100_000)]
    [InlineData(200_000, 3)]
    [InlineData(8, 0)]
    public void Each_row_is_the_one_of_its_id(int rowBytes, int count)
    {
        const int Rows = 11;
        byte[] table = new byte[Rows * rowBytes], rows = new byte[count * rowBytes];
        var random = new Random(2);
        random.NextBytes(table);
        long[] ids = [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(Rows))];
        fixed (byte* source = table, destination = rows)
        fixed (long* numbers = ids)
            Gather.Run(rowBytes, source, count, numbers, destination);
        for (int i = 0; i < count; i++) Assert.True(rows.AsSpan(i * rowBytes, rowBytes).SequenceEqual(table.AsSpan((int)ids[i] * rowBytes, rowBytes)), $"row {i}");
    }
}
