// The noise of every training timestep, computed from settings as the reference implementation does: tables in float32, with
// the cumulative product summed up in double. Gives the levels of a run for a number of steps and a spacing.

using Brushfire.Tensors;

namespace Brushfire.Diffusion.Schedules;

public sealed class NoiseSchedule
{
    // Cumulative product of 1 - beta: the share of the clean latents' variance that is left at each timestep.
    private readonly float[] _alphasCumprod;

    /// <exception cref="BrushfireException">Lists everything that is wrong with the settings.</exception>
    public NoiseSchedule(NoiseScheduleSettings settings)
    {
        string[] problems = [.. settings.Problems()];
        if (problems.Length > 0) throw new BrushfireException($"The noise schedule cannot be made: {string.Join("; ", problems)}.");
        Settings = settings;
        _alphasCumprod = new float[settings.TrainTimesteps];
        float[] betas = Betas(settings);
        double product = 1;
        for (int i = 0; i < betas.Length; i++)
        {
            product *= 1 - betas[i];
            _alphasCumprod[i] = (float)product;
        }
    }

    public NoiseScheduleSettings Settings { get; }

    /// <summary>Timesteps of training, counted from 0.</summary>
    public int Timesteps => _alphasCumprod.Length;

    /// <summary>Why a run of so many steps cannot be made, or null where it can.</summary>
    public string? Problem(int steps, SigmaSpacing spacing)
    {
        if (steps < 1 || steps > Timesteps) return $"{steps} steps cannot be taken; the model knows {Timesteps} timesteps, so choose 1 to {Timesteps}";
        double first = spacing.Timesteps(this, steps)[0];
        return first > Timesteps - 1 ? $"{steps} steps with spacing {spacing} and steps_offset {Settings.StepsOffset} start at timestep {first}, beyond the last one, {Timesteps - 1}; take fewer steps or another spacing" : null;
    }

    /// <summary>The levels of a run.</summary>
    /// <param name="steps">1 to the number of training timesteps.</param>
    /// <exception cref="BrushfireException">There are more steps than timesteps, or the offset leads beyond the last timestep.</exception>
    public NoiseLevels Levels(int steps, SigmaSpacing spacing, NoiseScale scale) =>
        Problem(steps, spacing) is { } problem ? throw new BrushfireException($"{problem}.") : Levels(spacing.Timesteps(this, steps), Timesteps / steps, scale, spacing.StartsAtPureNoise);

    internal NoiseLevels Levels(double[] timesteps, int stride, NoiseScale scale, bool startsAtPureNoise)
    {
        if (scale == NoiseScale.VariancePreserving)
        {
            // Only whole timesteps have a level here.
            NoiseLevel last = Settings.SetAlphaToOne ? new(0, 1, 0) : Preserving(0);
            return new([.. timesteps.Select(timestep => Preserving(Math.Round(timestep))), last], stride, 1, Preserving);
        }

        NoiseLevel[] levels = [.. timesteps.Select(timestep => Exploding((float)timestep)), new(0, 1, 0)];
        return new(levels, stride, startsAtPureNoise ? levels[0].Sigma : levels[0].Norm, Exploding);
    }

    private NoiseLevel Preserving(double timestep)
    {
        float alphaCumprod = _alphasCumprod[(int)timestep];
        return new(timestep, MathF.Sqrt(alphaCumprod), MathF.Sqrt(1 - alphaCumprod));
    }

    // Sigma between two timesteps is interpolated.
    private NoiseLevel Exploding(double timestep)
    {
        int below = (int)timestep;
        double sigma = Sigma(below);
        if (timestep > below) sigma += (timestep - below) * (Sigma(below + 1) - sigma);
        return new(timestep, 1, (float)sigma);
    }

    private float Sigma(int timestep) => MathF.Sqrt((1 - _alphasCumprod[timestep]) / _alphasCumprod[timestep]);

    private static float[] Betas(NoiseScheduleSettings settings)
    {
        if (settings.TrainedBetas is { } trained) return [.. trained.Select(beta => (float)beta)];
        switch (settings.BetaSchedule)
        {
            case "linear":
                return Linspace((float)settings.BetaStart, (float)settings.BetaEnd, settings.TrainTimesteps);
            case "scaled_linear":
                float[] roots = Linspace((float)Math.Sqrt(settings.BetaStart), (float)Math.Sqrt(settings.BetaEnd), settings.TrainTimesteps);
                return [.. roots.Select(root => root * root)];
            default:
                // squaredcos_cap_v2: Nichol and Dhariwal 2021, equation 17.
                double count = settings.TrainTimesteps;
                return [.. Enumerable.Range(0, settings.TrainTimesteps).Select(i => (float)Math.Min(1 - CosineAlpha((i + 1) / count) / CosineAlpha(i / count), 0.999))];
        }
    }

    private static double CosineAlpha(double time) => Math.Pow(Math.Cos((time + 0.008) / 1.008 * Math.PI / 2), 2);

    // From both ends, as torch does: values beyond the middle are counted from the last.
    private static float[] Linspace(float first, float last, int count)
    {
        float step = count == 1 ? 0 : (last - first) / (count - 1);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = i < count / 2 || count == 1 ? first + step * i : last - step * (count - 1 - i);
        return values;
    }
}
