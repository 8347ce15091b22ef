// Texts in PNG files (PNG specification, 11.3.4): tEXt is Latin-1, zTXt the same compressed, iTXt is UTF-8. A chunk is a
// length, a type, data, and a CRC of type and data. Nothing that a file says is believed before it is checked.

using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace Brushfire.Cli.Images;

internal static class PngMetadata
{
    private const int LargestText = 1 << 20;
    private const int AfterHeader = 8 + 12 + 13; // the signature, and IHDR's 13 bytes in their chunk

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];

    /// <summary>The file with a text chunk after its header: tEXt where Latin-1 is enough, else iTXt, which is what other programs expect.</summary>
    public static byte[] InsertText(ReadOnlySpan<byte> file, string keyword, string text)
    {
        text = text.Replace('\0', ' '); // the one character that neither chunk can hold
        byte[] chunk = text.All(character => character <= '\xFF')
            ? Chunk("tEXt"u8, Encoding.Latin1.GetBytes($"{keyword}\0{text}"))
            // After the keyword: not compressed, method 0, no language, no translated keyword.
            : Chunk("iTXt"u8, Encoding.UTF8.GetBytes($"{keyword}\0\0\0\0\0{text}"));
        return [.. file[..AfterHeader], .. chunk, .. file[AfterHeader..]];
    }

    /// <summary>All texts in the order of the file.</summary>
    /// <exception cref="InvalidDataException">The file is damaged or holds a text of more than 1 MiB.</exception>
    public static List<(string Keyword, string Text)> ReadTexts(ReadOnlySpan<byte> file)
    {
        List<(string, string)> texts = [];
        int at = Signature.Length;
        while (true)
        {
            int left = file.Length - at - 12;
            if (left < 0) throw new InvalidDataException("the PNG file is damaged, it ends too early.");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
            if (length > left) throw new InvalidDataException($"the PNG file is damaged, a chunk at byte {at} claims {length} bytes where {left} are left.");
            ReadOnlySpan<byte> typed = file.Slice(at + 4, 4 + (int)length);
            ReadOnlySpan<byte> type = typed[..4], data = typed[4..];
            if (type.SequenceEqual("IEND"u8)) return texts;
            if (type.SequenceEqual("tEXt"u8) || type.SequenceEqual("zTXt"u8) || type.SequenceEqual("iTXt"u8))
            {
                if (length > LargestText) throw new InvalidDataException($"the PNG file has a text of {length} bytes, over the limit of {LargestText}.");
                if (Crc32.HashToUInt32(typed) != BinaryPrimitives.ReadUInt32BigEndian(file[(at + 8 + (int)length)..]))
                    throw new InvalidDataException($"the PNG file is damaged, the text at byte {at} does not have its checksum.");
                texts.Add(ReadText(type, data));
            }

            at += 12 + (int)length;
        }
    }

    private static (string Keyword, string Text) ReadText(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        string keyword = Encoding.Latin1.GetString(TakeTerminated(ref data));
        if (type[0] == 't') return (keyword, Encoding.Latin1.GetString(data));
        if (type[0] == 'z') return (keyword, Encoding.Latin1.GetString(data.IsEmpty ? [] : Inflate(data[1..])));

        if (data.Length < 2) throw new InvalidDataException("the PNG file is damaged, an iTXt chunk ends too early.");
        bool compressed = data[0] == 1;
        data = data[2..];
        TakeTerminated(ref data); // language
        TakeTerminated(ref data); // translated keyword
        return (keyword, Encoding.UTF8.GetString(compressed ? Inflate(data) : data));
    }

    private static ReadOnlySpan<byte> TakeTerminated(ref ReadOnlySpan<byte> data)
    {
        int end = data.IndexOf((byte)0);
        if (end < 0) throw new InvalidDataException("the PNG file is damaged, the keyword of a text does not end.");
        ReadOnlySpan<byte> taken = data[..end];
        data = data[(end + 1)..];
        return taken;
    }

    private static byte[] Inflate(ReadOnlySpan<byte> data)
    {
        using ZLibStream stream = new(new MemoryStream(data.ToArray()), CompressionMode.Decompress);
        byte[] buffer = new byte[LargestText + 1];
        int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return length <= LargestText ? buffer[..length] : throw new InvalidDataException($"the PNG file has a text that expands to over {LargestText} bytes.");
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        byte[] chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        type.CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc32.HashToUInt32(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }
}
