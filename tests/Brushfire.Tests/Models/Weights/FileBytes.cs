// Weight files made by hand for tests, valid or not: safetensors from a header, pickles from instructions, zip archives.

using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

internal static class FileBytes
{
    public static byte[] Safetensors(string header, int dataBytes) => Safetensors(header, Enumerable.Range(0, dataBytes).Select(i => (byte)i).ToArray());

    public static byte[] Safetensors(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return [.. length, .. json, .. data];
    }

    /// <summary>A safetensors file of float32 tensors, all values in one run 0, 1, 2, …; of two tensors with one key the later.</summary>
    public static byte[] Safetensors(params (string Key, int[] Shape)[] tensors)
    {
        long offset = 0;
        var fields = new List<string>();
        foreach ((string key, int[] shape) in tensors.GroupBy(tensor => tensor.Key).Select(group => group.Last()))
        {
            long end = offset + new Shape(shape).Count * 4;
            fields.Add($$"""{{System.Text.Json.JsonSerializer.Serialize(key)}}:{"dtype":"F32","shape":[{{string.Join(',', shape)}}],"data_offsets":[{{offset}},{{end}}]}""");
            offset = end;
        }

        byte[] data = new byte[offset];
        for (int i = 0; i < data.Length / 4; i++) BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(4 * i), i);
        return Safetensors("{" + string.Join(',', fields) + "}", data);
    }

    /// <summary>A PyTorch archive: the pickle and storages by key.</summary>
    public static byte[] Torch(byte[] pickle, params (string Key, byte[] Data)[] storages) =>
        Zip([("model/data.pkl", pickle), ("model/byteorder", "little"u8.ToArray()), .. storages.Select(storage => ("model/data/" + storage.Key, storage.Data))]);

    public static byte[] Zip((string Name, byte[] Data)[] entries, CompressionLevel level = CompressionLevel.NoCompression)
    {
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] data) in entries)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(data);
            }
        }

        return stream.ToArray();
    }
}

/// <summary>Writes pickle instructions.</summary>
internal sealed class PickleWriter
{
    private readonly List<byte> _bytes = [0x80, 2];

    public byte[] ToArray() => [.. _bytes, (byte)'.'];

    public PickleWriter Raw(params ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleWriter Repeat(int count, params byte[] bytes)
    {
        for (int i = 0; i < count; i++) _bytes.AddRange(bytes);
        return this;
    }

    public PickleWriter Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return Raw((byte)'X').Raw(length).Raw(utf8);
    }

    /// <summary>LONG1 with eight bytes.</summary>
    public PickleWriter Number(long number)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return Raw(0x8A, 8).Raw(bytes);
    }

    public PickleWriter Global(string module, string name) => Raw([(byte)'c', .. Encoding.UTF8.GetBytes($"{module}\n{name}\n")]);

    public PickleWriter Tuple(params long[] numbers)
    {
        Raw((byte)'(');
        foreach (long number in numbers) Number(number);
        return Raw((byte)'t');
    }

    public PickleWriter Storage(string type, string key, long count) =>
        Raw((byte)'(').Text("storage").Global("torch", type).Text(key).Text("cpu").Number(count).Raw((byte)'t', (byte)'Q');

    public PickleWriter Tensor(string type, string key, long count, long offset, long[] sizes, long[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Raw((byte)'(').Storage(type, key, count).Number(offset).Tuple(sizes).Tuple(strides)
            .Raw(0x89).Global("collections", "OrderedDict").Raw((byte)')', (byte)'R', (byte)'t', (byte)'R');

    /// <summary>A dictionary of one entry around what <paramref name="value"/> writes.</summary>
    public PickleWriter Dictionary(string key, Func<PickleWriter, PickleWriter> value) => value(Raw((byte)'}').Text(key)).Raw((byte)'s');
}
