// Picture files in and out. Reading gives upright RGB without transparency; a written picture is there complete or not at all.

using System.Runtime.InteropServices;
using Brushfire.Diffusion.Imaging;
using Brushfire.Tensors;
using SkiaSharp;

namespace Brushfire.Cli.Images;

internal static class ImageFile
{
    private const int LargestSide = 16_384, LargestPixels = 64 << 20, LargestFile = 512 << 20;
    private const int Quality = 95; // of JPEG and WebP

    /// <summary>The longest side that WebP has bits for, in pixels.</summary>
    public const int LargestWebPSide = 16_383;

    /// <summary>Reads PNG, JPEG or WebP, told by content. Alpha is dropped (not blended) and EXIF rotation applied, as the usual pipelines do; colour profiles are ignored.</summary>
    /// <exception cref="BrushfireException">The file cannot be read, is something else, is damaged or too large.</exception>
    public static RgbImage Read(string path)
    {
        byte[] file = ReadBytes(path);
        _ = FormatOf(path, file);
        using SKData data = SKData.CreateCopy(file);
        using SKCodec? codec = SKCodec.Create(data);
        if (codec is null) throw new BrushfireException($"{path}: the picture is damaged; its header cannot be read.");

        (int width, int height) = (codec.Info.Width, codec.Info.Height);
        if (width > LargestSide || height > LargestSide || (long)width * height > LargestPixels)
            throw new BrushfireException($"{path}: the picture is {width}x{height}; at most {LargestSide} pixels a side and {LargestPixels} in all can be read.");
        using SKBitmap bitmap = new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        SKCodecResult result = codec.GetPixels(bitmap.Info, bitmap.GetPixels());
        if (result != SKCodecResult.Success)
            throw new BrushfireException($"{path}: the picture is damaged{(result == SKCodecResult.IncompleteInput ? ", it ends too early" : $" ({result})")}.");
        return Upright(MemoryMarshal.Cast<byte, uint>(bitmap.GetPixelSpan()), width, height, codec.EncodedOrigin);
    }

    /// <summary>The texts in a picture file, as (keyword, text): PNG's text chunks; of JPEG and WebP the EXIF comment, under `parameters`.</summary>
    /// <exception cref="BrushfireException">The file cannot be read, is no picture or is damaged.</exception>
    public static IReadOnlyList<(string Keyword, string Text)> ReadTexts(string path)
    {
        byte[] file = ReadBytes(path);
        ImageFormat format = FormatOf(path, file);
        try
        {
            return format switch
            {
                ImageFormat.Png => PngMetadata.ReadTexts(file),
                ImageFormat.Jpeg => Comment(JpegMetadata.FindExif(file)),
                ImageFormat.WebP => Comment(WebPMetadata.FindExif(file)),
            };
        }
        catch (InvalidDataException exception)
        {
            throw new BrushfireException($"{path}: {exception.Message}", exception);
        }

        static IReadOnlyList<(string, string)> Comment(ReadOnlySpan<byte> exif) => ExifComment.Read(exif) is { } text ? [(GenerationParameters.Keyword, text)] : [];
    }

    /// <summary>Writes the format that the extension asks for, with the text as its `parameters` where one is given; an existing file is replaced.</summary>
    /// <exception cref="BrushfireException">The extension is unknown, the file cannot be written, or the text does not fit into a JPEG file.</exception>
    public static void Write(string path, RgbImage image, string? parameters = null, CancellationToken cancellation = default)
    {
        ImageFormat format = ImageFormats.OfPath(path) ?? throw new BrushfireException($"{path}: the extension must be one of {ImageFormats.Extensions}.");
        byte[] file;
        try
        {
            file = Encode(image, format, parameters);
        }
        catch (InvalidDataException exception)
        {
            throw new BrushfireException($"{path}: {exception.Message}", exception);
        }

        WholeFile.Write(path, file, cancellation);
    }

    private static byte[] Encode(RgbImage image, ImageFormat format, string? parameters)
    {
        if (format == ImageFormat.WebP && Math.Max(image.Width, image.Height) > LargestWebPSide)
            throw new InvalidDataException($"a picture of {image.Width}x{image.Height} cannot be written as WebP, which takes at most {LargestWebPSide} pixels a side.");
        using SKBitmap bitmap = new(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Span<byte> pixels = bitmap.GetPixelSpan();
        for (int from = 0, to = 0; from < image.Pixels.Length; from += 3, to += 4)
        {
            image.Pixels.AsSpan(from, 3).CopyTo(pixels[to..]);
            pixels[to + 3] = 255;
        }

        using SKPixmap pixmap = bitmap.PeekPixels();
        using SKData? data = format switch
        {
            ImageFormat.Png => pixmap.Encode(SKPngEncoderOptions.Default),
            // Full colour resolution: flat pictures have hard edges.
            ImageFormat.Jpeg => pixmap.Encode(new SKJpegEncoderOptions(Quality, SKJpegEncoderDownsample.Downsample444, SKJpegEncoderAlphaOption.Ignore)),
            ImageFormat.WebP => pixmap.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, Quality)),
        };
        if (data is null) throw new InvalidDataException($"a picture of {image.Width}x{image.Height} cannot be written as {format}.");

        byte[] file = data.ToArray();
        if (string.IsNullOrEmpty(parameters)) return file;
        return format switch
        {
            ImageFormat.Png => PngMetadata.InsertText(file, GenerationParameters.Keyword, parameters),
            ImageFormat.Jpeg => JpegMetadata.InsertExif(file, ExifComment.Write(parameters)),
            ImageFormat.WebP => WebPMetadata.AppendExif(file, ExifComment.Write(parameters), image.Width, image.Height),
        };
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            if (new FileInfo(path).Length is > LargestFile and var length) throw new BrushfireException($"{path}: {length} bytes are over the limit of {LargestFile} for a picture.");
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BrushfireException($"{path}: cannot be read. {exception.Message}", exception);
        }
    }

    private static ImageFormat FormatOf(string path, ReadOnlySpan<byte> file) =>
        ImageFormats.OfContent(file) ?? throw new BrushfireException($"{path}: not a PNG, JPEG or WebP picture.");

    /// <summary>Pixels [height, width] of red, green, blue, alpha as they are stored, turned and mirrored as the EXIF orientation says.</summary>
    private static RgbImage Upright(ReadOnlySpan<uint> stored, int width, int height, SKEncodedOrigin origin)
    {
        bool turned = origin >= SKEncodedOrigin.LeftTop;
        (int uprightWidth, int uprightHeight) = turned ? (height, width) : (width, height);
        byte[] pixels = new byte[width * height * 3];
        for (int y = 0, to = 0; y < uprightHeight; y++)
        {
            for (int x = 0; x < uprightWidth; x++, to += 3)
            {
                (int fromX, int fromY) = origin switch
                {
                    SKEncodedOrigin.TopRight => (width - 1 - x, y),
                    SKEncodedOrigin.BottomRight => (width - 1 - x, height - 1 - y),
                    SKEncodedOrigin.BottomLeft => (x, height - 1 - y),
                    SKEncodedOrigin.LeftTop => (y, x),
                    SKEncodedOrigin.RightTop => (y, height - 1 - x),
                    SKEncodedOrigin.RightBottom => (width - 1 - y, height - 1 - x),
                    SKEncodedOrigin.LeftBottom => (width - 1 - y, x),
                    _ => (x, y),
                };
                MemoryMarshal.AsBytes(stored.Slice(fromY * width + fromX, 1))[..3].CopyTo(pixels.AsSpan(to));
            }
        }

        return new(uprightWidth, uprightHeight, pixels);
    }
}
