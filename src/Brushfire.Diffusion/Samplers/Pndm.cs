// PNDM (Liu et al. 2022, algorithm 2): pseudo Runge-Kutta steps (equation 13) until there are three predictions to
// extrapolate from, then PLMS.

using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Samplers;

internal static class Pndm
{
    public static IEnumerable<SamplerStep> Run(Denoiser denoiser, Tensor latents, NoiseLevels levels, NoiseSource noise)
    {
        var history = new Queue<Tensor>();
        int warmUp = Math.Min(3, levels.Steps - 1);
        for (int i = 0; i < levels.Steps; i++)
        {
            SamplerStep step = i < warmUp ? RungeKuttaStep(denoiser, latents, levels, i, history) : Plms.Step(denoiser, latents, levels, i, history);
            latents = step.Latents;
            yield return step;
        }
    }

    // Four predictions: at the start, twice in the middle, at the end. All moves begin at the start.
    private static SamplerStep RungeKuttaStep(Denoiser denoiser, Tensor latents, NoiseLevels levels, int i, Queue<Tensor> history)
    {
        using var scope = new TensorScope();
        NoiseLevel start = levels[i], middle = levels.Above(i + 1, 0.5), end = levels[i + 1];
        Tensor first = scope.Keep(denoiser.Predict(latents, start));
        Tensor second = denoiser.Predict(Move(first, levels.Below(i, 0.5)), middle);
        Tensor third = denoiser.Predict(Move(second, middle), middle);
        Tensor fourth = denoiser.Predict(Move(third, end), end);
        history.Enqueue(first);
        Estimate estimate = denoiser.Estimate((first + (second + third) * 2 + fourth) / 6, latents, start);
        return scope.Keep(new SamplerStep(i, start, estimate.At(end), estimate.Denoised));

        Tensor Move(Tensor prediction, NoiseLevel to) => denoiser.Estimate(prediction, latents, start).At(to);
    }
}
