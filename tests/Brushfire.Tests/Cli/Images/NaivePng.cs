// PNG decoding straight from the specification, for 8-bit RGB and gray (given as RGB) without interlacing, to check other decoders and encoders with.

using System.Buffers.Binary;
using System.IO.Compression;

namespace Brushfire.Tests.Cli.Images;

internal static class NaivePng
{
    public static (int Width, int Height, byte[] Pixels) Decode(byte[] file)
    {
        (int width, int height) = (BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20)));
        int channels = file[25] == 0 ? 1 : 3;
        Assert.Equal([8, (byte)(channels - 1), 0, 0, 0], file[24..29]); // bits, colour type, deflate, adaptive filters, no interlacing
        MemoryStream compressed = new();
        for (int at = 8, length; at < file.Length; at += 12 + length)
        {
            length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            if (file.AsSpan(at + 4, 4).SequenceEqual("IDAT"u8)) compressed.Write(file, at + 8, length);
        }

        compressed.Position = 0;
        using ZLibStream stream = new(compressed, CompressionMode.Decompress);
        int stride = width * channels;
        byte[] pixels = new byte[height * stride], row = new byte[1 + stride];
        for (int y = 0; y < height; y++)
        {
            stream.ReadExactly(row);
            for (int x = 0; x < stride; x++)
            {
                int left = x >= channels ? pixels[y * stride + x - channels] : 0;
                int above = y > 0 ? pixels[(y - 1) * stride + x] : 0;
                int corner = x >= channels && y > 0 ? pixels[(y - 1) * stride + x - channels] : 0;
                int predicted = row[0] switch { 0 => 0, 1 => left, 2 => above, 3 => (left + above) / 2, _ => Paeth(left, above, corner) };
                pixels[y * stride + x] = (byte)(row[1 + x] + predicted);
            }
        }

        return (width, height, channels == 3 ? pixels : [.. pixels.SelectMany(gray => new[] { gray, gray, gray })]);
    }

    private static int Paeth(int left, int above, int corner)
    {
        int estimate = left + above - corner;
        (int toLeft, int toAbove, int toCorner) = (Math.Abs(estimate - left), Math.Abs(estimate - above), Math.Abs(estimate - corner));
        return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }
}
