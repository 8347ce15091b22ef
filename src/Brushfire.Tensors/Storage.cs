// The memory behind tensors: native blocks from the allocator, or read-only slices of a mapped file. Several tensors
// (views) share one storage, which counts them and frees its memory when the last one is gone; the finalizer is only a
// safety net for tensors that nobody disposed of.

namespace Brushfire.Tensors;

internal abstract unsafe class Storage(long bytes)
{
    private static long s_versions;
    private int _users;

    public long Bytes { get; } = bytes;

    /// <summary>The newest version that any storage has: what is made later has a higher one.</summary>
    public static long NewestVersion => Interlocked.Read(ref s_versions);

    /// <summary>Stands for these values: no two storages have the same, and whoever writes over values takes a new one by <see cref="RaiseVersion"/>.</summary>
    public long Version { get; private set; } = Interlocked.Increment(ref s_versions);

    public void RaiseVersion() => Version = Interlocked.Increment(ref s_versions);

    /// <summary>Start of the memory, valid while the storage is in use.</summary>
    public abstract void* Pointer { get; }

    /// <summary>Whether one tensor alone has this memory.</summary>
    public bool HasOneUser => Volatile.Read(ref _users) == 1;

    public void AddUser() => Interlocked.Increment(ref _users);

    public void RemoveUser()
    {
        if (Interlocked.Decrement(ref _users) == 0) Release();
    }

    protected abstract void Release();
}

/// <summary>Uninitialized native memory.</summary>
internal sealed unsafe class NativeStorage(long bytes) : Storage(bytes)
{
    // The garbage collector is not told of the bytes: scopes free temporaries, and pressure would set off a collection
    // every few ops (four a step of the shipped model, with their threads beside the kernels').
    private readonly bool _once = Allocator.IsOnce;
    private void* _pointer = Allocator.Allocate(bytes, Allocator.IsOnce);

    public override void* Pointer => _pointer;

    protected override void Release()
    {
        Free();
#pragma warning disable CA1816 // the storage's count of users is its Dispose
        GC.SuppressFinalize(this);
#pragma warning restore CA1816
    }

    private void Free()
    {
        if (_pointer == null) return;
        Allocator.Free(_pointer, Bytes, _once);
        _pointer = null;
    }

    ~NativeStorage() => Free();
}

/// <summary>Values that are not computed yet. Whoever reads them has them computed by <paramref name="read"/>, contiguously.</summary>
internal sealed unsafe class DeferredStorage(TensorSpec spec, Func<DeferredStorage, Tensor> read, Action<DeferredStorage> release) : Storage(spec.Bytes)
{
    public TensorSpec Spec { get; } = spec;
    public override void* Pointer => read(this).Pointer;

    /// <summary>A tensor of all values, in row-major order.</summary>
    public Tensor ToTensor() => new(this, 0, Spec.DType, Spec.Shape, Spec.Shape.RowMajor());

    protected override void Release() => release(this);
}

/// <summary>A slice of a file that stays mapped while it is in use.</summary>
internal sealed unsafe class MappedStorage(MappedFile file, byte* start, long bytes) : Storage(bytes)
{
    /// <summary>Held so that the file stays mapped.</summary>
    public MappedFile File { get; } = file;

    public override void* Pointer => start;
    protected override void Release() { }
}
