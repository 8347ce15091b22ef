// Where the levels of a run lie on a noise schedule: one method and one line in the catalogue for each way.

using Brushfire.Tensors;

namespace Brushfire.Diffusion.Schedules;

/// <summary>A way to choose the timesteps of a run (Lin et al. 2024, table 2).</summary>
/// <param name="Name">As written in scheduler_config.json and on the command line.</param>
/// <param name="Description">One line for people.</param>
/// <param name="Timesteps">Gives as many falling timesteps as there are steps, of a schedule.</param>
/// <param name="StartsAtPureNoise">True where the first timestep is the schedule's last, so that runs start from noise alone.</param>
public sealed record SigmaSpacing(string Name, string Description, Func<NoiseSchedule, int, double[]> Timesteps, bool StartsAtPureNoise)
{
    public static SigmaSpacing Leading { get; } = new("leading", "equal distances, counted from the clean end", LeadingTimesteps, StartsAtPureNoise: false);
    public static SigmaSpacing Trailing { get; } = new("trailing", "equal distances, counted from the noisy end", TrailingTimesteps, StartsAtPureNoise: true);
    public static SigmaSpacing Linspace { get; } = new("linspace", "equal distances with both ends included", LinspaceTimesteps, StartsAtPureNoise: true);

    public static IReadOnlyList<SigmaSpacing> All { get; } = [Leading, Trailing, Linspace];

    /// <exception cref="BrushfireException">There is no spacing of this name.</exception>
    public static SigmaSpacing Named(string name) => All.FirstOrDefault(spacing => spacing.Name == name)
        ?? throw new BrushfireException($"There is no spacing '{name}'; choose one of {string.Join(", ", All.Select(spacing => spacing.Name))}.");

    public override string ToString() => Name;

    private static double[] LeadingTimesteps(NoiseSchedule schedule, int steps)
    {
        int stride = schedule.Timesteps / steps;
        return Falling(steps, i => (steps - 1 - i) * stride + schedule.Settings.StepsOffset);
    }

    private static double[] TrailingTimesteps(NoiseSchedule schedule, int steps)
    {
        double stride = (double)schedule.Timesteps / steps;
        return Falling(steps, i => Math.Round(schedule.Timesteps - i * stride) - 1);
    }

    private static double[] LinspaceTimesteps(NoiseSchedule schedule, int steps)
    {
        double stride = steps == 1 ? 0 : (double)(schedule.Timesteps - 1) / (steps - 1);
        return Falling(steps, i => (steps - 1 - i) * stride);
    }

    private static double[] Falling(int steps, Func<int, double> timestep)
    {
        double[] timesteps = new double[steps];
        for (int i = 0; i < steps; i++) timesteps[i] = timestep(i);
        return timesteps;
    }
}
