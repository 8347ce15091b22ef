// EXIF blocks as others write them, and blocks that lie.

using System.Text;
using Brushfire.Cli.Images;

namespace Brushfire.Tests.Cli.Images;

public class ExifCommentTests
{
    [Fact]
    public void A_written_comment_has_the_bytes_that_other_programs_write()
    {
        // piexif's dump of {"Exif": {UserComment: dump("hi", "unicode")}}: two directories of one entry each, big endian.
        byte[] expected =
        [
            .. "MM\0*"u8, 0, 0, 0, 8,
            0, 1, 0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0,
            0, 1, 0x92, 0x86, 0, 7, 0, 0, 0, 12, 0, 0, 0, 44, 0, 0, 0, 0,
            .. "UNICODE\0"u8, 0, (byte)'h', 0, (byte)'i',
        ];
        Assert.Equal(expected, ExifComment.Write("hi"));
        Assert.Equal("hi", ExifComment.Read(expected));
    }

    [Theory]
    [InlineData("UNICODE\0", "h\0i\0")]
    [InlineData("ASCII\0\0\0", "hi")]
    [InlineData("\0\0\0\0\0\0\0\0", "hi")]
    public void Little_endian_blocks_and_other_codes_are_read(string code, string text)
    {
        byte[] data = Encoding.ASCII.GetBytes(code + text);
        byte[] block =
        [
            .. "II*\0"u8, 8, 0, 0, 0,
            2, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0x69, 0x87, 4, 0, 1, 0, 0, 0, 38, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0x86, 0x92, 7, 0, (byte)data.Length, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0, 0, .. data,
        ];
        Assert.Equal("hi", ExifComment.Read(block));
    }

    [Fact]
    public void Blocks_that_lie_have_no_comment()
    {
        byte[] block = ExifComment.Write("hello");
        for (int length = 0; length < block.Length; length++) Assert.Null(ExifComment.Read(block.AsSpan(0, length)));
        Random random = new(1);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] damaged = [.. block];
            for (int count = random.Next(1, 5); count > 0; count--) damaged[random.Next(damaged.Length)] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
            Assert.Null(Record.Exception(() => ExifComment.Read(damaged)));
        }
    }
}
