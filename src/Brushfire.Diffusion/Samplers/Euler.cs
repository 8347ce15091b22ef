// Euler's method down the sigmas (Karras et al. 2022, algorithm 1 without second-order correction): dx/dsigma is the
// estimated noise.

using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Samplers;

internal static class Euler
{
    public static IEnumerable<SamplerStep> Run(Denoiser denoiser, Tensor latents, NoiseLevels levels, NoiseSource noise)
    {
        for (int i = 0; i < levels.Steps; i++)
        {
            SamplerStep step;
            using (var scope = new TensorScope())
            {
                Estimate estimate = denoiser.Estimate(latents, levels[i]);
                Tensor next = latents + estimate.Epsilon * (float)(levels[i + 1].Sigma - levels[i].Sigma);
                step = scope.Keep(new SamplerStep(i, levels[i], next, estimate.Denoised));
            }

            latents = step.Latents;
            yield return step;
        }
    }
}
