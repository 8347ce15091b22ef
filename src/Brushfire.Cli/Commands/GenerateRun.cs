// The run of a checked request: draws prompt after prompt, writes the pictures, and remembers what was written.

using System.Diagnostics;
using System.Text.Json.Nodes;
using Brushfire.Bench;
using Brushfire.Cli.Images;
using Brushfire.Diffusion.Imaging;
using Brushfire.Diffusion.Pipelines;
using Brushfire.Kernels;
using Brushfire.Models.Layers;

namespace Brushfire.Cli.Commands;

internal sealed class GenerateRun(DiffusionPipeline pipeline, GenerateSettings settings, Terminal terminal, CancellationToken cancellation)
{
    private const int TitleLength = 40;

    private readonly List<Picture> _pictures = [];

    // Notices are told once, not again for every prompt.
    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private TimeSpan _stepping, _decoding, _writing;
    private GenerationRequest _request = settings.Request;

    private sealed record Picture(string Path, string Prompt, long Seed);

    public IEnumerable<string> Paths => _pictures.Select(picture => picture.Path);

    public void DrawAll()
    {
        int batch = settings.Request.BatchSize;
        long[] seeds = [.. settings.Prompts.SelectMany(_ => Enumerable.Range(0, batch)).Select(index => settings.Request.Seed + index)];
        IReadOnlyList<string> paths = OutputNames.Expand(settings.Output, seeds);
        for (int i = 0; i < settings.Prompts.Count; i++)
        {
            RgbImage[] images = Draw(settings.Prompts[i]);
            long start = Stopwatch.GetTimestamp();
            for (int j = 0; j < batch; j++) Write(paths[i * batch + j], images[j], settings.Prompts[i], seeds[j]);
            _writing += Stopwatch.GetElapsedTime(start);
        }

        terminal.Talk.WriteLine($"{_pictures.Count} picture{(_pictures.Count == 1 ? "" : "s")}: {_request.Steps} steps in {_stepping.TotalSeconds:F2} s, decoded in {_decoding.TotalSeconds:F2} s");
    }

    private RgbImage[] Draw(string prompt)
    {
        Generation generation = pipeline.Generate(settings.Request with { Prompt = prompt }, cancellation);
        _request = generation.Request;

        // Now that the model's files have proved to be whole.
        IEnumerable<string> notices = settings.SeedIsRandom ? generation.Notices.Prepend($"seed {_request.Seed}") : generation.Notices;
        foreach (string notice in notices.Where(_told.Add)) terminal.Talk.WriteLine(notice);
        RgbImage[] images = [];
        terminal.ShowProgress(Title(prompt), _request.Steps, told =>
        {
            long start = Stopwatch.GetTimestamp();
            foreach (GenerationStep step in generation)
            {
                told(step.Number);
                if (!step.IsLast) continue;
                _stepping += Stopwatch.GetElapsedTime(start);
                start = Stopwatch.GetTimestamp();
                images = step.Decode();
                _decoding += Stopwatch.GetElapsedTime(start);
            }
        });
        return images;
    }

    /// <summary>The beginning of a prompt, in one line without anything that steers a terminal.</summary>
    internal static string Title(string prompt)
    {
        string line = new([.. prompt.Select(letter => char.IsControl(letter) ? ' ' : letter)]);
        if (string.IsNullOrWhiteSpace(line)) return "picture";
        if (line.Length <= TitleLength) return line;
        int length = char.IsHighSurrogate(line[TitleLength - 2]) ? TitleLength - 2 : TitleLength - 1;
        return line[..length] + "…";
    }

    private void Write(string path, RgbImage image, string prompt, long seed)
    {
        var parameters = new GenerationParameters
        {
            Prompt = prompt,
            NegativePrompt = _request.NegativePrompt,
            Steps = _request.Steps,
            Sampler = _request.Sampler,
            Guidance = _request.GuidanceScale,
            Seed = seed,
            Size = (image.Width, image.Height),
            Model = settings.Model,
            Others = [("Spacing", _request.Spacing!), ("RNG", _request.NoiseGenerator), ("Code", CodeName), ("Attention", AttentionName), ("Precision", StepReport.Name(_request.Precision)), ("Version", $"brushfire {Version}")],
        };
        ImageFile.Write(path, image, parameters.Format(), cancellation);
        _pictures.Add(new Picture(path, prompt, seed));
    }

    private string CodeName => settings.Code switch
    {
        AttentionCode.Optimized => "optimized",
        AttentionCode.Original => "original",
    };

    private string AttentionName => settings.Attention is { } backend ? StepReport.Name(backend) : "auto";

    private static string? Version => typeof(GenerateRun).Assembly.GetName().Version?.ToString(3);

    public JsonObject ToJson(TimeSpan total) => new()
    {
        ["pictures"] = new JsonArray([.. _pictures.Select(picture => new JsonObject { ["path"] = picture.Path, ["prompt"] = picture.Prompt, ["seed"] = picture.Seed })]),
        ["settings"] = new JsonObject
        {
            ["model"] = settings.Model,
            ["negative"] = _request.NegativePrompt,
            ["steps"] = _request.Steps,
            ["sampler"] = _request.Sampler,
            ["spacing"] = _request.Spacing,
            ["guidance"] = _request.GuidanceScale,
            ["seed"] = _request.Seed,
            ["rng"] = _request.NoiseGenerator,
            ["width"] = _request.PixelWidth,
            ["height"] = _request.PixelHeight,
            ["batch"] = _request.BatchSize,
            ["code"] = CodeName,
            ["attention"] = AttentionName,
            ["precision"] = StepReport.Name(_request.Precision),
            ["threads"] = WorkerPool.Threads,
        },
        ["seconds"] = new JsonObject
        {
            ["steps"] = _stepping.TotalSeconds,
            ["decode"] = _decoding.TotalSeconds,
            ["write"] = _writing.TotalSeconds,
            ["total"] = total.TotalSeconds,
        },
    };
}
