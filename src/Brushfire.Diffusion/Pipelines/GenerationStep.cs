// What a run hands out after each step: how far it is, and the latents to look at.

using Brushfire.Diffusion.Imaging;
using Brushfire.Diffusion.Samplers;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Pipelines;

public sealed class GenerationStep
{
    private readonly SamplerStep _step;
    private readonly Func<Tensor, RgbImage[]> _decode;

    internal GenerationStep(SamplerStep step, int count, Func<Tensor, RgbImage[]> decode) => (_step, Count, _decode) = (step, count, decode);

    /// <summary>1 to Count.</summary>
    public int Number => _step.Index + 1;

    /// <summary>Steps of the whole run.</summary>
    public int Count { get; }

    public bool IsLast => Number == Count;

    /// <summary>What the network was told: falls to about 0.</summary>
    public double Timestep => _step.Level.Timestep;

    /// <summary>[N, height, width, channels] after this step, still noisy but for the last.</summary>
    public Tensor Latents => _step.Latents;

    /// <summary>The estimate of the clean latents that this step was made with, in the shape of <see cref="Latents"/>.</summary>
    public Tensor Denoised => _step.Denoised;

    /// <summary>The run's pictures: finished after the last step, a preview after any other. Costs a run of the decoder.</summary>
    /// <exception cref="OperationCanceledException">The run's token was cancelled.</exception>
    public RgbImage[] Decode() => _decode(IsLast ? Latents : Denoised);
}
