// DDIM with eta 0 (Song et al. 2021, equation 12): each step keeps the estimated noise and lowers its share.

using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Samplers;

internal static class Ddim
{
    public static IEnumerable<SamplerStep> Run(Denoiser denoiser, Tensor latents, NoiseLevels levels, NoiseSource noise)
    {
        for (int i = 0; i < levels.Steps; i++)
        {
            SamplerStep step;
            using (var scope = new TensorScope())
            {
                Estimate estimate = denoiser.Estimate(latents, levels[i]);
                step = scope.Keep(new SamplerStep(i, levels[i], estimate.At(levels.Below(i)), estimate.Denoised));
            }

            latents = step.Latents;
            yield return step;
        }
    }
}
