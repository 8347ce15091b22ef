// Text chunks of PNG files: which kind is written, all kinds read, and files that lie.

using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;
using Brushfire.Cli.Images;

namespace Brushfire.Tests.Cli.Images;

public class PngMetadataTests
{
    private static readonly byte[] s_header = [.. PngMetadata.Signature, .. Chunk("IHDR", new byte[13])];
    private static readonly byte[] s_empty = [.. s_header, .. Chunk("IEND", [])];

    [Theory]
    [InlineData("caf\u00E9\nSteps: 1", "tEXt")]
    [InlineData("\u65E5\u672C", "iTXt")]
    public void Latin_text_is_plain_and_other_text_international(string text, string type)
    {
        byte[] file = PngMetadata.InsertText(s_empty, "parameters", text);
        Assert.Equal(type, Encoding.ASCII.GetString(file, s_header.Length + 4, 4));
        Assert.Equal([("parameters", text)], PngMetadata.ReadTexts(file));
        Assert.Equal(s_header, file[..s_header.Length]);
        Assert.Equal(s_empty[s_header.Length..], file[^12..]);
    }

    [Fact]
    public void The_character_that_ends_a_keyword_becomes_a_blank() =>
        Assert.Equal([("parameters", "a b")], PngMetadata.ReadTexts(PngMetadata.InsertText(s_empty, "parameters", "a\0b")));

    [Fact]
    public void Texts_of_every_kind_are_read_in_order()
    {
        byte[] file =
        [
            .. s_header, .. Chunk("tEXt", Bytes("A\0plain \xE9")), .. Chunk("IDAT", new byte[100]), .. Chunk("zTXt", [.. Bytes("B\0\0"), .. Deflate("squeezed \xE9"u8)]),
            .. Chunk("iTXt", [.. Bytes("C\0\0\0de\0Kuerzel\0"), .. "caf\u00E9 \u65E5"u8]), .. Chunk("iTXt", [.. Bytes("D\0\x01\0\0\0"), .. Deflate("\u672C"u8)]), .. Chunk("IEND", []), 1, 2, 3,
        ];
        Assert.Equal([("A", "plain \xE9"), ("B", "squeezed \u00C3\u00A9"), ("C", "caf\u00E9 \u65E5"), ("D", "\u672C")], PngMetadata.ReadTexts(file));
    }

    [Fact]
    public void Files_that_lie_are_refused()
    {
        AssertRefused([.. s_header], "it ends too early");
        AssertRefused([.. s_header, 0xFF, 0xFF, 0xFF, 0xFF, .. "tEXt"u8, 0, 0, 0, 0], "a chunk at byte 33 claims 4294967295 bytes where 0 are left");
        AssertRefused([.. s_header, 0, 0, 0, 9, .. "tEXt"u8, 0, 0, 0, 0], "a chunk at byte 33 claims 9 bytes where 0 are left");
        byte[] wrong = Chunk("tEXt", Bytes("A\0b"));
        wrong[^1] ^= 1;
        AssertRefused([.. s_header, .. wrong, .. Chunk("IEND", [])], "the text at byte 33 does not have its checksum");
        AssertRefused([.. s_header, .. Chunk("tEXt", Bytes("endless")), .. Chunk("IEND", [])], "the keyword of a text does not end");
        AssertRefused([.. s_header, .. Chunk("iTXt", Bytes("A\0\0")), .. Chunk("IEND", [])], "an iTXt chunk ends too early");
        AssertRefused([.. s_header, .. Chunk("iTXt", Bytes("A\0\0\0de")), .. Chunk("IEND", [])], "the keyword of a text does not end");
        AssertRefused([.. s_header, .. Chunk("tEXt", new byte[(1 << 20) + 1]), .. Chunk("IEND", [])], "over the limit");
        AssertRefused([.. s_header, .. Chunk("zTXt", [.. Bytes("A\0\0"), .. Deflate(new byte[8 << 20])]), .. Chunk("IEND", [])], "expands to over 1048576 bytes");
        Assert.Throws<InvalidDataException>(() => PngMetadata.ReadTexts([.. s_header, .. Chunk("zTXt", Bytes("A\0\0nonsense")), .. Chunk("IEND", [])]));
    }

    private static void AssertRefused(byte[] file, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => PngMetadata.ReadTexts(file)).Message, StringComparison.Ordinal);

    private static byte[] Bytes(string latin) => Encoding.Latin1.GetBytes(latin);

    private static byte[] Chunk(string type, byte[] data)
    {
        byte[] length = new byte[4], sum = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(sum, Crc32.HashToUInt32([.. Bytes(type), .. data]));
        return [.. length, .. Bytes(type), .. data, .. sum];
    }

    private static byte[] Deflate(ReadOnlySpan<byte> data)
    {
        MemoryStream target = new();
        using (ZLibStream stream = new(target, CompressionLevel.Optimal)) stream.Write(data);
        return target.ToArray();
    }
}
