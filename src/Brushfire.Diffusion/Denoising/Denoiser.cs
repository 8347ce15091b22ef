// D(x, sigma): what samplers ask about noisy latents. Scales the network's input, calls the network, mixes guidance and
// converts the prediction. Before it: the noise levels; after it: the sampler's arithmetic.

using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Denoising;

/// <summary>A network's prediction for scaled latents [N, H, W, C] at a timestep, given a context [N, L, features]; in the latents' shape.</summary>
public delegate Tensor Network(Tensor latents, double timestep, Tensor context);

/// <summary>What noisy latents are made of: Alpha * Denoised + Sigma * Epsilon of their level.</summary>
public readonly record struct Estimate(Tensor Denoised, Tensor Epsilon)
{
    /// <summary>The same clean latents and noise, mixed as another level has them: DDIM, equation 12 with eta 0 (Song et al. 2021).</summary>
    public Tensor At(NoiseLevel level) => Denoised * (float)level.Alpha + Epsilon * (float)level.Sigma;
}

/// <summary>A network with what it is to draw. Holds no state of a run.</summary>
public sealed class Denoiser : ITensorGroup
{
    private readonly Network _network;
    private readonly PredictionKind _kind;
    private readonly Tensor _context;
    private readonly float? _guidanceScale;

    /// <param name="context">[N, L, features] of the prompts.</param>
    /// <param name="negativeContext">The same shape, of what to lead away from; null leaves guidance out.</param>
    /// <param name="guidanceScale">How far to go from the negative to the prompt's prediction; 1 leaves the negative half out.</param>
    public Denoiser(Network network, PredictionKind kind, Tensor context, Tensor? negativeContext = null, double guidanceScale = 1)
    {
        _network = network;
        _kind = kind;
        bool guided = negativeContext is not null && guidanceScale != 1;
        _context = guided ? Tensor.Concatenate(0, negativeContext!, context) : context;
        _guidanceScale = guided ? (float)guidanceScale : null;
    }

    public IEnumerable<Tensor> Tensors => [_context];

    /// <summary>The network's own prediction, guided, for latents [N, H, W, C] at a level.</summary>
    public Tensor Predict(Tensor latents, NoiseLevel level)
    {
        float scale = (float)(1 / level.Norm);
        Tensor input = scale == 1 ? latents : latents * scale;
        if (_guidanceScale is not { } guidance) return _network(input, level.Timestep, _context);

        // Both halves in one batch of 2N, the unconditional one first.
        Tensor[] halves = _network(Tensor.Concatenate(0, input, input), level.Timestep, _context).Split(0, 2);
        return halves[0] + (halves[1] - halves[0]) * guidance;
    }

    /// <summary>Clean latents and noise by the network's prediction for these latents.</summary>
    public Estimate Estimate(Tensor latents, NoiseLevel level) => Estimate(Predict(latents, level), latents, level);

    /// <summary>Clean latents and noise by a given prediction, as the network was trained to make it.</summary>
    public Estimate Estimate(Tensor prediction, Tensor latents, NoiseLevel level)
    {
        float alpha = (float)level.Alpha, sigma = (float)level.Sigma, norm = (float)level.Norm;
        switch (_kind)
        {
            case PredictionKind.Epsilon:
                return new((latents - prediction * sigma) / alpha, prediction);
            case PredictionKind.Sample:
                return new(prediction, (latents - prediction * alpha) / sigma);
            default:
                // V is told for latents of norm 1 (Salimans and Ho 2022, appendix D).
                Tensor unit = latents / norm;
                return new(unit * (alpha / norm) - prediction * (sigma / norm), unit * (sigma / norm) + prediction * (alpha / norm));
        }
    }
}
