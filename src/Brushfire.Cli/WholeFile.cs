// Files that the program writes are there whole or not at all: a temporary file beside the target, moved into its place.

using Brushfire.Tensors;

namespace Brushfire.Cli;

internal static class WholeFile
{
    /// <summary>Writes a file, or replaces it.</summary>
    /// <exception cref="BrushfireException">It cannot be written; then nothing has changed.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content, CancellationToken cancellation = default)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder)) throw new BrushfireException($"{path}: cannot be written. There is no folder {folder}.");
        string temporary = Path.Combine(folder, $".{Path.GetRandomFileName()}.tmp");
        try
        {
            cancellation.ThrowIfCancellationRequested();
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write)) stream.Write(content);
            cancellation.ThrowIfCancellationRequested();
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BrushfireException($"{path}: cannot be written. {exception.Message}", exception);
        }
        finally
        {
            File.Delete(temporary); // after a successful move there is nothing under this name, and nothing happens
        }
    }
}
