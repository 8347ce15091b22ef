// PyTorch checkpoints (.pt, .ckpt, .bin) in both formats: since 1.6 a zip archive with data.pkl and one entry a storage;
// before, pickles one after the other and then the storages. Tensors stay in the mapped file.

using System.Buffers.Binary;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

internal static class TorchFile
{
    private const int MaxPickle = 64 << 20;
    private const long LegacyProtocol = 1001;

    /// <summary>How the older format begins: a pickle of the number 0x1950A86A20F9469CFC6C.</summary>
    public static ReadOnlySpan<byte> LegacyMagic => [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.'];

    public static WeightFile OpenZip(MappedFile file)
    {
        Dictionary<string, (long Offset, long Length)> zip = StoredZip.ReadDirectory(file);
        string[] pickles = [.. zip.Keys.Where(name => name == "data.pkl" || name.EndsWith("/data.pkl", StringComparison.Ordinal))];
        if (pickles is not [string pickleName]) throw new BrushfireException($"{file.Path} is a zip archive but no PyTorch checkpoint: it has {pickles.Length} entries data.pkl instead of one.");
        string root = pickleName[..^"data.pkl".Length];
        if (zip.TryGetValue(root + "byteorder", out (long Offset, long Length) order) && !file.Slice(order.Offset, (int)Math.Min(order.Length, 16)).SequenceEqual("little"u8))
            throw new BrushfireException($"{file.Path} was written on a big-endian machine; only little-endian files can be read.");

        var torch = new TorchPickle(file.Path);
        (long offset, long length) = zip[pickleName];
        if (length > MaxPickle) throw new BrushfireException($"{file.Path}: data.pkl has {length} bytes, over the limit of {MaxPickle}.");
        object? value = new Pickle(file.Slice(offset, (int)length), file.Path, torch).Read();
        foreach (TorchStorage storage in torch.Storages.Values)
        {
            if (!zip.TryGetValue($"{root}data/{storage.Key}", out (long Offset, long Length) data))
                throw new BrushfireException($"{file.Path}: the storage '{storage.Key}' is missing from the archive.");
            if (data.Length < storage.Bytes)
                throw new BrushfireException($"{file.Path}: the storage '{storage.Key}' has {data.Length} bytes, but {storage.Count} elements of {storage.DType.Name()} need {storage.Bytes}.");
            storage.Offset = data.Offset;
        }

        return Collect(file, value, "PyTorch checkpoint");
    }

    public static WeightFile OpenLegacy(MappedFile file)
    {
        var torch = new TorchPickle(file.Path);
        long position = LegacyMagic.Length;
        if (ReadPickle(file, torch, ref position) is not LegacyProtocol) throw new BrushfireException($"{file.Path} is of an unknown version of PyTorch's older format; {LegacyProtocol} can be read.");
        if (Find(ReadPickle(file, torch, ref position), "little_endian") is not true) throw new BrushfireException($"{file.Path} was not written on a little-endian machine; only such files can be read.");
        object? value = ReadPickle(file, torch, ref position);
        if (ReadPickle(file, torch, ref position) is not PickleList keys) throw new BrushfireException($"{file.Path}: the list of storages is missing.");

        // The storages follow in the order of the list, each after its number of elements.
        foreach (object? item in keys.Items)
        {
            if (item is not string key || !torch.Storages.TryGetValue(key, out TorchStorage? storage) || storage.Offset >= 0)
                throw new BrushfireException($"{file.Path}: the list of storages names '{item}', which no tensor uses, or names it twice.");
            long count = BinaryPrimitives.ReadInt64LittleEndian(file.Slice(position, 8));
            if (count != storage.Count) throw new BrushfireException($"{file.Path}: the storage '{key}' has {count} elements where its tensors expect {storage.Count}.");
            if (storage.Bytes > file.Length - position - 8) throw new BrushfireException($"{file.Path}: the storage '{key}' needs {storage.Bytes} bytes, but the file ends after {file.Length - position - 8}; it is cut short.");
            storage.Offset = position + 8;
            position = storage.Offset + storage.Bytes;
        }

        if (torch.Storages.Values.FirstOrDefault(storage => storage.Offset < 0) is { } missing) throw new BrushfireException($"{file.Path}: the storage '{missing.Key}' is missing.");
        return Collect(file, value, "PyTorch checkpoint (older format)");
    }

    private static object? ReadPickle(MappedFile file, TorchPickle torch, ref long position)
    {
        var pickle = new Pickle(file.Slice(position, (int)Math.Min(MaxPickle, file.Length - position)), file.Path, torch);
        object? value = pickle.Read();
        position += pickle.Position;
        return value;
    }

    // The tensors of the dictionary, or of its state_dict; counters and settings beside them are of no use here.
    private static WeightFile Collect(MappedFile file, object? value, string format)
    {
        if (Find(value, "state_dict") is PickleDictionary inner) value = inner;
        if (value is not PickleDictionary dictionary) throw new BrushfireException($"{file.Path} does not hold a dictionary of tensors.");
        var entries = new OrderedDictionary<string, WeightEntry>(StringComparer.Ordinal);
        foreach ((object? key, object? item) in dictionary.Items)
        {
            if (key is not string name || item is not TorchTensor tensor) continue;
            var spec = new TensorSpec(tensor.Storage.DType, tensor.Shape);
            entries[name] = new WeightEntry(name, spec, () => Load(file, tensor, spec));
        }

        GC.KeepAlive(file);
        return entries.Count > 0 ? new WeightFile(file.Path, format, entries) : throw new BrushfireException($"{file.Path} holds no tensors by name, neither at its top nor in a 'state_dict'.");
    }

    private static object? Find(object? value, string key)
    {
        if (value is PickleDictionary dictionary)
        {
            for (int i = dictionary.Items.Count - 1; i >= 0; i--)
                if (dictionary.Items[i].Key is string name && name == key) return dictionary.Items[i].Value;
        }

        return null;
    }

    private static Tensor Load(MappedFile file, TorchTensor tensor, TensorSpec spec)
    {
        TorchStorage storage = tensor.Storage;
        if (spec.Shape.Count == 0 || spec.Shape.RowMajor().Values.SequenceEqual(tensor.Strides))
            return file.Tensor(storage.Offset + tensor.Offset * spec.DType.Size(), spec);

        // A storage may have more elements than a shape's size can say: only the part that the view reaches is mapped.
        long last = 0;
        for (int axis = 0; axis < spec.Shape.Rank; axis++) last += (spec.Shape[axis] - 1) * tensor.Strides[axis];
        if (last >= int.MaxValue) throw new BrushfireException($"{file.Path}: a view {spec} reaches over {last} elements of the storage '{storage.Key}'; at most {int.MaxValue} are possible.");
        using Tensor whole = file.Tensor(storage.Offset + tensor.Offset * spec.DType.Size(), new TensorSpec(spec.DType, [(int)last + 1]));
        return whole.AsStrided(spec.Shape, tensor.Strides, 0);
    }
}
