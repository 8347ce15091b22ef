// The samplers by name. A sampler walks from noise to clean latents; adding one means one file and one line here.

using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Samplers;

/// <summary>What a sampler yields after each step.</summary>
/// <param name="Index">0 for the first step.</param>
/// <param name="Level">The level that the step started from.</param>
/// <param name="Latents">[N, H, W, C] where the step ended, in the sampler's scale.</param>
/// <param name="Denoised">The estimate of the clean latents that the step was made with.</param>
public sealed record SamplerStep(int Index, NoiseLevel Level, Tensor Latents, Tensor Denoised) : ITensorGroup
{
    public IEnumerable<Tensor> Tensors => [Latents, Denoised];
}

/// <summary>Walks down the levels, one step an item; nothing is kept between two runs.</summary>
/// <param name="latents">Starting latents [N, H, W, C] at the first level.</param>
public delegate IEnumerable<SamplerStep> SamplerRun(Denoiser denoiser, Tensor latents, NoiseLevels levels, NoiseSource noise);

/// <param name="Name">As on the command line.</param>
/// <param name="ClassName">What scheduler_config.json calls it.</param>
/// <param name="Description">One line for people.</param>
/// <param name="Order">Its error falls with this power of the step size; 0 where it draws noise and no order is observed.</param>
/// <param name="Scale">The scale that its latents are in.</param>
public sealed record Sampler(string Name, string ClassName, string Description, int Order, NoiseScale Scale, SamplerRun Run)
{
    public static IReadOnlyList<Sampler> All { get; } =
    [
        new("plms", "PNDMScheduler", "linear multistep over four predictions; one extra call at the start", 2, NoiseScale.VariancePreserving, Plms.Run),
        new("pndm", "PNDMScheduler", "as plms, after three Runge-Kutta steps of four calls", 2, NoiseScale.VariancePreserving, Pndm.Run),
        new("ddim", "DDIMScheduler", "deterministic implicit steps", 1, NoiseScale.VariancePreserving, Ddim.Run),
        new("euler", "EulerDiscreteScheduler", "Euler steps down the sigmas", 1, NoiseScale.VarianceExploding, Euler.Run),
        new("euler-ancestral", "EulerAncestralDiscreteScheduler", "Euler steps with new noise after each", 0, NoiseScale.VarianceExploding, EulerAncestral.Run),
    ];

    /// <exception cref="BrushfireException">There is no sampler of this name.</exception>
    public static Sampler Named(string name) => All.FirstOrDefault(sampler => sampler.Name == name)
        ?? throw new BrushfireException($"There is no sampler '{name}'; choose one of {string.Join(", ", All.Select(sampler => sampler.Name))}.");

    /// <summary>The sampler that scheduler_config.json asks for, or null where it is not among them.</summary>
    public static Sampler? Of(NoiseScheduleSettings settings) => settings.ClassName switch
    {
        "PNDMScheduler" => Named(settings.SkipPrkSteps ? "plms" : "pndm"),
        string name => All.FirstOrDefault(sampler => sampler.ClassName == name),
        null => null,
    };
}
