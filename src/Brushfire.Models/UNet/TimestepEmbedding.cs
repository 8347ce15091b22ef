// The noise level as a vector: sines and cosines of the timestep (Vaswani et al. 2017, section 3.5), then two linear layers.

using Brushfire.Models.Layers;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.UNet;

/// <summary>[N, inputs] to [N, channels].</summary>
internal sealed class TimestepEmbedding(WeightScope weights, int inputs, int channels) : Module<Tensor>(weights.Path)
{
    private readonly Linear _first = new(weights["linear_1"], inputs, channels);
    private readonly Linear _second = new(weights["linear_2"], channels, channels);

    protected override Tensor Forward(Tensor input) => _second.Call(_first.Call(input).Silu());
}

/// <summary>Timesteps [N] to their sines and cosines [N, channels].</summary>
internal sealed class TimestepFrequencies
{
    private const double MaxPeriod = 10_000;
    private readonly bool _cosinesFirst;
    private readonly Tensor _frequencies; // [channels / 2]

    public TimestepFrequencies(int channels, bool cosinesFirst, int shift)
    {
        _cosinesFirst = cosinesFirst;
        int half = channels / 2;
        float[] frequencies = new float[half];
        for (int i = 0; i < half; i++) frequencies[i] = (float)Math.Exp(-Math.Log(MaxPeriod) * i / (half - shift));
        _frequencies = Parameter.Create("timestep frequencies", [half], () => Tensor.FromArray(frequencies, [half]));
    }

    public Tensor Of(Tensor timesteps)
    {
        Tensor angles = timesteps.Unsqueeze(1) * _frequencies; // [N, channels / 2]
        return _cosinesFirst
            ? Tensor.Concatenate(1, angles.Cos(), angles.Sin())
            : Tensor.Concatenate(1, angles.Sin(), angles.Cos());
    }
}
