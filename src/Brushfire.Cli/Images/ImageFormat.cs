// The kinds of picture files that the program reads and writes, and which extension means which.

namespace Brushfire.Cli.Images;

internal enum ImageFormat { Png, Jpeg, WebP }

internal static class ImageFormats
{
    public const string Extensions = ".png, .jpg, .jpeg, .webp";

    /// <summary>The format that a file name's extension asks for, in any case, or null.</summary>
    public static ImageFormat? OfPath(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".png" => ImageFormat.Png,
        ".jpg" or ".jpeg" => ImageFormat.Jpeg,
        ".webp" => ImageFormat.WebP,
        _ => null,
    };

    /// <summary>The format that a file's first bytes tell, or null.</summary>
    public static ImageFormat? OfContent(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith(PngMetadata.Signature)) return ImageFormat.Png;
        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])) return ImageFormat.Jpeg;
        return file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8) ? ImageFormat.WebP : null;
    }
}
