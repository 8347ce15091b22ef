// Laws that every sampler of the catalogue keeps: exact where the denoiser is, its order of convergence, the same bytes for
// the same seed, no state beyond a run.

using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Samplers;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Tests.Diffusion.Samplers;

public sealed class SamplerTests
{
    private static readonly NoiseSchedule s_schedule = new(new NoiseScheduleSettings(1000, 0.00085, 0.012, "scaled_linear"));
    private static readonly Shape s_shape = [1, 3, 5, 4];

    public static TheoryData<string> Samplers() => [.. Sampler.All.Select(sampler => sampler.Name)];
    public static TheoryData<string> DeterministicSamplers() => [.. Sampler.All.Where(sampler => sampler.Order > 0).Select(sampler => sampler.Name)];

    [Theory]
    [MemberData(nameof(Samplers))]
    public void A_single_clean_picture_is_found_exactly(string name)
    {
        using var scope = new TensorScope();
        Sampler sampler = Sampler.Named(name);
        NoiseLevels levels = s_schedule.Levels(8, SigmaSpacing.Leading, sampler.Scale);
        float[] clean = [.. Enumerable.Range(0, (int)s_shape.Count).Select(i => MathF.Sin(i))];
        Tensor start = Start(levels);
        var denoiser = new Denoiser((_, _, _) => Tensor.FromArray(clean, s_shape), PredictionKind.Sample, Tensor.Zeros([1, 1, 1]));

        SamplerStep[] steps = [.. sampler.Run(denoiser, start, levels, Noise())];
        Assert.Equal(Enumerable.Range(0, 8), steps.Select(step => step.Index));
        Assert.Equal(Enumerable.Range(0, 8).Select(i => levels[i]), steps.Select(step => step.Level));
        Assert.All(steps, step => Close.Relative(clean, step.Denoised.ToArray(), 1e-6, "denoised"));

        // The noise that is left at the end is the start's.
        float[] expected = new float[clean.Length], first = start.ToArray();
        for (int i = 0; i < clean.Length; i++) expected[i] = (float)(levels[8].Alpha * clean[i] + levels[8].Sigma * (first[i] - levels[0].Alpha * clean[i]) / levels[0].Sigma);
        Close.Relative(expected, steps[^1].Latents.ToArray(), 1e-5, "latents");
    }

    // For normally distributed clean values the exact solution is known: latents keep their ratio to the standard deviation.
    // The first beta is large because sigma grows like a root at timestep 0, which would hide the order.
    [Theory]
    [MemberData(nameof(DeterministicSamplers))]
    public void The_error_falls_with_the_order_of_the_sampler(string name)
    {
        const double CleanVariance = 0.25;
        var schedule = new NoiseSchedule(new NoiseScheduleSettings { TrainedBetas = [0.3, .. Enumerable.Repeat(0.003, 999)] });
        NoiseLevels all = schedule.Levels(1000, SigmaSpacing.Trailing, NoiseScale.VariancePreserving);
        Sampler sampler = Sampler.Named(name);
        double order = Math.Log2(Error(20) / Error(40));
        Assert.True(order > sampler.Order - 0.2, $"{name} has the order {order:F2} instead of {sampler.Order}.");

        // At the last level but one; leading spacing has it at timestep 0 for any number of steps.
        double Error(int count)
        {
            using var scope = new TensorScope();
            NoiseLevels levels = schedule.Levels(count, SigmaSpacing.Leading, sampler.Scale);
            var denoiser = new Denoiser(Epsilon, PredictionKind.Epsilon, Tensor.Zeros([1, 1, 1]));
            float[] end = sampler.Run(denoiser, Tensor.Full([1, 1, 1, 1], 1), levels, Noise()).ElementAt(count - 2).Latents.ToArray();
            return Math.Abs(end[0] - Math.Sqrt(Variance(levels[count - 1]) / Variance(levels[0])));
        }

        // The best prediction; the network's input has norm 1 in every scale.
        Tensor Epsilon(Tensor input, double timestep, Tensor context)
        {
            NoiseLevel level = all[999 - (int)timestep];
            return input * (float)(level.Sigma / Variance(level));
        }

        static double Variance(NoiseLevel level) => level.Alpha * level.Alpha * CleanVariance + level.Sigma * level.Sigma;
    }

    [Theory]
    [MemberData(nameof(Samplers))]
    public void The_same_seed_gives_the_same_bytes_and_runs_do_not_disturb_each_other(string name)
    {
        using var scope = new TensorScope();
        Sampler sampler = Sampler.Named(name);
        NoiseLevels levels = s_schedule.Levels(6, SigmaSpacing.Leading, sampler.Scale);
        var denoiser = new Denoiser((x, t, _) => (x * 0.7f + (float)(0.3 * Math.Sin(t / 100))).Tanh(), PredictionKind.Epsilon, Tensor.Zeros([1, 1, 1]));

        float[][] alone = [.. Run().Select(step => step.Latents.ToArray())];
        var together = Run().Zip(Run(), (first, second) => (First: first.Latents.ToArray(), Second: second.Latents.ToArray()));
        foreach ((int i, (float[] first, float[] second)) in together.Index())
        {
            Assert.Equal(alone[i], first);
            Assert.Equal(alone[i], second);
        }

        IEnumerable<SamplerStep> Run() => sampler.Run(denoiser, Start(levels), levels, Noise());
    }

    [Fact]
    public void Ancestral_steps_each_add_other_noise()
    {
        using var scope = new TensorScope();
        NoiseLevels levels = s_schedule.Levels(6, SigmaSpacing.Leading, NoiseScale.VarianceExploding);
        Tensor start = Start(levels);
        var denoiser = new Denoiser((x, _, _) => x * 0, PredictionKind.Epsilon, Tensor.Zeros([1, 1, 1]));
        float[][] latents = [start.ToArray(), .. Sampler.Named("euler-ancestral").Run(denoiser, start, levels, Noise()).Select(step => step.Latents.ToArray())];

        // Without predicted noise only the new noise moves the latents; after the last step there is none.
        float[][] moves = [.. latents.Zip(latents.Skip(1), (before, after) => after.Zip(before, (a, b) => a - b).ToArray())];
        for (int i = 0; i + 2 < moves.Length; i++)
        {
            double similarity = Unit(moves[i]).Zip(Unit(moves[i + 1]), (a, b) => a * b).Sum();
            Assert.True(Math.Abs(similarity) < 0.7, $"steps {i} and {i + 1} add the same noise: {similarity:F2}");
        }

        Assert.All(moves[^1], value => Assert.Equal(0, value));

        static double[] Unit(float[] values)
        {
            double length = Math.Sqrt(values.Sum(value => (double)value * value));
            Assert.True(length > 0.01);
            return [.. values.Select(value => value / length)];
        }
    }

    [Fact]
    public void A_single_step_works_for_every_sampler()
    {
        foreach (Sampler sampler in Sampler.All)
        {
            using var scope = new TensorScope();
            NoiseLevels levels = s_schedule.Levels(1, SigmaSpacing.Trailing, sampler.Scale);
            int calls = 0;
            var denoiser = new Denoiser((x, _, _) => x * (0.1f * ++calls), PredictionKind.Epsilon, Tensor.Zeros([1, 1, 1]));
            Assert.Single(sampler.Run(denoiser, Start(levels), levels, Noise()));
            Assert.Equal(1, calls);
        }
    }

    [Fact]
    public void An_unknown_name_lists_the_known_ones() =>
        Assert.Equal("There is no sampler 'fast'; choose one of plms, pndm, ddim, euler, euler-ancestral.", Assert.Throws<BrushfireException>(() => Sampler.Named("fast")).Message);

    private static NoiseSource Noise() => new(NoiseSource.TorchCpu, 5, 1);

    private static Tensor Start(NoiseLevels levels) => new NoiseSource(NoiseSource.TorchCpu, 4, 1).Draw(s_shape) * (float)levels.StartScale;
}
