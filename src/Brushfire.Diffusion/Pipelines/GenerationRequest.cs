// What somebody wants drawn. Checked as a whole before anything is loaded: all problems are told at once.

using Brushfire.Diffusion.Samplers;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Pipelines;

/// <param name="Prompt">What to draw; longer texts than the model's context are encoded in chunks. May be empty.</param>
public sealed record GenerationRequest(string Prompt)
{
    /// <summary>The largest side of a picture, in pixels.</summary>
    public const int MaxPixels = 16384;

    /// <summary>The most pictures in one run.</summary>
    public const int MaxBatchSize = 256;

    /// <summary>What to lead away from; works only where the guidance scale is not 1.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>1 to the number of timesteps that the model was trained on.</summary>
    public int Steps { get; init; } = 25;

    /// <summary>How strictly to follow the prompt, 0 or more; 1 is without guidance, twice as fast.</summary>
    public double GuidanceScale { get; init; } = 7.5;

    /// <summary>A name of <see cref="Samplers.Sampler.All"/>; null takes the model's own.</summary>
    public string? Sampler { get; init; }

    /// <summary>A name of <see cref="SigmaSpacing.All"/>; null takes the model's own.</summary>
    public string? Spacing { get; init; }

    /// <summary>Picture i of a batch is drawn from Seed + i, and is the one that a run of its own with that seed draws.</summary>
    public long Seed { get; init; }

    /// <summary>A name of <see cref="NoiseSource.Generators"/>.</summary>
    public string NoiseGenerator { get; init; } = NoiseSource.TorchCpu;

    /// <summary>A multiple of the VAE's factor, which is 8 for most models; null takes the size that the model was trained on.</summary>
    public int? PixelWidth { get; init; }

    /// <inheritdoc cref="PixelWidth"/>
    public int? PixelHeight { get; init; }

    /// <summary>Pictures in this run, 1 to <see cref="MaxBatchSize"/>.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>What the networks multiply in, f32 or bf16; see <see cref="Autocast"/>. Sampler and guidance are float32 always.</summary>
    public DType Precision { get; init; } = DType.Float32;

    /// <summary>Everything that keeps a model from serving this request; each one sentence without a full stop.</summary>
    public IEnumerable<string> Problems(NoiseSchedule schedule, LatentSpace latentSpace)
    {
        if (Prompt is null) yield return "the prompt is missing; an empty text draws something at random";
        if (NegativePrompt is null) yield return "the negative prompt is missing; an empty text leaves it out";
        if (!double.IsFinite(GuidanceScale) || GuidanceScale < 0) yield return $"the guidance scale is {GuidanceScale} and must be 0 or more";
        if (BatchSize is < 1 or > MaxBatchSize) yield return $"the batch size is {BatchSize} and must be 1 to {MaxBatchSize}";
        else if (Seed > long.MaxValue - (BatchSize - 1)) yield return $"the seeds of {BatchSize} pictures from {Seed} on pass the largest, {long.MaxValue}";
        if (SizeProblem("width", PixelWidth, latentSpace.Downsampling) is { } width) yield return width;
        if (SizeProblem("height", PixelHeight, latentSpace.Downsampling) is { } height) yield return height;
        if (Sampler is not null && Samplers.Sampler.All.All(sampler => sampler.Name != Sampler)) yield return Unknown("sampler", Sampler, Samplers.Sampler.All.Select(sampler => sampler.Name));
        if (Sampler is null && Samplers.Sampler.Of(schedule.Settings) is null) yield return OwnSamplerProblem(schedule.Settings);
        if (!NoiseSource.Generators.Contains(NoiseGenerator, StringComparer.Ordinal)) yield return Unknown("noise generator", NoiseGenerator, NoiseSource.Generators);

        if (Precision is not (DType.Float32 or DType.BFloat16)) yield return $"there are no products in {Precision.Name()}; the precision is {DType.Float32.Name()} or {DType.BFloat16.Name()}";
        SigmaSpacing? spacing = Spacing is null ? schedule.Settings.Spacing : SigmaSpacing.All.FirstOrDefault(spacing => spacing.Name == Spacing);
        if (spacing is null) yield return Unknown("spacing", Spacing!, SigmaSpacing.All.Select(spacing => spacing.Name));
        if (schedule.Problem(Steps, spacing ?? schedule.Settings.Spacing) is { } steps) yield return steps;
    }

    private static string? SizeProblem(string side, int? pixels, int factor)
    {
        if (pixels is null || (pixels >= factor && pixels <= MaxPixels && pixels % factor == 0)) return null;
        int below = (int)Math.Clamp(pixels.Value / factor * (long)factor, factor, MaxPixels / factor * factor);
        int above = Math.Min(below + factor, MaxPixels / factor * factor);
        string near = pixels > below && above > below ? $"{below} and {above} are near" : $"{below} is the nearest";
        return $"the {side} of {pixels} pixels is not a multiple of {factor} from {factor} to {MaxPixels}; {near}";
    }

    private static string OwnSamplerProblem(NoiseScheduleSettings settings) =>
        $"the model's own sampler, {settings.ClassName ?? "which it does not name"}, is not available; name one of {string.Join(", ", Samplers.Sampler.All.Select(sampler => sampler.Name))}";

    private static string Unknown(string what, string name, IEnumerable<string> known) => $"there is no {what} '{name}'; choose one of {string.Join(", ", known)}";
}
