// A file mapped into memory, read-only. Every access is checked against the file's length.

using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Brushfire.Tensors;

/// <summary>A read-only file in memory; its pages are the system's to drop. It stays mapped while a tensor over it lives.</summary>
public sealed unsafe class MappedFile
{
    private readonly SafeMemoryMappedViewHandle? _view;
    private readonly byte* _start;

    private MappedFile(string path, long length, SafeMemoryMappedViewHandle? view)
    {
        Path = path;
        Length = length;
        _view = view;
        view?.AcquirePointer(ref _start);
    }

    ~MappedFile() => _view?.ReleasePointer();

    public string Path { get; }
    public long Length { get; }

    /// <exception cref="BrushfireException">The file does not exist or cannot be read.</exception>
    public static MappedFile Open(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length == 0) return new MappedFile(path, 0, null);
            using MemoryMappedFile file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            long length = stream.Length;
            return new MappedFile(path, length, file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read).SafeMemoryMappedViewHandle);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new BrushfireException($"Cannot read {path}: {exception.Message}", exception);
        }
    }

    /// <summary>A part of the file as bytes; do not keep it longer than this object.</summary>
    /// <exception cref="BrushfireException">The range is not inside the file.</exception>
    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        Check(offset, length);
        return new ReadOnlySpan<byte>(_start + offset, length);
    }

    /// <summary>A read-only, contiguous tensor over the file's bytes from <paramref name="offset"/> on, without a copy.</summary>
    /// <exception cref="BrushfireException">The tensor would reach outside of the file.</exception>
    public Tensor Tensor(long offset, TensorSpec spec)
    {
        Check(offset, spec.Bytes);
        return new Tensor(new MappedStorage(this, _start + offset, spec.Bytes), 0, spec.DType, spec.Shape, spec.Shape.RowMajor());
    }

    private void Check(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
            throw new BrushfireException($"{Path}: bytes {offset} to {(Int128)offset + length} are outside of the file, which has {Length}; it is damaged or cut short.");
    }
}
