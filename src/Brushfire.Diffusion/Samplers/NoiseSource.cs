// Where a run's random numbers come from: one generator for each picture of the batch, so that a picture does not depend on
// those beside it. It only moves forward.

using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Samplers;

public sealed class NoiseSource
{
    /// <summary>The stream of torch's CPU generator, behind most published seeds.</summary>
    public const string TorchCpu = "torch-cpu";

    /// <summary>The stream that CUDA programs draw.</summary>
    public const string Philox = "philox";

    private readonly Action<Span<float>>[] _generators;

    /// <param name="generator">A name of <see cref="Generators"/>.</param>
    /// <param name="seed">Of the first picture; picture i has seed + i.</param>
    /// <param name="batchSize">Pictures, at least 1.</param>
    /// <exception cref="BrushfireException">There is no generator of this name.</exception>
    public NoiseSource(string generator, long seed, int batchSize) =>
        _generators = [.. Enumerable.Range(0, batchSize).Select(i => Create(generator, unchecked((ulong)(seed + i))))];

    public static IReadOnlyList<string> Generators { get; } = [TorchCpu, Philox];

    /// <summary>Standard normal noise [N, H, W, C], N being the batch size. Values are drawn picture by picture in the order C, H, W, as published seeds mean it.</summary>
    public Tensor Draw(Shape shape)
    {
        if (shape.Rank != 4 || shape[0] != _generators.Length) throw new BrushfireException($"Noise for {_generators.Length} pictures was to be drawn in the shape {shape}; it must be [{_generators.Length}, height, width, channels].");
        using var scope = new TensorScope();
        int perPicture = (int)(shape.Count / shape[0]);
        Tensor noise = Tensor.Create([shape[0], shape[3], shape[1], shape[2]], values =>
        {
            for (int i = 0; i < _generators.Length; i++) _generators[i](values.Slice(i * perPicture, perPicture));
        });
        return scope.Keep(noise.ToChannelsLast());
    }

    private static Action<Span<float>> Create(string generator, ulong seed) => generator switch
    {
        TorchCpu => new TorchGenerator(seed).Normal,
        Philox => new Philox(seed).Normal,
        _ => throw new BrushfireException($"There is no noise generator '{generator}'; choose one of {string.Join(", ", Generators)}."),
    };
}
