// The directory of a zip archive whose entries are stored, not compressed, as PyTorch writes checkpoints: entry names and
// where their bytes lie in the file. Understands the 64-bit form, which checkpoints over 4 GB need. The runtime's own
// archive reader gives streams, not offsets to map.

using System.Buffers.Binary;
using System.Text;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

internal static class StoredZip
{
    private const int EndRecord = 22;
    private const int CentralRecord = 46;
    private const int LocalRecord = 30;
    private const int Zip64Locator = 20;
    private const int Zip64EndRecord = 56;
    private const int MaxDirectory = 64 << 20;

    /// <summary>Offset and length of the bytes of each entry.</summary>
    public static Dictionary<string, (long Offset, long Length)> ReadDirectory(MappedFile file)
    {
        (long start, long size) = FindDirectory(file);
        if (size > MaxDirectory) throw Error(file, $"its directory of {size} bytes is over the limit of {MaxDirectory}");
        ReadOnlySpan<byte> directory = file.Slice(start, (int)size);
        var entries = new Dictionary<string, (long Offset, long Length)>(StringComparer.Ordinal);
        while (directory.Length >= CentralRecord && directory.StartsWith("PK\u0001\u0002"u8))
        {
            int nameLength = U16(directory, 28), extraLength = U16(directory, 30), commentLength = U16(directory, 32);
            if (CentralRecord + nameLength + extraLength + commentLength > directory.Length) throw Error(file, "its directory is cut short");
            ReadOnlySpan<byte> nameBytes = directory.Slice(CentralRecord, nameLength);
            string name = Encoding.UTF8.GetString(nameBytes);
            if ((U16(directory, 8) & 1) != 0) throw Error(file, $"the entry '{name}' is encrypted");
            if (U16(directory, 10) != 0) throw Error(file, $"the entry '{name}' is compressed, which PyTorch never does");

            long packed = U32(directory, 20), length = U32(directory, 24), header = U32(directory, 42);
            ReadZip64(file, name, directory.Slice(CentralRecord + nameLength, extraLength), ref length, ref packed, ref header);
            if (packed != length) throw Error(file, $"the stored entry '{name}' has two sizes, {packed} and {length}");
            if (!entries.TryAdd(name, (FindData(file, name, nameBytes, header, length, start), length))) throw Error(file, $"the entry '{name}' occurs twice");
            directory = directory[(CentralRecord + nameLength + extraLength + commentLength)..];
        }

        if (directory.Length > 0) throw Error(file, "its directory has something else in it than entries");
        CheckOverlaps(file, entries);
        return entries;
    }

    private static (long Start, long Size) FindDirectory(MappedFile file)
    {
        int tailLength = (int)Math.Min(file.Length, EndRecord + ushort.MaxValue);
        ReadOnlySpan<byte> tail = file.Slice(file.Length - tailLength, tailLength);
        int at = tail.LastIndexOf("PK\u0005\u0006"u8);
        if (at < 0 || at + EndRecord > tail.Length) throw Error(file, "it has no directory at its end; it is cut short");
        ReadOnlySpan<byte> end = tail[at..];
        long size = U32(end, 12), start = U32(end, 16), endOffset = file.Length - tailLength + at;
        if (endOffset >= Zip64Locator && file.Slice(endOffset - Zip64Locator, 4).SequenceEqual("PK\u0006\u0007"u8))
        {
            endOffset = I64(file.Slice(endOffset - Zip64Locator, Zip64Locator), 8);
            ReadOnlySpan<byte> end64 = file.Slice(endOffset, Zip64EndRecord);
            if (!end64.StartsWith("PK\u0006\u0006"u8)) throw Error(file, "its 64-bit directory is not where it should be");
            (size, start) = (I64(end64, 40), I64(end64, 48));
        }

        if (start < 0 || size < 0 || start > endOffset - size) throw Error(file, $"its directory should have {size} bytes from {start} on, which does not fit before {endOffset}");
        return (start, size);
    }

    // The extra field 1 holds, in this order, those of the values that are all ones in the record.
    private static void ReadZip64(MappedFile file, string name, ReadOnlySpan<byte> extra, ref long length, ref long packed, ref long header)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra, 0), size = U16(extra, 2);
            if (size > extra.Length - 4) throw Error(file, $"the entry '{name}' has a damaged extra field");
            if (id == 1)
            {
                ReadOnlySpan<byte> values = extra.Slice(4, size);
                Take(ref values, ref length);
                Take(ref values, ref packed);
                Take(ref values, ref header);
            }

            extra = extra[(4 + size)..];
        }

        void Take(ref ReadOnlySpan<byte> values, ref long value)
        {
            if (value != uint.MaxValue) return;
            if (values.Length < 8) throw Error(file, $"the entry '{name}' lacks a 64-bit size");
            value = I64(values, 0);
            values = values[8..];
        }
    }

    private static long FindData(MappedFile file, string name, ReadOnlySpan<byte> nameBytes, long header, long length, long directoryStart)
    {
        if (header < 0 || header > directoryStart - LocalRecord) throw Error(file, $"the entry '{name}' should begin at byte {header}, outside of the data");
        ReadOnlySpan<byte> local = file.Slice(header, LocalRecord);
        int nameLength = U16(local, 26), extraLength = U16(local, 28);
        if (!local.StartsWith("PK\u0003\u0004"u8) || !file.Slice(header + LocalRecord, nameLength).SequenceEqual(nameBytes))
            throw Error(file, $"the directory says that '{name}' is at byte {header}, but it is not there");
        long data = header + LocalRecord + nameLength + extraLength;
        if (length < 0 || data > directoryStart - length) throw Error(file, $"the entry '{name}' should have {length} bytes from {data} on, but the data ends at {directoryStart}");
        return data;
    }

    private static void CheckOverlaps(MappedFile file, Dictionary<string, (long Offset, long Length)> entries)
    {
        long position = 0;
        string previous = "";
        foreach ((string name, (long offset, long length)) in entries.OrderBy(entry => entry.Value.Offset).ThenBy(entry => entry.Value.Length))
        {
            if (offset < position) throw Error(file, $"the entries '{previous}' and '{name}' overlap");
            (position, previous) = (offset + length, name);
        }
    }

    private static int U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
    private static long U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    private static long I64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    private static BrushfireException Error(MappedFile file, string problem) => new($"{file.Path} is a damaged zip archive: {problem}.");
}
