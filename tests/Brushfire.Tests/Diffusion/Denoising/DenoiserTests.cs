// Predictions of every kind give back the clean latents and the noise that noisy latents were made of; guidance is one call.

using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Schedules;
using Brushfire.Tensors;

namespace Brushfire.Tests.Diffusion.Denoising;

public sealed class DenoiserTests
{
    private static readonly float[] s_clean = [.. Enumerable.Range(0, 24).Select(i => MathF.Sin(i))];
    private static readonly float[] s_noise = [.. Enumerable.Range(0, 24).Select(i => MathF.Cos(3 * i + 1))];

    public static TheoryData<PredictionKind, NoiseScale> KindsAndScales() => [.. from kind in Enum.GetValues<PredictionKind>() from scale in Enum.GetValues<NoiseScale>() select (kind, scale)];

    [Theory]
    [MemberData(nameof(KindsAndScales))]
    public void Clean_latents_and_noise_are_found_again(PredictionKind kind, NoiseScale scale)
    {
        using var scope = new TensorScope();
        const double Alpha = 0.6, Sigma = 0.8; // of latents with norm 1
        double larger = scale == NoiseScale.VarianceExploding ? 1 / Alpha : 1;
        var level = new NoiseLevel(17, Alpha * larger, Sigma * larger);
        float[] prediction = kind switch
        {
            PredictionKind.Epsilon => s_noise,
            PredictionKind.V => Mix(s_noise, Alpha, s_clean, -Sigma),
            PredictionKind.Sample => s_clean,
        };
        Tensor latents = Latents(Mix(s_clean, level.Alpha, s_noise, level.Sigma));
        Tensor? input = null;
        var denoiser = new Denoiser(
            (x, timestep, _) =>
            {
                Assert.Equal(17, timestep);
                input = x;
                return Latents(prediction);
            },
            kind, Tensor.Zeros([1, 1, 1]));

        Estimate estimate = denoiser.Estimate(latents, level);
        Close.Relative(Mix(s_clean, Alpha, s_noise, Sigma), input!.ToArray(), 1e-6, "the network's input");
        Close.Relative(s_clean, estimate.Denoised.ToArray(), 1e-5, "clean latents");
        Close.Relative(s_noise, estimate.Epsilon.ToArray(), 1e-5, "noise");
        Close.Relative(Mix(s_clean, 0.9, s_noise, 0.1), estimate.At(new NoiseLevel(1, 0.9, 0.1)).ToArray(), 1e-5, "another level");
    }

    [Theory]
    [InlineData(7.5)]
    [InlineData(0)]
    public void Guidance_mixes_both_halves_of_one_call(double guidanceScale)
    {
        using var scope = new TensorScope();
        int calls = 0;
        // Predicts 2 for the negative context and 5 for the prompt's.
        Tensor Network(Tensor x, double timestep, Tensor context)
        {
            calls++;
            Assert.Equal(new Shape(4, 1, 3, 2), x.Shape);
            Assert.Equal([2, 2, 5, 5], context.ToArray());
            return x * 0 + context.Reshape(4, 1, 1, 1);
        }

        var denoiser = new Denoiser(Network, PredictionKind.Sample, Tensor.Full([2, 1, 1], 5), Tensor.Full([2, 1, 1], 2), guidanceScale);
        float[] prediction = denoiser.Predict(Tensor.Full([2, 1, 3, 2], 1), new NoiseLevel(0, 0.6, 0.8)).ToArray();
        Assert.Equal(1, calls);
        Assert.Equal(12, prediction.Length);
        Assert.All(prediction, value => Assert.Equal(2 + (5 - 2) * guidanceScale, value, 1e-5));
    }

    [Fact]
    public void Guidance_of_one_leaves_the_unconditional_half_out()
    {
        using var scope = new TensorScope();
        var denoiser = new Denoiser((x, _, context) => x * 0 + context.Reshape(2, 1, 1, 1), PredictionKind.Sample, Tensor.Full([2, 1, 1], 5), Tensor.Full([2, 1, 1], 2), 1);
        Assert.All(denoiser.Predict(Tensor.Full([2, 1, 3, 2], 1), new NoiseLevel(0, 0.6, 0.8)).ToArray(), value => Assert.Equal(5, value));
    }

    private static Tensor Latents(float[] values) => Tensor.FromArray(values, [1, 2, 3, 4]);

    private static float[] Mix(float[] a, double scaleA, float[] b, double scaleB) => [.. a.Zip(b, (x, y) => (float)(x * scaleA + y * scaleB))];
}
