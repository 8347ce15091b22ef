// What the pickle of a PyTorch checkpoint may name: tensors, parameters, storages, ordered dictionaries, sizes and
// element types. Any other global is refused, wherever in the file it stands.

using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

/// <summary>A block of elements stored outside of the pickle; several tensors may lie in it.</summary>
internal sealed class TorchStorage(string key, DType dtype, long count)
{
    public string Key => key;
    public DType DType => dtype;
    public long Count => count;
    public long Bytes => count * dtype.Size();

    /// <summary>Where it begins in the file, once that is known.</summary>
    public long Offset { get; set; } = -1;
}

/// <summary>A strided view of a storage; offset and strides count elements.</summary>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, Shape Shape, long[] Strides);

internal sealed class TorchPickle(string file)
{
    private enum Callable { RebuildTensor, RebuildParameter, OrderedDictionary, Size }

    private sealed record StorageType(DType DType);

    private const int MaxPairs = 1_000_000;

    private readonly Dictionary<string, TorchStorage> _storages = new(StringComparer.Ordinal);
    private int _pairs;

    /// <summary>Every storage that the pickle refers to, by key.</summary>
    public IReadOnlyDictionary<string, TorchStorage> Storages => _storages;

    public object Global(string module, string name) => (module, name) switch
    {
        ("torch._utils", "_rebuild_tensor_v2") => Callable.RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Callable.RebuildParameter,
        ("collections", "OrderedDict") => Callable.OrderedDictionary,
        ("torch", "Size") => Callable.Size,
        ("torch", "FloatStorage") => new StorageType(DType.Float32),
        ("torch", "HalfStorage") => new StorageType(DType.Float16),
        ("torch", "BFloat16Storage") => new StorageType(DType.BFloat16),
        ("torch", "DoubleStorage") => new StorageType(DType.Float64),
        ("torch", "IntStorage") => new StorageType(DType.Int32),
        ("torch", "LongStorage") => new StorageType(DType.Int64),
        ("torch", "ByteStorage") => new StorageType(DType.UInt8),
        ("torch", "BoolStorage") => new StorageType(DType.Bool),
        ("torch", "float32" or "float16" or "bfloat16" or "float64" or "int32" or "int64" or "uint8" or "bool") => name,
        ("torch", _) when name.EndsWith("Storage", StringComparison.Ordinal) =>
            throw new BrushfireException($"{file} has tensors of the type {name}; f32, f16, bf16, f64, i32, i64, u8 and bool can be read."),
        _ => throw new BrushfireException($"{file} is refused: it asks for '{Short(module)}.{Short(name)}', which is not on the list of harmless names (tensors, parameters, dictionaries, lists, numbers); nothing was executed. Take a safetensors file, or save only the state_dict."),
    };

    public object? Call(object? callable, PickleTuple arguments) => (callable, arguments.Items) switch
    {
        (Callable.OrderedDictionary, []) => new PickleDictionary(),
        (Callable.OrderedDictionary, [PickleList pairs]) => FromPairs(pairs),
        (Callable.Size, [PickleTuple sizes]) => sizes,
        (Callable.RebuildParameter, [TorchTensor tensor, ..]) => tensor,
        (Callable.RebuildTensor, [TorchStorage storage, long offset, PickleTuple sizes, PickleTuple strides, ..]) => Rebuild(storage, offset, sizes, strides),
        (Callable known, _) => throw Error($"it calls {known} with arguments of the wrong number or kind"),
        _ => throw Error("it calls something that cannot be called"),
    };

    // ("storage", type, key, device, count), and in the older format a sixth item for views, which newer programs leave empty.
    public object Persistent(object? id)
    {
        if (id is not PickleTuple { Items: ["storage", StorageType type, string key, string, long count, .. object?[] rest] } || rest is not ([] or [null]))
            throw Error("it refers to something outside of the pickle that is no storage of tensors");
        if (count < 0 || count > long.MaxValue / 8) throw Error($"the storage '{key}' should have {count} elements");
        if (!_storages.TryGetValue(key, out TorchStorage? storage)) _storages[key] = storage = new TorchStorage(key, type.DType, count);
        if (storage.DType != type.DType || storage.Count != count)
            throw Error($"the storage '{key}' is said to have {storage.Count} elements of {storage.DType.Name()} and also {count} of {type.DType.Name()}");
        return storage;
    }

    private TorchTensor Rebuild(TorchStorage storage, long offset, PickleTuple sizeTuple, PickleTuple strideTuple)
    {
        string what = $"{file}: a tensor in storage '{storage.Key}'";
        Shape shape = WeightShapes.Create(Numbers(sizeTuple, "size"), what);
        long[] strides = Numbers(strideTuple, "stride");
        if (strides.Length != shape.Rank) throw Error($"a tensor {shape} has {strides.Length} strides");

        // Nothing is read from an empty tensor; in others the last element must be inside. A view that repeats elements
        // could be larger than memory, and no checkpoint has one.
        Int128 last = offset;
        for (int axis = 0; axis < strides.Length; axis++)
        {
            if (strides[axis] < 0) throw Error($"a tensor {shape} has the negative stride {strides[axis]}");
            if (shape.Count > 0) last += (Int128)(shape[axis] - 1) * strides[axis];
        }

        if (offset < 0 || last >= Math.Max(1, storage.Count) || shape.Count > storage.Count)
            throw Error($"a tensor {shape} with strides [{string.Join(',', strides)}] from element {offset} on does not fit in the storage '{storage.Key}' of {storage.Count} elements");
        return new TorchTensor(storage, offset, shape, strides);
    }

    private long[] Numbers(PickleTuple tuple, string what)
    {
        if (tuple.Items.Length > Shape.MaxRank) throw Error($"a tensor has {tuple.Items.Length} {what}s; the largest rank is {Shape.MaxRank}");
        return [.. tuple.Items.Select(item => item is long number ? number : throw Error($"a tensor has a {what} that is no number"))];
    }

    private PickleDictionary FromPairs(PickleList pairs)
    {
        // One list may be named many times, so its length is counted each time.
        if (pairs.Items.Count > MaxPairs - _pairs) throw Error($"it makes dictionaries of more than {MaxPairs} pairs");
        _pairs += pairs.Items.Count;
        var dictionary = new PickleDictionary();
        foreach (object? pair in pairs.Items)
        {
            object?[] items = pair switch { PickleList list => [.. list.Items], PickleTuple tuple => tuple.Items, _ => [] };
            if (items is not [var key, var value]) throw Error("it makes a dictionary of something else than pairs");
            dictionary.Items.Add(new(key, value));
        }

        return dictionary;
    }

    private static string Short(string name) => name.Length > 100 ? name[..100] + "…" : name;

    private BrushfireException Error(string problem) => new($"{file}: the pickle cannot be read: {problem}.");
}
