// Parameters: constants that a model is made of, float32, loaded at first use. A contraction packs its weight once into
// panels; where packing was the first use, the unpacked values are not kept, so a weight costs its size once.

using Brushfire.Kernels;

namespace Brushfire.Tensors;

/// <summary>Makes parameter tensors.</summary>
public static class Parameter
{
    /// <summary>A float32 constant whose values <paramref name="load"/> gives at first use, in any element type.</summary>
    /// <param name="name">The key, for errors.</param>
    /// <param name="shape">The shape that models see; what is loaded must have as many elements.</param>
    /// <param name="load">Gives the values; may be called more than once.</param>
    public static Tensor Create(string name, Shape shape, Func<Tensor> load) => TensorScope.Outside(() =>
        new Tensor(new ParameterStorage(name, shape, load), 0, DType.Float32, shape, shape.RowMajor()));
}

/// <summary>The storage behind a parameter: its values, its packed form, or for now neither.</summary>
internal sealed unsafe class ParameterStorage(string name, Shape shape, Func<Tensor> load) : Storage(shape.Count * sizeof(float))
{
    private readonly Lock _gate = new();
    private Tensor? _values;
    private Storage? _panels;
    private PackedMatrix _packed;

    public override void* Pointer
    {
        get
        {
            lock (_gate) return (_values ??= Load()).Pointer;
        }
    }

    /// <summary>Whether a weight of this shape, over all values in order, has the same packed form as this parameter's own shape.</summary>
    public bool PacksAs(Shape weight) =>
        shape.Rank > 1 && weight.Rank > 1 && weight[0] == shape[0] && weight[1] == shape[1] && weight.Count == shape.Count;

    /// <summary>The weight [outputs, inputs, taps…] as the right operand of a product whose K runs over taps, then inputs.</summary>
    public PackedMatrix Packed
    {
        get
        {
            lock (_gate)
            {
                if (_panels is not null) return _packed;
                Tensor values = _values ?? Load();
                (_panels, _packed) = Packing.Pack(values.Pointer, shape);
                if (_values is null) values.Dispose();
                return _packed;
            }
        }
    }

    protected override void Release()
    {
        _values?.Dispose();
        _panels?.RemoveUser();
    }

    private Tensor Load() => TensorScope.Outside(() =>
    {
        using Tensor loaded = load();
        if (loaded.Shape.Count != shape.Count) throw new BrushfireException($"{name} was to have the shape {shape}, but {loaded.Spec} was loaded.");
        using Tensor converted = loaded.Cast(DType.Float32);
        return converted.ContiguousOrSelf();
    });
}

/// <summary>Weights as packed panels.</summary>
internal static unsafe class Packing
{
    /// <summary>Panels of a weight [outputs, inputs, taps…], in memory that the caller gives back by RemoveUser.</summary>
    public static (Storage Panels, PackedMatrix Packed) Pack(void* values, Shape shape)
    {
        int outputs = shape[0], inputs = shape[1];
        int taps = (int)(shape.Count / Math.Max(1, (long)outputs * inputs));
        return Pack(MatrixSource.Filter((float*)values, outputs, inputs, taps));
    }

    /// <summary>Panels of any strided matrices.</summary>
    public static (Storage Panels, PackedMatrix Packed) Pack(MatrixSource source)
    {
        var panels = new NativeStorage(PackedMatrix.Bytes(source.K, source.N) * source.Batch);
        panels.AddUser();
        return (panels, PackedMatrix.Pack(panels.Pointer, in source));
    }
}

/// <summary>A weight in packed form for the duration of one call: a parameter's own copy, or a temporary one.</summary>
internal readonly ref struct PackedWeight
{
    private readonly Storage? _temporary;

    public PackedWeight(Tensor weight)
    {
        if (weight.Storage is ParameterStorage parameter && weight.IsContiguous && parameter.PacksAs(weight.Shape))
        {
            Matrix = parameter.Packed;
            return;
        }

        using Tensor contiguous = weight.ContiguousOrSelf();
        unsafe
        {
            (_temporary, Matrix) = Packing.Pack(contiguous.Pointer, weight.Shape);
        }
    }

    /// <summary>Any strided matrices, packed for this call.</summary>
    public PackedWeight(MatrixSource source) => (_temporary, Matrix) = Packing.Pack(source);

    public PackedMatrix Matrix { get; }

    public void Dispose() => _temporary?.RemoveUser();
}
