// Runs of every sampler over a network given by formula, compared with the reference's: what the network was given, when, and
// the latents after each call. Cases, settings and seeds come from the files; what is not served yet is skipped by name.

using System.Text.Json.Nodes;
using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Samplers;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Tests.Diffusion.Samplers;

public sealed class SamplerGoldenTests
{
    private const string Diffusers = "samplers.safetensors", Others = "samplers-kdiffusion-compvis.safetensors", Missing = "(no reference file)";
    private const double Tolerance = 1e-4;

    public static TheoryData<string> DiffusersCases() => Golden.Files("", Diffusers).Any()
        ? [.. Cases(Golden.Open(Diffusers)).Select(testCase => testCase.Key)]
        : [Missing];

    public static TheoryData<string> OtherCases() => Golden.Files("", Others).Any()
        ? [.. Golden.Open(Others).Names.Where(name => name.EndsWith("/end", StringComparison.Ordinal)).Select(name => name[..^"/end".Length])]
        : [Missing];

    [Theory]
    [MemberData(nameof(DiffusersCases))]
    public void Traces_agree_with_diffusers(string name)
    {
        Golden golden = Golden.Open(Diffusers);
        JsonNode testCase = Cases(golden)[name]!;
        if (GoldenSettings.WaitsFor((string)testCase["scheduler"]!, testCase["config"]!, testCase["eta"]) is { } missing) Assert.Skip($"{name} waits for {missing}.");

        using var scope = new TensorScope();
        NoiseScheduleSettings settings = GoldenSettings.Read((string)testCase["scheduler"]!, testCase["config"]!);
        Sampler sampler = Sampler.Of(settings)!;
        NoiseLevels levels = new NoiseSchedule(settings).Levels((int)testCase["steps"]!, settings.Spacing, sampler.Scale);
        Assert.Equal((double)testCase["init_noise_sigma"]!, levels.StartScale, 1e-5 * levels.StartScale);
        if (golden.Has($"{name}/sigmas"))
            Close.Relative([.. golden.Doubles($"{name}/sigmas").Select(sigma => (float)sigma)], [.. Enumerable.Range(0, levels.Steps + 1).Select(i => (float)levels[i].Sigma)], 1e-6, "sigmas");

        float[] trace = golden.Floats($"{name}/trace"), inputs = golden.Floats($"{name}/inputs");
        double[] timesteps = golden.Doubles($"{name}/timesteps");
        int size = trace.Length / timesteps.Length, calls = 0;
        Tensor Network(Tensor x, double timestep, Tensor context)
        {
            Assert.Equal(timesteps[calls], timestep, 1e-3);
            Within(Largest(inputs), inputs.AsSpan(calls * size, size), x, $"input {calls}");
            calls++;
            return Formula(x, timestep);
        }

        Tensor start = ChannelsLast(golden, $"{name}/start");
        var noise = new NoiseSource(NoiseSource.TorchCpu, (long)testCase["step_noise_seed"]!, 1);
        foreach (SamplerStep step in sampler.Run(new Denoiser(Network, settings.Prediction, Tensor.Zeros([1, 1, 1])), start, levels, noise))
            Within(Largest(trace), trace.AsSpan((calls - 1) * size, size), step.Latents, $"latents after call {calls}");
        Assert.Equal(timesteps.Length, calls);
    }

    [Theory]
    [MemberData(nameof(OtherCases))]
    public void Ends_agree_with_k_diffusion_and_CompVis(string name)
    {
        Golden golden = Golden.Open(Others);
        using var scope = new TensorScope();
        string[] parts = name.Split('/');
        IEnumerable<SamplerStep> steps = parts switch
        {
            ["compvis-plms", var count] => CompVis("plms", int.Parse(count)),
            ["compvis-ddim", var count] => CompVis("ddim", int.Parse(count)),
            ["euler", var list, var count] => KDiffusion("euler", $"sigmas/{list}/{count}"),
            ["euler_ancestral", var list, var count] => KDiffusion("euler-ancestral", $"sigmas/{list}/{count}"),
            _ => [],
        };
        if (!steps.Any()) Assert.Skip($"{name} waits for k-diffusion's sampler {parts[0]}.");
        float[] expected = golden.Floats($"{name}/end");
        Within(Largest(expected), expected, steps.Last().Latents, "end");

        // CompVis counts its timesteps up from 1 in whole strides.
        IEnumerable<SamplerStep> CompVis(string sampler, int count)
        {
            var schedule = new NoiseSchedule(new NoiseScheduleSettings(1000, 0.00085, 0.012, "scaled_linear"));
            int stride = schedule.Timesteps / count;
            double[] timesteps = [.. Enumerable.Range(0, (schedule.Timesteps + stride - 1) / stride).Select(i => i * stride + 1.0).Reverse()];
            NoiseLevels levels = schedule.Levels(timesteps, stride, NoiseScale.VariancePreserving, startsAtPureNoise: false);
            return Run(sampler, new Denoiser((x, t, _) => Formula(x, t), PredictionKind.Epsilon, Tensor.Zeros([1, 1, 1])), levels);
        }

        // D(x, sigma) = x / (1 + sigma^2) + 0.2 sin(3 x / sqrt(1 + sigma^2)); the denoiser hands over x / sqrt(1 + sigma^2).
        IEnumerable<SamplerStep> KDiffusion(string sampler, string sigmas)
        {
            NoiseLevels levels = NoiseLevels.FromSigmas([.. golden.Floats(sigmas).Select(sigma => (double)sigma)]);
            return Run(sampler, new Denoiser((x, sigma, _) => x / (float)Math.Sqrt(1 + sigma * sigma) + (x * 3).Sin() * 0.2f, PredictionKind.Sample, Tensor.Zeros([1, 1, 1])), levels);
        }

        IEnumerable<SamplerStep> Run(string sampler, Denoiser denoiser, NoiseLevels levels) =>
            [.. Sampler.Named(sampler).Run(denoiser, ChannelsLast(golden, $"{name}/start"), levels, new NoiseSource(NoiseSource.TorchCpu, long.Parse(golden.Metadata["step_noise_seed"]), 1))];
    }

    private static JsonObject Cases(Golden golden) => GoldenSettings.Parse(golden.Metadata["cases"]).AsObject();

    private static Tensor Formula(Tensor x, double timestep) => (x * 0.7f + (float)(0.3 * Math.Sin(timestep / 100))).Tanh();

    // A batch is one stream of noise here, in the order N, C, H, W: the same as one picture of N * C channels.
    private static Tensor ChannelsLast(Golden golden, string name)
    {
        int[] shape = golden.Shape(name);
        return Tensor.FromArray(golden.Floats(name), [1, shape[0] * shape[1], shape[2], shape[3]]).ToChannelsLast();
    }

    private static double Largest(float[] values) => values.Max(Math.Abs);

    private static void Within(double largest, ReadOnlySpan<float> expected, Tensor actual, string what) =>
        Close.Absolute(expected, actual.ToChannelsFirst().ToArray(), Tolerance * largest, what);
}
