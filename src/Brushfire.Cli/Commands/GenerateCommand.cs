// brushfire generate: pictures from prompts. Reads and checks the whole request, then runs the pipeline once a prompt and
// writes each picture with what made it in its metadata.

using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using Brushfire.Cli.Images;
using Brushfire.Diffusion.Pipelines;
using Brushfire.Diffusion.Samplers;
using Brushfire.Diffusion.Schedules;
using Brushfire.Kernels;
using Brushfire.Models.Layers;
using Brushfire.Tensors;

namespace Brushfire.Cli.Commands;

internal sealed class GenerateCommand : ProgramCommand
{
    private const string DefaultModel = "emoji";

    // A pixel of the latents; the models themselves say which multiples they can draw.
    private const int SmallestSide = 8;

    private readonly Argument<string?> _prompt = new("PROMPT") { Description = "what to draw", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _prompts, _output, _model, _negative, _steps, _sampler, _spacing, _guidance, _seed, _rng, _width, _height, _batch;
    private readonly Option<string?> _code, _attention, _precision, _compile, _threads;
    private readonly Option<bool> _json;

    public GenerateCommand() : base("generate", "Makes pictures from text.")
    {
        Arguments.Add(_prompt);
        _output = AddOption("--output", "FILE", "where to write: .png, .jpg or .webp, with {seed} and {index} filled in [default: from prompt and seed]", "-o");
        _prompts = AddOption("--prompts", "FILE", "several prompts, one a line; blank lines and lines that begin with # are skipped");
        _model = AddOption("--model", "NAME|PATH", $"catalogue name (emoji, sd15, sd21), model folder or checkpoint [default: {DefaultModel}]");
        _negative = AddOption("--negative", "TEXT", "what to lead away from");
        _steps = AddOption("--steps", "N", "denoising steps [default: 25]");
        _sampler = AddOption("--sampler", string.Join('|', Sampler.All.Select(sampler => sampler.Name)), "how to step [default: as the model says]");
        _spacing = AddOption("--spacing", string.Join('|', SigmaSpacing.All.Select(spacing => spacing.Name)), "how steps are spread over the noise levels [default: as the model says]");
        _guidance = AddOption("--guidance", "SCALE", "how strictly to follow the prompt; 1 is without guidance [default: 7.5]");
        _seed = AddOption("--seed", "N", "where the noise begins; picture i of a batch has seed + i [default: random, and told]");
        _rng = AddOption("--rng", string.Join('|', NoiseSource.Generators), $"whose noise [default: {NoiseSource.TorchCpu}]");
        _width = AddOption("--width", "PIXELS", "[default: as the model was trained]");
        _height = AddOption("--height", "PIXELS", "[default: as the model was trained]");
        _batch = AddOption("--batch", "N", "pictures a prompt [default: 1]");
        _code = AddOption("--code", Choices.Code, "how attention is written [default: optimized]");
        _attention = AddOption("--attention", Choices.Attention, "which attention kernel [default: auto]");
        _precision = AddOption("--precision", Choices.Precision, "what the networks multiply in; sums are fp32 [default: fp32]");
        _compile = AddOption("--compile", Choices.Compile, "unet: compile the networks at their first call [default: none]");
        _threads = AddOption("--threads", "N", "threads that kernels use [default: all processors]");
        _json = AddSwitch("--json", "tell paths, seeds, settings and timings as JSON on stdout");
    }

    public override void Run(OptionValues values, Terminal terminal, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        GenerateSettings settings = Read(values);
        DiffusionPipeline pipeline = Open(values, settings);
        values.ThrowIfWrong();

        var run = new GenerateRun(pipeline, settings, terminal, cancellation);
        using (settings.Attention is { } backend ? AttentionBackends.Allow(backend) : null)
            run.DrawAll();
        if (values[_json]) terminal.Data.WriteLine(Json.Print(run.ToJson(Stopwatch.GetElapsedTime(start))));
        else foreach (string path in run.Paths) terminal.Data.WriteLine(path);
    }

    private GenerateSettings Read(OptionValues values)
    {
        var request = new GenerationRequest("");
        long? seed = values.Whole(_seed, 0, long.MaxValue);
        var settings = new GenerateSettings
        {
            Model = values.Model(_model, DefaultModel),
            Prompts = ReadPrompts(values),
            Code = values.ReadCode(_code),
            Compile = values.ReadCompile(_compile),
            Attention = values.ReadBackend(_attention),
            SeedIsRandom = seed is null,
            Request = request with
            {
                NegativePrompt = values[_negative] ?? request.NegativePrompt,
                Steps = values.Whole(_steps, 1, NoiseScheduleSettings.MaxTimesteps) ?? request.Steps,
                GuidanceScale = values.Number(_guidance) ?? request.GuidanceScale,
                Sampler = values[_sampler],
                Spacing = values[_spacing],
                Seed = seed ?? RandomNumberGenerator.GetInt32(int.MaxValue),
                NoiseGenerator = values[_rng] ?? request.NoiseGenerator,
                PixelWidth = values.Whole(_width, SmallestSide, GenerationRequest.MaxPixels),
                PixelHeight = values.Whole(_height, SmallestSide, GenerationRequest.MaxPixels),
                BatchSize = values.Whole(_batch, 1, GenerationRequest.MaxBatchSize) ?? request.BatchSize,
                Precision = values.ReadPrecision(_precision),
            },
        };
        values.SetThreads(_threads);
        string output = values[_output] ?? DefaultName(values, settings.Prompts);
        values.Add(OutputNames.Problems(output));
        if (ImageFormats.OfPath(output) == ImageFormat.WebP)
        {
            CheckWebP(values, _width, settings.Request.PixelWidth);
            CheckWebP(values, _height, settings.Request.PixelHeight);
        }

        return settings with { Output = output };
    }

    private static void CheckWebP(OptionValues values, Option<string?> option, int? pixels)
    {
        if (pixels > ImageFile.LargestWebPSide) values.Add($"{option.Name} is '{pixels}', but WebP takes at most {ImageFile.LargestWebPSide} pixels a side; write PNG or JPEG, or a smaller picture");
    }

    private string[] ReadPrompts(OptionValues values)
    {
        (string? prompt, string? file) = (values[_prompt], values[_prompts]);
        if ((prompt is null) == (file is null))
        {
            values.Add(prompt is null ? "there is no prompt; give one, or --prompts with a file of them" : "there are a prompt and --prompts; give one of them");
            return [];
        }

        if (prompt is not null) return [prompt];
        if (file!.Length == 0)
        {
            values.Add("--prompts has no name of a file");
            return [];
        }

        try
        {
            string[] prompts = [.. File.ReadAllLines(file).Select(line => line.Trim()).Where(line => line.Length > 0 && !line.StartsWith('#'))];
            if (prompts.Length == 0) values.Add($"--prompts {file} holds no prompt");
            return prompts;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            values.Add($"--prompts {file} cannot be read. {exception.Message}");
            return [];
        }
    }

    // One prompt gives the name itself, several are counted under their file's name.
    private string DefaultName(OptionValues values, IReadOnlyList<string> prompts) =>
        values[_prompts] is { } file ? $"{Slug(Path.GetFileNameWithoutExtension(file))}-{{index}}-{{seed}}.png" : $"{Slug(prompts is [var prompt] ? prompt : "")}-{{seed}}.png";

    /// <summary>A text as part of a file name: letters and digits of its beginning, with '-' for all between.</summary>
    internal static string Slug(string text)
    {
        const int Longest = 48;
        string spaced = new([.. text.ToLowerInvariant().Select(letter => char.IsLetterOrDigit(letter) ? letter : ' ')]);
        string name = string.Join('-', spaced.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        if (name.Length > Longest) name = name[..Longest].TrimEnd('-');
        return name.Length > 0 ? name : "picture";
    }

    // Whether the model is there and can serve the request belongs to the problems that are told together.
    private static DiffusionPipeline Open(OptionValues values, GenerateSettings settings)
    {
        if (settings.Model.Length == 0) values.ThrowIfWrong();
        try
        {
            DiffusionPipeline pipeline = DiffusionPipeline.Open(settings.Model, settings.Code, settings.Compile);
            values.Add(settings.Request.Problems(pipeline.Schedule, pipeline.LatentSpace));
            return pipeline;
        }
        catch (BrushfireException exception) when (values.HasProblems)
        {
            values.Add(exception.Message);
            values.ThrowIfWrong();
            throw;
        }
    }
}

/// <summary>A whole request: prompts, and what is the same for all of them.</summary>
internal sealed record GenerateSettings
{
    public required string Model { get; init; }
    public required IReadOnlyList<string> Prompts { get; init; }
    public required AttentionCode Code { get; init; }
    public required bool Compile { get; init; }
    public required AttentionBackend? Attention { get; init; }
    public required bool SeedIsRandom { get; init; }
    public required GenerationRequest Request { get; init; }
    public string Output { get; init; } = "";
}
