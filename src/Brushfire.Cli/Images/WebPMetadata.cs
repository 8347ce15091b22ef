// EXIF in WebP files: a RIFF file whose first chunk, VP8X, says what is in it (RFC 9649). A simple file has only the picture's
// chunk and gets a VP8X. Chunks are a name of 4 bytes, a length, data, and a byte of padding where the length is odd.

using System.Buffers.Binary;

namespace Brushfire.Cli.Images;

internal static class WebPMetadata
{
    private const int RiffHeader = 12, ChunkHeader = 8;
    private const byte HasExif = 0x08;

    /// <summary>The simple or extended file with an EXIF chunk at its end.</summary>
    public static byte[] AppendExif(ReadOnlySpan<byte> file, ReadOnlySpan<byte> exif, int width, int height)
    {
        ReadOnlySpan<byte> chunks = file[RiffHeader..];
        byte[] extended = new byte[ChunkHeader + 10]; // flags, 3 reserved bytes, width - 1 and height - 1 in 24 bits
        if (chunks.StartsWith("VP8X"u8))
        {
            chunks[..extended.Length].CopyTo(extended);
            chunks = chunks[extended.Length..];
        }
        else
        {
            "VP8X"u8.CopyTo(extended);
            extended[4] = 10;
            BinaryPrimitives.WriteInt32LittleEndian(extended.AsSpan(12), width - 1);
            BinaryPrimitives.WriteUInt16LittleEndian(extended.AsSpan(15), (ushort)(height - 1));
            extended[17] = (byte)((height - 1) >> 16);
        }

        extended[ChunkHeader] |= HasExif;
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, exif.Length);
        byte[] result = [.. file[..RiffHeader], .. extended, .. chunks, .. "EXIF"u8, .. length, .. exif];
        if (exif.Length % 2 != 0) result = [.. result, 0];
        BinaryPrimitives.WriteInt32LittleEndian(result.AsSpan(4), result.Length - 8);
        return result;
    }

    /// <summary>The EXIF block, empty where there is none.</summary>
    /// <exception cref="InvalidDataException">A chunk is longer than the file.</exception>
    public static ReadOnlySpan<byte> FindExif(ReadOnlySpan<byte> file)
    {
        for (int at = RiffHeader; at <= file.Length - ChunkHeader;)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(file[(at + 4)..]);
            int left = file.Length - at - ChunkHeader;
            if (length > left) throw new InvalidDataException($"the WebP file is damaged, a chunk at byte {at} claims {length} bytes where {left} are left.");
            ReadOnlySpan<byte> data = file.Slice(at + ChunkHeader, (int)length);
            // Some programs keep the name that the block has in JPEG files.
            if (file[at..].StartsWith("EXIF"u8)) return data.StartsWith("Exif\0\0"u8) ? data[6..] : data;
            at += ChunkHeader + (int)length + (int)(length % 2);
        }

        return [];
    }
}
