// EXIF in JPEG files: an APP1 segment (marker, length of 16 bits that counts itself, data) before the picture's own segments.

using System.Buffers.Binary;

namespace Brushfire.Cli.Images;

internal static class JpegMetadata
{
    private const byte App1 = 0xE1, StartOfScan = 0xDA, EndOfImage = 0xD9;
    private static ReadOnlySpan<byte> ExifName => "Exif\0\0"u8;

    /// <exception cref="InvalidDataException">The block is over the 64 KiB that a segment holds.</exception>
    public static byte[] InsertExif(ReadOnlySpan<byte> file, ReadOnlySpan<byte> exif)
    {
        int length = 2 + ExifName.Length + exif.Length;
        if (length > ushort.MaxValue) throw new InvalidDataException($"JPEG holds {ushort.MaxValue} bytes of parameters and these take {length}; write PNG or WebP, or use a shorter prompt.");
        return [.. file[..2], 0xFF, App1, (byte)(length >> 8), (byte)length, .. ExifName, .. exif, .. file[2..]];
    }

    /// <summary>The EXIF block, empty where there is none.</summary>
    /// <exception cref="InvalidDataException">The file's segments make no sense.</exception>
    public static ReadOnlySpan<byte> FindExif(ReadOnlySpan<byte> file)
    {
        for (int at = 2; at <= file.Length - 4;)
        {
            if (file[at] != 0xFF) throw new InvalidDataException($"the JPEG file is damaged, there is no segment at byte {at}.");
            byte marker = file[at + 1];
            if (marker is StartOfScan or EndOfImage) return [];
            if (marker == 0xFF)
            {
                at++; // padding
                continue;
            }

            int length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            if (length < 2 || length > file.Length - at - 2) throw new InvalidDataException($"the JPEG file is damaged, a segment at byte {at} claims {length} bytes.");
            ReadOnlySpan<byte> data = file.Slice(at + 4, length - 2);
            if (marker == App1 && data.StartsWith(ExifName)) return data[ExifName.Length..];
            at += 2 + length;
        }

        throw new InvalidDataException("the JPEG file is damaged, it ends too early.");
    }
}
