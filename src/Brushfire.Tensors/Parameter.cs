// Parameters: constants that a model is made of, float32, loaded at first use. A contraction packs its weight once into
// panels of its precision; where packing was the first use, the unpacked values are not kept: float32 panels take their
// place where they fit, so a weight costs its size once. A program that uses two precisions, or a weight both whole and in
// halves, keeps two packed forms: panels never move while a kernel may read them.

using System.Diagnostics;
using Brushfire.Kernels;
using Brushfire.Tensors.Execution;

namespace Brushfire.Tensors;

/// <summary>What it took so far to load the process's parameters at first use, and to pack them.</summary>
public readonly record struct ParameterStatistics(TimeSpan Loading, TimeSpan Packing);

/// <summary>Makes parameter tensors.</summary>
public static class Parameter
{
    public static ParameterStatistics Statistics => ParameterStorage.Statistics;

    /// <summary>A float32 constant whose values <paramref name="load"/> gives at first use, in any element type.</summary>
    /// <param name="name">The key, for errors.</param>
    /// <param name="shape">The shape that models see; what is loaded must have as many elements.</param>
    /// <param name="load">Gives the values; may be called more than once.</param>
    public static Tensor Create(string name, Shape shape, Func<Tensor> load) => TensorScope.Outside(() =>
        new Tensor(new ParameterStorage(name, shape, load), 0, DType.Float32, shape, shape.RowMajor()));

    /// <summary>A tensor's values, for a caller who frees them: a parameter that is not in memory is loaded for this caller alone.</summary>
    internal static Tensor Values(Tensor tensor) => tensor is { Storage: ParameterStorage parameter, IsContiguous: true } && tensor.Spec.Bytes == parameter.Bytes
        ? parameter.Values(tensor.Shape)
        : tensor.View(tensor.Shape, tensor.Strides, tensor.Offset);
}

/// <summary>The storage behind a parameter: its values, its packed form, or for now neither.</summary>
internal sealed unsafe class ParameterStorage(string name, Shape shape, Func<Tensor> load) : Storage(shape.Count * sizeof(float))
{
    private static long s_loading, s_packing; // in ticks of TimeSpan

    private readonly Lock _gate = new();
    private readonly Dictionary<(DType Precision, int Halves), (Storage Panels, PackedMatrix Matrix)> _packed = [];
    private Tensor? _values;

    public override void* Pointer
    {
        get
        {
            lock (_gate) return (_values ??= LoadTimed()).Pointer;
        }
    }

    public static ParameterStatistics Statistics => new(TimeSpan.FromTicks(Interlocked.Read(ref s_loading)), TimeSpan.FromTicks(Interlocked.Read(ref s_packing)));

    /// <summary>All values under a shape of as many, those in memory or a copy of the caller's own.</summary>
    public Tensor Values(Shape shape)
    {
        lock (_gate)
        {
            if (_values is not null) return _values.View(shape, shape.RowMajor(), _values.Offset);
            using Tensor loaded = Load(passing: true);
            return loaded.View(shape, shape.RowMajor(), loaded.Offset);
        }
    }

    /// <summary>Bytes of memory that the parameter holds now.</summary>
    public long HeldBytes
    {
        get
        {
            lock (_gate)
            {
                long bytes = _values is { } values && values.Storage is NativeStorage ? values.Spec.Bytes : 0;
                foreach ((Storage panels, _) in _packed.Values) bytes += panels.Bytes;
                return bytes;
            }
        }
    }

    /// <summary>Whether a weight of this shape, over all values in order, has the same packed form as this parameter's own shape.</summary>
    public bool PacksAs(Shape weight) =>
        shape.Rank > 1 && weight.Rank > 1 && weight[0] == shape[0] && weight[1] == shape[1] && weight.Count == shape.Count;

    /// <summary>The weight [outputs, inputs, taps…] as the right operand of a product whose K runs over taps, then inputs.</summary>
    public PackedMatrix Packed(DType precision, int halves)
    {
        lock (_gate)
        {
            if (_packed.TryGetValue((precision, halves), out var packed)) return packed.Matrix;
            using IDisposable once = Allocator.Once(), whole = WorkerPool.Rehearse(false);
            Tensor values = _values ?? LoadTimed(passing: !Packing.FitsInPlace(shape, precision, halves));
            long start = Stopwatch.GetTimestamp();
            _packed[(precision, halves)] = packed = _values is null ? Packing.PackOver(values, shape, precision, halves) : Packing.Pack(values.Pointer, shape, precision, halves);
            Interlocked.Add(ref s_packing, Stopwatch.GetElapsedTime(start).Ticks);
            if (_values is null) values.Dispose();
            return packed.Matrix;
        }
    }

    protected override void Release()
    {
        _values?.Dispose();
        foreach ((Storage panels, _) in _packed.Values) panels.RemoveUser();
    }

    /// <summary>The key, for errors and graph texts.</summary>
    public string Name => name;

    // Not what a joined parameter loads of others: that is part of its own loading.
    private Tensor LoadTimed(bool passing = false)
    {
        long start = Stopwatch.GetTimestamp();
        Tensor values = Load(passing);
        Interlocked.Add(ref s_loading, Stopwatch.GetElapsedTime(start).Ticks);
        return values;
    }

    // The first use may come from a kernel, a compiled graph or a capture: loading is never part of what is recorded. Small values that are
    // needed in passing take memory that the next ones use again.
    private Tensor Load(bool passing) => TensorScope.Outside(() =>
    {
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        using IDisposable once = Allocator.Once(!passing || shape.Count * sizeof(float) >= AlignedMemory.HugePage), whole = WorkerPool.Rehearse(false);
        using Tensor loaded = load();
        if (loaded.Shape.Count != shape.Count) throw new BrushfireException($"{name} was to have the shape {shape}, but {loaded.Spec} was loaded.");
        using Tensor converted = loaded.Cast(DType.Float32);
        return converted.ContiguousOrSelf();
    });
}

/// <summary>Weights as packed panels.</summary>
internal static unsafe class Packing
{
    /// <summary>The panels of a tensor, taken as a weight of a shape [outputs, inputs, taps…]: a parameter's own, or others in memory that the caller gives back by RemoveUser.</summary>
    public static (Storage? Panels, PackedMatrix Matrix) Of(Tensor weight, Shape shape, DType precision, int halves = 1)
    {
        if (weight.Storage is ParameterStorage parameter && weight.IsContiguous && parameter.PacksAs(shape)) return (null, parameter.Packed(precision, halves));
        using Tensor contiguous = weight.ContiguousOrSelf();
        return Pack(contiguous.Pointer, shape, precision, halves);
    }

    /// <summary>Panels of a weight [outputs, inputs, taps…], in memory that the caller gives back by RemoveUser.</summary>
    public static (Storage Panels, PackedMatrix Matrix) Pack(void* values, Shape shape, DType precision, int halves) => Pack(Source(values, shape), precision, halves);

    /// <summary>Whether the panels of a weight may take its values' place.</summary>
    public static bool FitsInPlace(Shape shape, DType precision, int halves) => PackedMatrix.FitsInPlace(Source(null, shape), precision.Kind(), halves);

    /// <summary>
    /// Likewise, of values that nobody needs afterwards: where their memory is theirs alone and panels fit into it, they are packed there, as new memory costs more than the packing.
    /// </summary>
    public static (Storage Panels, PackedMatrix Matrix) PackOver(Tensor values, Shape shape, DType precision, int halves)
    {
        MatrixSource source = Source(values.Pointer, shape);
        Storage storage = values.Storage;
        if (values.Offset != 0 || storage is not NativeStorage { HasOneUser: true } || !PackedMatrix.FitsInPlace(source, precision.Kind(), halves)) return Pack(source, precision, halves);
        storage.AddUser();
        return (storage, PackedMatrix.Pack(values.Pointer, source, precision.Kind(), halves));
    }

    private static MatrixSource Source(void* values, Shape shape)
    {
        int outputs = shape[0], inputs = shape[1];
        int taps = (int)(shape.Count / Math.Max(1, (long)outputs * inputs));
        return MatrixSource.Filter((float*)values, outputs, inputs, taps);
    }

    /// <summary>Panels of any strided matrices.</summary>
    public static (Storage Panels, PackedMatrix Matrix) Pack(MatrixSource source, DType precision, int halves = 1)
    {
        var panels = new NativeStorage(PackedMatrix.Bytes(source.K, source.N, precision.Kind(), halves) * source.Batch);
        panels.AddUser();
        return (panels, PackedMatrix.Pack(panels.Pointer, in source, precision.Kind(), halves));
    }
}

/// <summary>A weight in packed form for the duration of one call: a parameter's own copy, or a temporary one.</summary>
internal readonly ref struct PackedWeight
{
    private readonly Storage? _temporary;

    public PackedWeight(Tensor weight, DType precision, int halves = 1) => (_temporary, Matrix) = Packing.Of(weight, weight.Shape, precision, halves);

    /// <summary>Any strided matrices, packed for this call.</summary>
    public PackedWeight(MatrixSource source, DType precision) => (_temporary, Matrix) = Packing.Pack(source, precision);

    public PackedMatrix Matrix { get; }

    public void Dispose() => _temporary?.RemoveUser();
}
