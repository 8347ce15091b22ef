// Euler's method that goes down too far and adds new noise up to the next sigma, so that each step forgets a part of the
// noise before it: ancestral sampling (Song et al. 2021, "Score-based generative modeling", appendix F) with eta 1.

using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Samplers;

internal static class EulerAncestral
{
    public static IEnumerable<SamplerStep> Run(Denoiser denoiser, Tensor latents, NoiseLevels levels, NoiseSource noise)
    {
        for (int i = 0; i < levels.Steps; i++)
        {
            SamplerStep step;
            using (var scope = new TensorScope())
            {
                double from = levels[i].Sigma, to = levels[i + 1].Sigma;
                double up = Math.Min(to, to / from * Math.Sqrt(from * from - to * to));
                double down = Math.Sqrt(to * to - up * up);
                Estimate estimate = denoiser.Estimate(latents, levels[i]);
                Tensor next = latents + estimate.Epsilon * (float)(down - from);
                if (up > 0) next += noise.Draw(latents.Shape) * (float)up;
                step = scope.Keep(new SamplerStep(i, levels[i], next, estimate.Denoised));
            }

            latents = step.Latents;
            yield return step;
        }
    }
}
