// Zip archives as PyTorch writes them, and ones whose directory lies.

using System.Buffers.Binary;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public sealed class StoredZipTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private Dictionary<string, (long Offset, long Length)> Read(byte[] bytes) => StoredZip.ReadDirectory(MappedFile.Open(_folder.Write("x.zip", bytes)));
    private string ErrorOf(byte[] bytes) => Assert.Throws<BrushfireException>(() => Read(bytes)).Message;

    private static byte[] TwoEntries() => FileBytes.Zip([("a", [1, 2, 3]), ("folder/b", [4, 5])]);

    [Fact]
    public void Entries_are_found_where_they_lie()
    {
        byte[] zip = TwoEntries();
        var entries = Read(zip);
        Assert.Equal([1, 2, 3], zip.AsSpan((int)entries["a"].Offset, (int)entries["a"].Length).ToArray());
        Assert.Equal([4, 5], zip.AsSpan((int)entries["folder/b"].Offset, (int)entries["folder/b"].Length).ToArray());
    }

    [Fact]
    public void The_64_bit_form_is_read()
    {
        // The directory of one entry whose sizes and offset stand in the extra field, and the 64-bit end record.
        byte[] local = [.. "PK\u0003\u0004"u8, .. new byte[22], 1, 0, 0, 0, (byte)'a', 9, 8, 7];
        byte[] extra = [1, 0, 24, 0, .. Long(3), .. Long(3), .. Long(0)];
        byte[] central = [.. "PK\u0001\u0002"u8, .. new byte[16], .. All(8), 1, 0, (byte)extra.Length, 0, 0, 0, .. new byte[8], .. All(4), (byte)'a', .. extra];
        byte[] end64 = [.. "PK\u0006\u0006"u8, .. new byte[36], .. Long(central.Length), .. Long(local.Length)];
        byte[] locator = [.. "PK\u0006\u0007"u8, .. new byte[4], .. Long(local.Length + central.Length), .. new byte[4]];
        byte[] end = [.. "PK\u0005\u0006"u8, .. new byte[8], .. All(8), 0, 0];
        Assert.Equal((31L, 3L), Read([.. local, .. central, .. end64, .. locator, .. end])["a"]);

        static byte[] All(int count) => [.. Enumerable.Repeat((byte)255, count)];
        static byte[] Long(long value) => BitConverter.GetBytes(value);
    }

    [Theory]
    [InlineData(42, 1_000_000, "should begin at byte 1000000, outside of the data")]
    [InlineData(42, 1, "the directory says that 'a' is at byte 1, but it is not there")]
    [InlineData(24, 4, "has two sizes, 3 and 4")]
    [InlineData(28, 60_000, "its directory is cut short")]
    public void Directories_that_point_elsewhere_are_refused(int field, int value, string message)
    {
        byte[] zip = TwoEntries();
        int central = zip.AsSpan().IndexOf("PK\u0001\u0002"u8);
        if (field == 28) BinaryPrimitives.WriteUInt16LittleEndian(zip.AsSpan(central + field), (ushort)value);
        else BinaryPrimitives.WriteInt32LittleEndian(zip.AsSpan(central + field), value);
        Assert.Contains(message, ErrorOf(zip), StringComparison.Ordinal);
    }

    [Fact]
    public void Sizes_beyond_the_data_and_overlaps_are_refused()
    {
        byte[] zip = TwoEntries();
        int central = zip.AsSpan().IndexOf("PK\u0001\u0002"u8);
        Assert.Contains("overlap", ErrorOf(WithSize(zip, central, 42)), StringComparison.Ordinal);
        Assert.Contains("should have 5000 bytes from", ErrorOf(WithSize(zip, central, 5000)), StringComparison.Ordinal);
        Assert.Contains("should have 4000000000 bytes from", ErrorOf(WithSize(zip, central, 4_000_000_000)), StringComparison.Ordinal);

        static byte[] WithSize(byte[] zip, int central, uint size)
        {
            byte[] copy = [.. zip];
            BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(central + 20), size);
            BinaryPrimitives.WriteUInt32LittleEndian(copy.AsSpan(central + 24), size);
            return copy;
        }
    }

    [Fact]
    public void A_directory_beyond_the_file_is_refused()
    {
        byte[] zip = TwoEntries();
        BinaryPrimitives.WriteInt32LittleEndian(zip.AsSpan(zip.Length - 6), 1_000_000);
        Assert.Contains("which does not fit before", ErrorOf(zip), StringComparison.Ordinal);
    }
}
