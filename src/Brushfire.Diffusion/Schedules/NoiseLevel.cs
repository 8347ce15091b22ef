// One level of noise, and what a network says about latents at that level.

namespace Brushfire.Diffusion.Schedules;

/// <summary>What a network was trained to predict from noisy latents.</summary>
public enum PredictionKind
{
    /// <summary>The noise.</summary>
    Epsilon,

    /// <summary>alpha * noise - sigma * clean latents (Salimans and Ho 2022).</summary>
    V,

    /// <summary>The clean latents.</summary>
    Sample,
}

/// <summary>In which scale noisy latents are kept between steps.</summary>
public enum NoiseScale
{
    /// <summary>alpha^2 + sigma^2 = 1: latents keep the variance of the noise (DDIM, PLMS).</summary>
    VariancePreserving,

    /// <summary>alpha = 1: noise is added to unscaled latents (Euler and its kin).</summary>
    VarianceExploding,
}

/// <summary>Latents at this level are Alpha * clean + Sigma * noise.</summary>
/// <param name="Timestep">What the network is told, 0 (clean) to the number of training timesteps; may be fractional.</param>
/// <param name="Alpha">Scale of the clean latents, 0 to 1; always 1 in the variance-exploding scale.</param>
/// <param name="Sigma">Standard deviation of the noise, at least 0.</param>
public readonly record struct NoiseLevel(double Timestep, double Alpha, double Sigma)
{
    /// <summary>Standard deviation of latents at this level where clean ones have 1; networks take latents divided by it.</summary>
    public double Norm => Math.Sqrt(Alpha * Alpha + Sigma * Sigma);
}
