// Pseudo linear multistep (Liu et al. 2022, equations 9 and 12): the prediction is extrapolated from those of the last
// steps by Adams-Bashforth. The first step has none yet and averages its prediction with one a step ahead.

using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Samplers;

internal static class Plms
{
    public static IEnumerable<SamplerStep> Run(Denoiser denoiser, Tensor latents, NoiseLevels levels, NoiseSource noise)
    {
        var history = new Queue<Tensor>();
        for (int i = 0; i < levels.Steps; i++)
        {
            SamplerStep step = i == 0 && levels.Steps > 1
                ? FirstStep(denoiser, latents, levels, history)
                : Step(denoiser, latents, levels, i, history);
            latents = step.Latents;
            yield return step;
        }
    }

    /// <summary>A multistep step; the history holds the predictions of up to three steps before, oldest first, and takes this one's.</summary>
    internal static SamplerStep Step(Denoiser denoiser, Tensor latents, NoiseLevels levels, int i, Queue<Tensor> history)
    {
        using var scope = new TensorScope();
        history.Enqueue(scope.Keep(denoiser.Predict(latents, levels[i])));
        if (history.Count > 4) history.Dequeue().Dispose();
        Estimate estimate = denoiser.Estimate(Extrapolate([.. history]), latents, levels[i]);
        return scope.Keep(new SamplerStep(i, levels[i], estimate.At(levels.Below(i)), estimate.Denoised));
    }

    // Pseudo improved Euler: a trial step, and the real one with the mean of the predictions at both of its ends.
    private static SamplerStep FirstStep(Denoiser denoiser, Tensor latents, NoiseLevels levels, Queue<Tensor> history)
    {
        using var scope = new TensorScope();
        Tensor here = scope.Keep(denoiser.Predict(latents, levels[0]));
        Tensor trial = denoiser.Estimate(here, latents, levels[0]).At(levels.Below(0));
        Tensor ahead = denoiser.Predict(trial, levels[1]);
        history.Enqueue(here);
        Estimate estimate = denoiser.Estimate((here + ahead) / 2, latents, levels.Above(1));
        return scope.Keep(new SamplerStep(0, levels[0], estimate.At(levels[1]), estimate.Denoised));
    }

    private static Tensor Extrapolate(Tensor[] history) => history switch
    {
        [var e] => e,
        [var e1, var e] => (e * 3 - e1) / 2,
        [var e2, var e1, var e] => (e * 23 - e1 * 16 + e2 * 5) / 12,
        [var e3, var e2, var e1, var e] => (e * 55 - e1 * 59 + e2 * 37 - e3 * 9) / 24,
        _ => throw new ArgumentException($"A multistep formula takes 1 to 4 predictions, not {history.Length}."),
    };
}
