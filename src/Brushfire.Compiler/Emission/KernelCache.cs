// Compiled assemblies on disk, found again by what they were made of: the sources, the kernels library and the runtime they
// call. Several processes may use one folder: a file appears whole under its name or not at all, and carries the hash of its
// content, so that a damaged one is made anew. A folder that cannot be used only costs the time of compiling.

using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Brushfire.Kernels;

namespace Brushfire.Compiler.Emission;

/// <param name="folder">Made when first written to.</param>
/// <param name="limit">Bytes that the files may take together; the ones used longest ago are removed.</param>
internal sealed class KernelCache(string folder, long limit = KernelCache.DefaultLimit)
{
    private const long DefaultLimit = 256L << 20;
    private const string Extension = ".kernels", Unfinished = ".tmp";

    // Nobody writes a file for so long: its process has crashed.
    private static readonly TimeSpan s_abandoned = TimeSpan.FromHours(1);

    // Raised when the same sources are to give other code.
    private const int Version = 1;

    public static KernelCache Default { get; } = new(Knobs.Cache.Value ?? Path.Combine(UserCache(), "brushfire", "kernels"));

    /// <summary>The content of these sources: from the cache, or compiled and put there.</summary>
    public byte[] GetOrAdd(IReadOnlyList<string> sources, Func<IReadOnlyList<string>, byte[]> compile)
    {
        string file = Path.Combine(folder, KeyOf(sources) + Extension);
        if (Read(file) is { } known) return known;
        byte[] image = compile(sources);
        try
        {
            Write(file, image);
            Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next process compiles again.
        }

        return image;
    }

    /// <summary>A name for what these sources compile to.</summary>
    public static string KeyOf(IReadOnlyList<string> sources)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{Version} {typeof(WorkerPool).Module.ModuleVersionId} {Environment.Version}\0"));
        foreach (string source in sources) hash.AppendData(Encoding.UTF8.GetBytes(source + "\0"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string UserCache() => OperatingSystem.IsLinux()
        ? Knobs.UserCache.Value ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache")
        : Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);

    // A file: the SHA-256 of the image, its length, the image.
    private static byte[]? Read(string file)
    {
        try
        {
            byte[] content = File.ReadAllBytes(file);
            const int header = SHA256.HashSizeInBytes + sizeof(long);
            if (content.Length < header || BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(SHA256.HashSizeInBytes)) != content.Length - header) return null;
            byte[] image = content[header..];
            if (!SHA256.HashData(image).AsSpan().SequenceEqual(content.AsSpan(0, SHA256.HashSizeInBytes))) return null;
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
            return image;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void Write(string file, byte[] image)
    {
        Directory.CreateDirectory(folder);
        string temporary = Path.Combine(folder, $"{Guid.NewGuid():n}{Unfinished}");
        try
        {
            using (FileStream stream = File.Create(temporary))
            {
                Span<byte> length = stackalloc byte[sizeof(long)];
                BinaryPrimitives.WriteInt64LittleEndian(length, image.Length);
                stream.Write(SHA256.HashData(image));
                stream.Write(length);
                stream.Write(image);
            }

            File.Move(temporary, file, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private void Trim()
    {
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("*" + Unfinished))
            if (DateTime.UtcNow - file.LastWriteTimeUtc > s_abandoned) file.Delete();

        FileInfo[] files = [.. new DirectoryInfo(folder).EnumerateFiles("*" + Extension).OrderByDescending(file => file.LastWriteTimeUtc)];
        long bytes = 0;
        foreach (FileInfo file in files)
        {
            bytes += file.Length;
            if (bytes > limit && file != files[0]) file.Delete();
        }
    }
}
