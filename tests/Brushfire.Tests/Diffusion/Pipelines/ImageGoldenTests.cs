// Whole pictures of the shipped model against the reference's: final latents and decoded pictures. Each case writes its
// settings to the model's scheduler_config.json, and the pipeline takes sampler and spacing from there. Each is drawn in
// both precisions. Cases whose samplers
// or kinds of run are not served yet are skipped by name.

using System.Text.Json.Nodes;
using Brushfire.Cli.Images;
using Brushfire.Diffusion.Imaging;
using Brushfire.Diffusion.Pipelines;
using Brushfire.Tensors;

namespace Brushfire.Tests.Diffusion.Pipelines;

public sealed class ImageGoldenTests
{
    private const string Folder = "images", Missing = "(no reference file)";
    private const double LatentTolerance = 2e-2, PixelTolerance = 1.5, BFloat16PixelTolerance = 4;

    public static TheoryData<string> Names() => Golden.Files(Folder, "cases.json").Any() ? [.. Cases().Select(image => (string)image["name"]!)] : [Missing];

    [Theory]
    [MemberData(nameof(Names))]
    public void Latents_and_pictures_agree_with_diffusers(string name)
    {
        JsonNode image = Cases().Single(image => (string)image["name"]! == name);
        if (WaitsFor(image) is { } missing) Assert.Skip($"{name} waits for {missing}.");

        // Parts of the reference may be missing: what is there is compared.
        Golden? latents = Golden.Files(Folder, "latents.safetensors").Select(Golden.Open).FirstOrDefault(file => file.Has(name));
        int[] pictures = [.. Enumerable.Range(0, (int)image["batch"]!).Where(i => Golden.Files(Folder, $"{name}-{i}.png").Any())];
        if (latents is null && pictures.Length == 0) Assert.Skip($"The reference has neither latents nor pictures of {name}.");

        using var model = new ModelCopy();
        File.WriteAllText(model["scheduler/scheduler_config.json"], GoldenSettings.SchedulerConfig((string)image["class"]!, image["settings"]!));
        DiffusionPipeline pipeline = DiffusionPipeline.Open(model.Path);
        var request = new GenerationRequest((string)image["prompt"]!)
        {
            NegativePrompt = (string)image["negative"]!,
            Steps = (int)image["steps"]!,
            GuidanceScale = (double)image["guidance"]!,
            Seed = (long)image["seed"]!,
            PixelWidth = (int)image["width"]!,
            PixelHeight = (int)image["height"]!,
            BatchSize = (int)image["batch"]!,
        };

        GenerationStep last = pipeline.Generate(request, TestContext.Current.CancellationToken).Last();
        if (latents is not null) Close.Relative(latents.Floats(name), last.Latents.ToChannelsFirst().ToArray(), LatentTolerance, "final latents");
        RgbImage[] drawn = last.Decode();
        Assert.Equal(request.BatchSize, drawn.Length);
        foreach (int i in pictures) AssertAlike(ImageFile.Read(Golden.PathOf($"{Folder}/{name}-{i}.png")), drawn[i], PixelTolerance);

        RgbImage[] drawnInBFloat16 = pipeline.Generate(request with { Precision = DType.BFloat16 }, TestContext.Current.CancellationToken).Last().Decode();
        Assert.NotEqual(drawn[0].Pixels, drawnInBFloat16[0].Pixels);
        for (int i = 0; i < drawn.Length; i++) AssertAlike(drawn[i], drawnInBFloat16[i], BFloat16PixelTolerance);
        foreach (int i in pictures) AssertAlike(ImageFile.Read(Golden.PathOf($"{Folder}/{name}-{i}.png")), drawnInBFloat16[i], BFloat16PixelTolerance);
    }

    private static string? WaitsFor(JsonNode image) =>
        image["mask"] is not null ? "in-painting"
        : image["init"] is not null ? "image to image"
        : GoldenSettings.WaitsFor((string)image["class"]!, image["settings"]!, image["eta"]);

    private static void AssertAlike(RgbImage expected, RgbImage actual, double tolerance)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        double mean = expected.Pixels.Zip(actual.Pixels, (a, b) => Math.Abs(a - b)).Average();
        Assert.True(mean <= tolerance, $"The pictures differ by {mean:F2} of 255 in the mean; {tolerance} is allowed.");
    }

    private static JsonNode[] Cases() => [.. GoldenSettings.Parse(File.ReadAllText(Golden.PathOf(Folder + "/cases.json"))).AsArray().Select(image => image!)];
}
