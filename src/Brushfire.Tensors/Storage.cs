// The memory behind tensors: native blocks from the allocator, or read-only slices of a mapped file. Several tensors
// (views) share one storage, which counts them and frees its memory when the last one is gone; the finalizer is only a
// safety net for tensors that nobody disposed of.

namespace Brushfire.Tensors;

internal abstract unsafe class Storage(long bytes)
{
    private int _users;

    public long Bytes { get; } = bytes;

    /// <summary>Start of the memory, valid while the storage is in use.</summary>
    public abstract void* Pointer { get; }

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
    private void* _pointer = Allocator.Allocate(bytes);

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
        Allocator.Free(_pointer, Bytes);
        _pointer = null;
    }

    ~NativeStorage() => Free();
}

/// <summary>A slice of a file that stays mapped while it is in use.</summary>
internal sealed unsafe class MappedStorage(MappedFile file, byte* start, long bytes) : Storage(bytes)
{
    /// <summary>Held so that the file stays mapped.</summary>
    public MappedFile File { get; } = file;

    public override void* Pointer => start;
    protected override void Release() { }
}
