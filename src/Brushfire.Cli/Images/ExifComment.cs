// The user comment of an EXIF block, where other programs keep a JPEG's or WebP's parameters. EXIF is a TIFF file: a header,
// directories of 12-byte entries (tag, type, count, value or its offset), and the values. Exif 2.32, 4.6.2 and 4.6.5.

using System.Buffers.Binary;
using System.Text;

namespace Brushfire.Cli.Images;

internal static class ExifComment
{
    private const ushort ExifDirectory = 0x8769, UserComment = 0x9286, TypeLong = 4, TypeUndefined = 7;
    private const int FirstDirectory = 8, DirectorySize = 2 + 12 + 4, CodeSize = 8;
    private static ReadOnlySpan<byte> UnicodeCode => "UNICODE\0"u8;

    /// <summary>A block, big endian, that holds nothing but the text, as UTF-16.</summary>
    public static byte[] Write(string text)
    {
        byte[] comment = [.. UnicodeCode, .. Encoding.BigEndianUnicode.GetBytes(text)];
        const int second = FirstDirectory + DirectorySize, value = second + DirectorySize;
        byte[] block = new byte[value + comment.Length];
        "MM\0*"u8.CopyTo(block);
        BinaryPrimitives.WriteInt32BigEndian(block.AsSpan(4), FirstDirectory);
        WriteDirectory(block.AsSpan(FirstDirectory), ExifDirectory, TypeLong, 1, second);
        WriteDirectory(block.AsSpan(second), UserComment, TypeUndefined, comment.Length, value);
        comment.CopyTo(block, value);
        return block;
    }

    /// <summary>The comment's text, or null where the block has none or makes no sense.</summary>
    public static string? Read(ReadOnlySpan<byte> block)
    {
        if (block.Length < FirstDirectory) return null;
        bool bigEndian = block.StartsWith("MM\0*"u8);
        if (!bigEndian && !block.StartsWith("II*\0"u8)) return null;
        if (Find(block, UInt32(block[4..], bigEndian), ExifDirectory, bigEndian) is not { } directory) return null;
        if (Find(block, directory.Value, UserComment, bigEndian) is not { } comment) return null;
        if (comment.Count < CodeSize || comment.Value > block.Length || comment.Count > block.Length - comment.Value) return null;

        ReadOnlySpan<byte> data = block.Slice((int)comment.Value, (int)comment.Count);
        Encoding encoding = !data.StartsWith(UnicodeCode) ? Encoding.UTF8 : bigEndian ? Encoding.BigEndianUnicode : Encoding.Unicode;
        return encoding.GetString(data[CodeSize..]);
    }

    private static void WriteDirectory(Span<byte> to, ushort tag, ushort type, int count, int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(to, 1); // entries; 0 at the end says that no directory follows
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], tag);
        BinaryPrimitives.WriteUInt16BigEndian(to[4..], type);
        BinaryPrimitives.WriteInt32BigEndian(to[6..], count);
        BinaryPrimitives.WriteInt32BigEndian(to[10..], value);
    }

    private static (uint Count, uint Value)? Find(ReadOnlySpan<byte> block, uint directory, ushort tag, bool bigEndian)
    {
        if (directory > block.Length - 2) return null;
        ReadOnlySpan<byte> entries = block[((int)directory + 2)..];
        for (int count = UInt16(block[(int)directory..], bigEndian); count > 0 && entries.Length >= 12; count--, entries = entries[12..])
            if (UInt16(entries, bigEndian) == tag) return (UInt32(entries[4..], bigEndian), UInt32(entries[8..], bigEndian));
        return null;
    }

    private static ushort UInt16(ReadOnlySpan<byte> from, bool bigEndian) => bigEndian ? BinaryPrimitives.ReadUInt16BigEndian(from) : BinaryPrimitives.ReadUInt16LittleEndian(from);
    private static uint UInt32(ReadOnlySpan<byte> from, bool bigEndian) => bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(from) : BinaryPrimitives.ReadUInt32LittleEndian(from);
}
