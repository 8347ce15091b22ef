// The noise levels of one run: where each step starts, where it ends, and how strong the noise is that the run starts from.
// Made by a NoiseSchedule; samplers walk down it.

using Brushfire.Tensors;

namespace Brushfire.Diffusion.Schedules;

/// <summary>Level i is where step i starts, for i from 0 to Steps - 1; level Steps is where the run ends.</summary>
public sealed class NoiseLevels
{
    private readonly NoiseLevel[] _levels;
    private readonly int? _stride;
    private readonly Func<double, NoiseLevel> _at;

    internal NoiseLevels(NoiseLevel[] levels, int? stride, double startScale, Func<double, NoiseLevel> at)
    {
        _levels = levels;
        _stride = stride;
        _at = at;
        StartScale = startScale;
    }

    public int Steps => _levels.Length - 1;
    public NoiseLevel this[int index] => _levels[index];

    /// <summary>Starting latents are standard normal noise times this.</summary>
    public double StartScale { get; }

    /// <summary>Levels in the variance-exploding scale; a level's timestep is its sigma.</summary>
    /// <param name="sigmas">Falling, the last one where the run ends: usually 0.</param>
    /// <exception cref="BrushfireException">There are fewer than two sigmas, or they do not fall.</exception>
    public static NoiseLevels FromSigmas(params ReadOnlySpan<double> sigmas)
    {
        if (sigmas.Length < 2) throw new BrushfireException($"A run needs at least two sigmas, its start and its end; {sigmas.Length} were given.");
        var levels = new NoiseLevel[sigmas.Length];
        for (int i = 0; i < levels.Length; i++)
        {
            if (i > 0 && !(sigmas[i] < sigmas[i - 1] && sigmas[i] >= 0)) throw new BrushfireException($"Sigmas must fall and end at 0 or above; sigma {i} is {sigmas[i]} after {sigmas[i - 1]}.");
            levels[i] = At(sigmas[i]);
        }

        return new(levels, null, levels[0].Norm, At);

        static NoiseLevel At(double sigma) => new(sigma, 1, sigma);
    }

    // Note: strides. The reference implementation of DDIM and PLMS lets every step span the same number of training
    // timesteps, rounded down, and not the distance to the next level. Both are the same unless the number of steps does not
    // divide the number of timesteps or the spacing is linspace; published pictures depend on it.

    /// <summary>The level one stride, or a part of one, below where a step starts: a whole one is where DDIM and PLMS end it.</summary>
    public NoiseLevel Below(int step, double strides = 1) => At(_levels[step].Timestep - Distance(step, strides));

    /// <summary>The level one stride, or a part of one, above where a step starts.</summary>
    public NoiseLevel Above(int step, double strides = 1) => At(_levels[step].Timestep + Distance(step - 1, strides));

    private double Distance(int step, double strides) =>
        _stride is { } stride ? Math.Floor(stride * strides) : (_levels[step].Timestep - _levels[step + 1].Timestep) * strides;

    private NoiseLevel At(double timestep) => timestep < 0 ? _levels[^1] : _at(timestep);
}
