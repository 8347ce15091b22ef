// Whole pictures of the shipped model against the reference's: final latents and decoded pictures. Cases whose samplers or
// kinds of run are not served yet are skipped by name.

using System.Text.Json.Nodes;
using Brushfire.Cli.Images;
using Brushfire.Diffusion.Imaging;
using Brushfire.Diffusion.Pipelines;
using Brushfire.Diffusion.Samplers;
using Brushfire.Diffusion.Schedules;
using Brushfire.Models.Catalog;

namespace Brushfire.Tests.Diffusion.Pipelines;

public sealed class ImageGoldenTests
{
    private const string Folder = "images", Missing = "(no reference file)";
    private const double LatentTolerance = 2e-2, PixelTolerance = 1.5;

    private static readonly Lazy<ModelSource> s_model = new(() => ModelSource.Open("emoji"));

    public static TheoryData<string> Names() => Golden.Files(Folder, "cases.json").Any() ? [.. Cases().Select(image => (string)image["name"]!)] : [Missing];

    [Theory]
    [MemberData(nameof(Names))]
    public void Latents_and_pictures_agree_with_diffusers(string name)
    {
        Golden latents = Golden.Open(Folder + "/latents.safetensors");
        JsonNode image = Cases().Single(image => (string)image["name"]! == name);
        if (WaitsFor(image) is { } missing) Assert.Skip($"{name} waits for {missing}.");

        NoiseScheduleSettings settings = GoldenSettings.Read((string)image["class"]!, image["settings"]!);
        var pipeline = new DiffusionPipeline(s_model.Value);
        Assert.Equal(settings with { ClassName = null, Spacing = SigmaSpacing.Leading, SkipPrkSteps = false }, pipeline.Schedule.Settings with { ClassName = null, Spacing = SigmaSpacing.Leading, SkipPrkSteps = false });
        var request = new GenerationRequest((string)image["prompt"]!)
        {
            NegativePrompt = (string)image["negative"]!,
            Sampler = Sampler.Of(settings)!.Name,
            Spacing = settings.Spacing.Name,
            Steps = (int)image["steps"]!,
            GuidanceScale = (double)image["guidance"]!,
            Seed = (long)image["seed"]!,
            PixelWidth = (int)image["width"]!,
            PixelHeight = (int)image["height"]!,
            BatchSize = (int)image["batch"]!,
        };

        GenerationStep last = pipeline.Generate(request, TestContext.Current.CancellationToken).Last();
        Close.Relative(latents.Floats(name), last.Latents.ToChannelsFirst().ToArray(), LatentTolerance, "final latents");
        RgbImage[] pictures = last.Decode();
        Assert.Equal(request.BatchSize, pictures.Length);
        for (int i = 0; i < pictures.Length; i++) AssertAlike(ImageFile.Read(Golden.PathOf($"{Folder}/{name}-{i}.png")), pictures[i]);
    }

    private static string? WaitsFor(JsonNode image) =>
        image["mask"] is not null ? "in-painting"
        : image["init"] is not null ? "image to image"
        : GoldenSettings.WaitsFor((string)image["class"]!, image["settings"]!, image["eta"]);

    private static void AssertAlike(RgbImage expected, RgbImage actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        double mean = expected.Pixels.Zip(actual.Pixels, (a, b) => Math.Abs(a - b)).Average();
        Assert.True(mean <= PixelTolerance, $"The pictures differ by {mean:F2} of 255 in the mean; {PixelTolerance} is allowed.");
    }

    private static JsonNode[] Cases() => [.. GoldenSettings.Parse(File.ReadAllText(Golden.PathOf(Folder + "/cases.json"))).AsArray().Select(image => image!)];
}
