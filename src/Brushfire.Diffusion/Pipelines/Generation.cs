// One run of a pipeline, begun by enumerating it: encode the prompts, draw the noise, walk down the levels.

using System.Collections;
using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Samplers;
using Brushfire.Diffusion.Schedules;
using Brushfire.Kernels;
using Brushfire.Models.Text;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Pipelines;

/// <summary>The steps of a run. Each enumeration is a run of its own and gives the same bytes.</summary>
public sealed class Generation : IEnumerable<GenerationStep>
{
    private readonly DiffusionPipeline _pipeline;
    private readonly PromptEncoding _prompts;
    private readonly CancellationToken _cancellation;

    internal Generation(DiffusionPipeline pipeline, GenerationRequest request, PromptEncoding prompts, IReadOnlyList<string> modelNotices, CancellationToken cancellation)
    {
        (_pipeline, Request, _prompts, _cancellation) = (pipeline, request, prompts, cancellation);
        Notices = prompts.ChunkCount == 1
            ? modelNotices
            : [.. modelNotices, $"The prompt or the negative prompt is longer than the model's context of {prompts.ContextLength} tokens; both are encoded in {prompts.ChunkCount} chunks."];
    }

    /// <summary>The request with everything filled in that it left to the model.</summary>
    public GenerationRequest Request { get; }

    /// <summary>What is worth telling, in sentences.</summary>
    public IReadOnlyList<string> Notices { get; }

    /// <exception cref="OperationCanceledException">The run's token was cancelled.</exception>
    public IEnumerator<GenerationStep> GetEnumerator()
    {
        using IEnumerator<SamplerStep> steps = Inside(Start);
        while (Inside(steps.MoveNext))
            yield return new GenerationStep(steps.Current, Request.Steps, latents => Inside(() => _pipeline.Decode(latents)));
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private IEnumerator<SamplerStep> Start()
    {
        Sampler sampler = Sampler.Named(Request.Sampler!);
        NoiseLevels levels = _pipeline.Schedule.Levels(Request.Steps, SigmaSpacing.Named(Request.Spacing!), sampler.Scale);
        LatentSpace space = _pipeline.LatentSpace;
        var noise = new NoiseSource(Request.NoiseGenerator, Request.Seed, Request.BatchSize);
        using var scope = new TensorScope();
        Tensor start = noise.Draw([Request.BatchSize, space.ToLatents(Request.PixelHeight!.Value), space.ToLatents(Request.PixelWidth!.Value), space.Channels]);
        start = scope.Keep(start * (float)levels.StartScale);
        Denoiser denoiser = scope.Keep(_pipeline.CreateDenoiser(_prompts, Request));
        return sampler.Run(denoiser, start, levels, noise).GetEnumerator();
    }

    // Kernels look at the token of their thread between items, ops at its precision; both are back in place before the caller goes on.
    private T Inside<T>(Func<T> run)
    {
        using IDisposable precision = Autocast.Use(Request.Precision), cancelling = WorkerPool.Use(_cancellation);
        _cancellation.ThrowIfCancellationRequested();
        return run();
    }
}
