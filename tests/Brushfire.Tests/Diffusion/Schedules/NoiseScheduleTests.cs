// Noise tables against plain double loops, and the timesteps and strides of the spacings.

using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Tests.Diffusion.Schedules;

public sealed class NoiseScheduleTests
{
    private static readonly NoiseScheduleSettings s_stableDiffusion = new(1000, 0.00085, 0.012, "scaled_linear") { StepsOffset = 1 };

    [Theory]
    [InlineData("linear")]
    [InlineData("scaled_linear")]
    [InlineData("squaredcos_cap_v2")]
    public void Levels_agree_with_a_product_in_double(string betaSchedule)
    {
        const int Count = 300;
        var schedule = new NoiseSchedule(new NoiseScheduleSettings(Count, 0.001, 0.02, betaSchedule));
        NoiseLevels preserving = schedule.Levels(Count, SigmaSpacing.Trailing, NoiseScale.VariancePreserving);
        NoiseLevels exploding = schedule.Levels(Count, SigmaSpacing.Trailing, NoiseScale.VarianceExploding);
        double product = 1;
        for (int t = 0; t < Count; t++)
        {
            double fraction = (double)t / (Count - 1);
            product *= betaSchedule switch
            {
                "linear" => 1 - (0.001 + fraction * (0.02 - 0.001)),
                "scaled_linear" => 1 - Math.Pow(Math.Sqrt(0.001) + fraction * (Math.Sqrt(0.02) - Math.Sqrt(0.001)), 2),
                _ => 1 - Math.Min(0.999, 1 - Bar(t + 1) / Bar(t)),
            };
            NoiseLevel level = preserving[Count - 1 - t];
            Assert.Equal(t, level.Timestep);
            Assert.Equal(Math.Sqrt(product), level.Alpha, 1e-5);
            Assert.Equal(Math.Sqrt(1 - product), level.Sigma, 1e-5);
            Assert.Equal(1, level.Norm, 1e-6);
            double sigma = Math.Sqrt((1 - product) / product);
            Assert.Equal(1, exploding[Count - 1 - t].Alpha);
            Assert.Equal(sigma, exploding[Count - 1 - t].Sigma, 1e-3 * sigma);
        }

        static double Bar(int t) => Math.Pow(Math.Cos(((double)t / Count + 0.008) / 1.008 * Math.PI / 2), 2);
    }

    [Fact]
    public void Trained_betas_replace_the_formula()
    {
        var schedule = new NoiseSchedule(new NoiseScheduleSettings(2) { TrainedBetas = [0.5, 0.25] });
        NoiseLevels levels = schedule.Levels(2, SigmaSpacing.Trailing, NoiseScale.VariancePreserving);
        Assert.Equal(Math.Sqrt(0.5 * 0.75), levels[0].Alpha, 1e-7);
        Assert.Equal(Math.Sqrt(0.5), levels[1].Alpha, 1e-7);
    }

    [Theory]
    [InlineData("leading", NoiseScale.VariancePreserving, "751 501 251 1")]
    [InlineData("trailing", NoiseScale.VariancePreserving, "999 749 499 249")]
    [InlineData("linspace", NoiseScale.VariancePreserving, "999 666 333 0")]
    [InlineData("leading", NoiseScale.VarianceExploding, "751 501 251 1")]
    [InlineData("trailing", NoiseScale.VarianceExploding, "999 666 332")]
    [InlineData("linspace", NoiseScale.VarianceExploding, "999 749.25 499.5 249.75 0")]
    [InlineData("linspace", NoiseScale.VariancePreserving, "999 749 500 250 0")]
    public void Spacings_choose_timesteps(string spacing, NoiseScale scale, string expected)
    {
        double[] timesteps = [.. expected.Split(' ').Select(double.Parse)];
        NoiseLevels levels = new NoiseSchedule(s_stableDiffusion).Levels(timesteps.Length, SigmaSpacing.Named(spacing), scale);
        Assert.Equal(timesteps, Enumerable.Range(0, levels.Steps).Select(i => levels[i].Timestep));
    }

    [Fact]
    public void The_last_level_is_clean_or_that_of_the_first_timestep()
    {
        NoiseLevel last = Last(s_stableDiffusion, NoiseScale.VariancePreserving);
        Assert.Equal(Math.Sqrt(1 - 0.00085), last.Alpha, 1e-6);
        Assert.Equal(new NoiseLevel(0, 1, 0), Last(s_stableDiffusion with { SetAlphaToOne = true }, NoiseScale.VariancePreserving));
        Assert.Equal(new NoiseLevel(0, 1, 0), Last(s_stableDiffusion, NoiseScale.VarianceExploding));

        static NoiseLevel Last(NoiseScheduleSettings settings, NoiseScale scale) => new NoiseSchedule(settings).Levels(10, SigmaSpacing.Leading, scale)[10];
    }

    [Fact]
    public void A_stride_is_the_same_everywhere_and_ends_at_the_last_level()
    {
        NoiseLevels levels = new NoiseSchedule(s_stableDiffusion).Levels(3, SigmaSpacing.Linspace, NoiseScale.VariancePreserving); // 999, 500, 0
        Assert.Equal(999 - 333, levels.Below(0).Timestep);
        Assert.Equal(500 + 166, levels.Above(1, 0.5).Timestep);
        Assert.Equal(levels[3], levels.Below(2));
    }

    [Fact]
    public void Noise_is_scaled_up_to_the_first_level()
    {
        var schedule = new NoiseSchedule(s_stableDiffusion);
        Assert.Equal(1, schedule.Levels(10, SigmaSpacing.Trailing, NoiseScale.VariancePreserving).StartScale);
        NoiseLevels trailing = schedule.Levels(10, SigmaSpacing.Trailing, NoiseScale.VarianceExploding);
        Assert.Equal(trailing[0].Sigma, trailing.StartScale);
        NoiseLevels leading = schedule.Levels(10, SigmaSpacing.Leading, NoiseScale.VarianceExploding);
        Assert.Equal(Math.Sqrt(leading[0].Sigma * leading[0].Sigma + 1), leading.StartScale, 1e-9);
    }

    [Fact]
    public void Sigmas_must_fall()
    {
        Assert.Contains("sigma 2 is 3 after 2", Assert.Throws<BrushfireException>(() => NoiseLevels.FromSigmas(4, 2, 3)).Message);
        Assert.Contains("at least two sigmas", Assert.Throws<BrushfireException>(() => NoiseLevels.FromSigmas(4)).Message);
        Assert.Equal(2, NoiseLevels.FromSigmas(4, 2, 0).Below(0).Sigma);
    }

    [Fact]
    public void Runs_that_leave_the_schedule_are_refused()
    {
        var schedule = new NoiseSchedule(s_stableDiffusion);
        Assert.Contains("0 steps cannot be taken", Refused(0), StringComparison.Ordinal);
        Assert.Contains("choose 1 to 1000", Refused(1001), StringComparison.Ordinal);
        Assert.Contains("start at timestep 1000, beyond the last one, 999", Refused(1000), StringComparison.Ordinal);

        string Refused(int steps) => Assert.Throws<BrushfireException>(() => schedule.Levels(steps, SigmaSpacing.Leading, NoiseScale.VariancePreserving)).Message;
    }

    [Fact]
    public void All_problems_of_settings_are_told_at_once()
    {
        var settings = new NoiseScheduleSettings(10, 0, 1, "cubic") { StepsOffset = -1, TrainedBetas = [0.5, 2] };
        string message = Assert.Throws<BrushfireException>(() => new NoiseSchedule(settings)).Message;
        foreach (string problem in new[] { "beta_schedule 'cubic'", "beta_start is 0", "beta_end is 1", "steps_offset is -1", "trained_betas has 2 values", "outside of 0 to 1" })
            Assert.Contains(problem, message, StringComparison.Ordinal);
    }
}
