// A tensor: an element type, a shape, and strides over a storage that several tensors may share. Its methods, in the
// other parts of this class, each name one op and hand it to the current executor.

using System.Diagnostics;

namespace Brushfire.Tensors;

/// <summary>A dense array with up to eight axes. Images inside are channels-last: [N, H, W, C].</summary>
/// <remarks>
/// Values are never changed by an op; views share memory. Memory is freed when the scope that the tensor was made in
/// ends (<see cref="TensorScope"/>), when it is disposed of, or at the latest by the garbage collector.
/// </remarks>
[DebuggerDisplay("{ToString(),nq}")]
public sealed partial class Tensor : IDisposable
{
    private Storage? _storage;

    internal Tensor(Storage storage, long offset, DType dtype, Shape shape, Strides strides)
    {
        storage.AddUser();
        _storage = storage;
        Offset = offset;
        DType = dtype;
        Shape = shape;
        Strides = strides;
        TensorScope.Register(this);
    }

    /// <summary>A new contiguous tensor with uninitialized values.</summary>
    internal Tensor(TensorSpec spec) : this(new NativeStorage(spec.Bytes), 0, spec.DType, spec.Shape, spec.Shape.RowMajor()) { }

    public DType DType { get; }
    public Shape Shape { get; }
    public int Rank => Shape.Rank;
    public TensorSpec Spec => new(DType, Shape);

    /// <summary>Distances between neighbours along each axis, in elements.</summary>
    internal Strides Strides { get; }

    /// <summary>Index of the first element in the storage.</summary>
    internal long Offset { get; }

    internal Storage Storage => _storage ?? throw new ObjectDisposedException(nameof(Tensor), $"The tensor {Spec} was freed; keep a result beyond its scope with TensorScope.Keep.");

    /// <summary>The first element in memory.</summary>
    internal unsafe byte* Pointer => (byte*)Storage.Pointer + Offset * DType.Size();

    /// <summary>True where elements lie in row-major order without gaps, and where there are none.</summary>
    internal bool IsContiguous => Strides.AreRowMajor(Shape);

    public void Dispose() => Interlocked.Exchange(ref _storage, null)?.RemoveUser();

    // Another tensor over the same storage.
    internal Tensor View(Shape shape, Strides strides, long offset) => new(Storage, offset, DType, shape, strides);
}
