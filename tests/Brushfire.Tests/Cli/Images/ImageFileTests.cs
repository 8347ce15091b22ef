// Pictures written and read back in each format, the texts in them, and what is on the disk after a failure.

using System.Buffers.Binary;
using Brushfire.Cli.Images;
using Brushfire.Diffusion.Imaging;
using Brushfire.Tensors;
using SkiaSharp;

namespace Brushfire.Tests.Cli.Images;

public class ImageFileTests
{
    private const string Text = "a fox, caf\u00E9 \u65E5\u672C \U0001F98A\nSteps: 25, Sampler: PLMS, CFG scale: 7.5, Seed: 1, Size: 19x7";

    [Fact]
    public void Png_gives_back_every_pixel()
    {
        using TempFolder folder = new();
        RgbImage image = Noise(19, 7);
        Write(folder["a.png"], image);
        RgbImage read = ImageFile.Read(folder["a.png"]);
        Assert.Equal((19, 7), (read.Width, read.Height));
        Assert.Equal(image.Pixels, read.Pixels);
        Assert.Equal(image.Pixels, NaivePng.Decode(File.ReadAllBytes(folder["a.png"])).Pixels);
    }

    [Fact]
    public void Reference_pictures_are_decoded_as_by_a_naive_decoder()
    {
        string[] names = [.. Golden.Files("images", "*.png")];
        if (names.Length == 0) Assert.Skip("The reference folder has no images/*.png.");
        foreach (string name in names)
        {
            RgbImage read = ImageFile.Read(Golden.PathOf(name));
            (int width, int height, byte[] pixels) = NaivePng.Decode(File.ReadAllBytes(Golden.PathOf(name)));
            Assert.Equal((width, height), (read.Width, read.Height));
            Assert.Equal(pixels, read.Pixels);
        }
    }

    [Theory]
    [InlineData("a.jpg")]
    [InlineData("a.JPEG")]
    [InlineData("a.webp")]
    public void Jpeg_and_webp_give_back_nearly_the_same_pixels(string name)
    {
        using TempFolder folder = new();
        RgbImage image = Gradient(33, 17);
        Write(folder[name], image, Text);
        RgbImage read = ImageFile.Read(folder[name]);
        Assert.Equal((33, 17), (read.Width, read.Height));
        Assert.InRange(image.Pixels.Zip(read.Pixels, (a, b) => Math.Abs(a - b)).Average(), 0, 3);
    }

    [Theory]
    [InlineData("a.png", Text)]
    [InlineData("a.png", "caf\u00E9")]
    [InlineData("a.jpg", Text)]
    [InlineData("a.webp", Text)]
    [InlineData("a.webp", "odd")]
    public void The_parameters_are_read_back(string name, string text)
    {
        using TempFolder folder = new();
        Write(folder[name], Gradient(19, 7), text);
        Assert.Equal([("parameters", text)], ImageFile.ReadTexts(folder[name]));
        Assert.Equal((19, 7), (ImageFile.Read(folder[name]).Width, ImageFile.Read(folder[name]).Height));
    }

    [Theory]
    [InlineData("a.png")]
    [InlineData("a.jpg")]
    [InlineData("a.webp")]
    public void A_picture_without_parameters_has_no_texts(string name)
    {
        using TempFolder folder = new();
        Write(folder[name], Gradient(19, 7));
        Assert.Empty(ImageFile.ReadTexts(folder[name]));
    }

    [Fact]
    public void Parameters_too_long_for_jpeg_are_refused_and_fit_the_others()
    {
        using TempFolder folder = new();
        string text = new('x', 40_000);
        Write(folder["a.png"], Gradient(8, 8), text);
        Write(folder["a.webp"], Gradient(8, 8), text);
        BrushfireException exception = Assert.Throws<BrushfireException>(() => Write(folder["a.jpg"], Gradient(8, 8), text));
        Assert.Equal($"{folder["a.jpg"]}: JPEG holds 65535 bytes of parameters and these take 80060; write PNG or WebP, or use a shorter prompt.", exception.Message);
        Assert.Equal(["a.png", "a.webp"], Names(folder));
    }

    [Fact]
    public void Sides_too_long_for_webp_are_told_with_the_longest()
    {
        using TempFolder folder = new();
        Write(folder["a.webp"], new(16383, 1, new byte[3 * 16383]));
        Assert.Equal(16383, ImageFile.Read(folder["a.webp"]).Width);
        BrushfireException exception = Assert.Throws<BrushfireException>(() => Write(folder["b.webp"], new(16384, 1, new byte[3 * 16384])));
        Assert.Equal($"{folder["b.webp"]}: a picture of 16384x1 cannot be written as WebP, which takes at most 16383 pixels a side.", exception.Message);
        Write(folder["b.jpg"], new(16384, 1, new byte[3 * 16384]));
        Assert.Equal(["a.webp", "b.jpg"], Names(folder));
    }

    [Fact]
    public void An_existing_file_is_replaced_whole()
    {
        using TempFolder folder = new();
        Write(folder["a.png"], Noise(64, 64));
        Write(folder["a.png"], Gradient(8, 8));
        Assert.Equal(Gradient(8, 8).Pixels, ImageFile.Read(folder["a.png"]).Pixels);
        Assert.Equal(["a.png"], Names(folder));
    }

    [Fact]
    public void Nothing_is_left_behind_by_a_write_that_fails_or_is_cancelled()
    {
        using TempFolder folder = new();
        Directory.CreateDirectory(folder["folder.png"]);
        Assert.StartsWith($"{folder["folder.png"]}: cannot be written. ", Assert.Throws<BrushfireException>(() => Write(folder["folder.png"], Gradient(8, 8))).Message, StringComparison.Ordinal);
        Assert.Throws<OperationCanceledException>(() => ImageFile.Write(folder["b.png"], Gradient(8, 8), cancellation: new CancellationToken(canceled: true)));
        string missing = folder[Path.Combine("no", "c.png")];
        Assert.Equal($"{missing}: cannot be written. There is no folder {folder["no"]}.", Assert.Throws<BrushfireException>(() => Write(missing, Gradient(8, 8))).Message);
        Assert.Equal($"{folder["d.gif"]}: the extension must be one of .png, .jpg, .jpeg, .webp.", Assert.Throws<BrushfireException>(() => Write(folder["d.gif"], Gradient(8, 8))).Message);
        Assert.Equal(["folder.png"], Names(folder));
    }

    [Theory]
    [InlineData("a.png")]
    [InlineData("a.jpg")]
    [InlineData("a.webp")]
    public void Files_cut_off_anywhere_are_refused_by_name(string name)
    {
        using TempFolder folder = new();
        Write(folder[name], Noise(32, 32), Text);
        byte[] file = File.ReadAllBytes(folder[name]);
        for (int length = 0; length < file.Length * 3 / 4; length += 1 + length / 16)
        {
            File.WriteAllBytes(folder[name], file[..length]);
            Assert.StartsWith($"{folder[name]}: ", Assert.Throws<BrushfireException>(() => ImageFile.Read(folder[name])).Message, StringComparison.Ordinal);
            Assert.True(Record.Exception(() => ImageFile.ReadTexts(folder[name])) is null or BrushfireException);
        }
    }

    [Fact]
    public void What_is_no_picture_is_refused_by_name()
    {
        using TempFolder folder = new();
        File.WriteAllText(folder["a.png"], "not a picture");
        Assert.Equal($"{folder["a.png"]}: not a PNG, JPEG or WebP picture.", Assert.Throws<BrushfireException>(() => ImageFile.Read(folder["a.png"])).Message);
        Assert.StartsWith($"{folder["b.png"]}: cannot be read. ", Assert.Throws<BrushfireException>(() => ImageFile.Read(folder["b.png"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_picture_that_claims_to_be_huge_is_refused_before_memory_is_taken()
    {
        using TempFolder folder = new();
        Write(folder["a.png"], Gradient(8, 8));
        byte[] file = File.ReadAllBytes(folder["a.png"]);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), 100_000);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), System.IO.Hashing.Crc32.HashToUInt32(file.AsSpan(12, 17)));
        File.WriteAllBytes(folder["a.png"], file);
        Assert.Equal($"{folder["a.png"]}: the picture is 100000x8; at most 16384 pixels a side and 67108864 in all can be read.", Assert.Throws<BrushfireException>(() => ImageFile.Read(folder["a.png"])).Message);
    }

    [Fact]
    public void Alpha_is_dropped_and_not_blended()
    {
        using TempFolder folder = new();
        using SKBitmap bitmap = new(new SKImageInfo(2, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        ((ReadOnlySpan<byte>)[200, 100, 50, 128, 10, 20, 30, 255]).CopyTo(bitmap.GetPixelSpan());
        using (SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100)) File.WriteAllBytes(folder["a.png"], data.ToArray());
        Assert.Equal([200, 100, 50, 10, 20, 30], ImageFile.Read(folder["a.png"]).Pixels);
    }

    // For each orientation: which corner of the stored picture (0 top left, 1 top right, 2 bottom left, 3 bottom right)
    // is shown in the upright one's top left, top right and bottom left.
    [Theory]
    [InlineData(1, 0, 1, 2)]
    [InlineData(2, 1, 0, 3)]
    [InlineData(3, 3, 2, 1)]
    [InlineData(4, 2, 3, 0)]
    [InlineData(5, 0, 2, 1)]
    [InlineData(6, 2, 0, 3)]
    [InlineData(7, 3, 1, 2)]
    [InlineData(8, 1, 3, 0)]
    public void A_photograph_is_turned_upright(ushort orientation, int topLeft, int topRight, int bottomLeft)
    {
        using TempFolder folder = new();
        byte[] grays = [0, 80, 160, 240];
        const int width = 48, height = 32;
        byte[] pixels = [.. Enumerable.Range(0, width * height).SelectMany(i => Enumerable.Repeat(grays[(i % width >= width / 2 ? 1 : 0) + (i / width >= height / 2 ? 2 : 0)], 3))];
        Write(folder["a.jpg"], new(width, height, pixels));
        byte[] exif = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0];
        File.WriteAllBytes(folder["a.jpg"], JpegMetadata.InsertExif(File.ReadAllBytes(folder["a.jpg"]), exif));

        RgbImage upright = ImageFile.Read(folder["a.jpg"]);
        Assert.Equal(orientation >= 5 ? (height, width) : (width, height), (upright.Width, upright.Height));
        int At(int x, int y) => (upright.Pixels[(y * upright.Width + x) * 3] + 40) / 80;
        Assert.Equal((topLeft, topRight, bottomLeft), (At(4, 4), At(upright.Width - 5, 4), At(4, upright.Height - 5)));
    }

    private static void Write(string path, RgbImage image, string? text = null) => ImageFile.Write(path, image, text, TestContext.Current.CancellationToken);

    private static RgbImage Noise(int width, int height)
    {
        byte[] pixels = new byte[width * height * 3];
        new Random(1).NextBytes(pixels);
        return new(width, height, pixels);
    }

    private static RgbImage Gradient(int width, int height) =>
        new(width, height, [.. Enumerable.Range(0, width * height).SelectMany(i => new[] { (byte)(i % width * 255 / width), (byte)(i / width * 255 / height), (byte)90 })]);

    private static string[] Names(TempFolder folder) => [.. Directory.GetFileSystemEntries(folder.Path).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
