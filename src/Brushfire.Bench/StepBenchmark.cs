// Times guidance steps: evaluations of the U-Net with the conditional and the unconditional half in one batch. Every step
// has new latents and another timestep; one step before the measured ones loads and packs the weights. The machine's
// peak is measured before and after, so that the ratio to it is of this run and this machine.

using System.Diagnostics;
using Brushfire.Kernels;
using Brushfire.Models.Catalog;
using Brushfire.Models.Clip;
using Brushfire.Models.Layers;
using Brushfire.Models.UNet;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Bench;

/// <summary>What to measure.</summary>
public sealed record StepBenchmarkOptions
{
    public string Model { get; init; } = "sd15";
    public AttentionCode Code { get; init; } = AttentionCode.Optimized;

    /// <summary>The attention kernel to use; null leaves the choice to the sizes.</summary>
    public AttentionBackend? Attention { get; init; }

    /// <summary>Size of the latents; null takes the size that the model was trained on.</summary>
    public (int Width, int Height)? LatentSize { get; init; }

    /// <summary>Latents in one evaluation; 2 for a picture with guidance.</summary>
    public int BatchSize { get; init; } = 2;

    /// <summary>Measured steps.</summary>
    public int Repeats { get; init; } = 5;
}

public sealed class StepBenchmark
{
    private const int Timesteps = 1000;

    private readonly StepBenchmarkOptions _options;
    private readonly UNetConfig _config;
    private readonly ConditionalUNet _unet;
    private readonly (int Width, int Height) _size;
    private readonly int _tokens;

    /// <exception cref="BrushfireException">There is no such model, or it is none that this benchmark can feed.</exception>
    public StepBenchmark(StepBenchmarkOptions options)
    {
        _options = options;
        ModelSource model = ModelSource.Open(options.Model);
        ModelComponent component = model["unet"];
        _tokens = ClipConfig.Read(model["text_encoder"].Config, withProjection: false).ContextLength;
        _config = UNetConfig.Read(component.Config);
        _unet = new ConditionalUNet(_config, component.OpenWeights(), options.Code);
        _size = options.LatentSize ?? (_config.SampleSize, _config.SampleSize);
        if (_config.AdditionTimeChannels is not null) throw new BrushfireException($"{options.Model}: its U-Net takes sizes and crops beside the text (SDXL), which this benchmark does not feed.");
    }

    /// <summary>The direct work of one step, by the ops that it consists of.</summary>
    public DirectWork CountWork() => DirectWork.Of(() => Step(0));

    /// <summary>Measures.</summary>
    /// <param name="told">Is told the number of finished steps, the one that loads included.</param>
    public StepReport Run(Action<int>? told = null)
    {
        MachinePeak before = MachinePeak.Measure();
        DirectWork work = CountWork();
        using var memory = new ResidentMemory();
        Allocator.ResetPeak();
        double[] seconds = new double[_options.Repeats];
        using (_options.Attention is { } backend ? AttentionBackends.Allow(backend) : null)
        {
            for (int i = 0; i <= _options.Repeats; i++)
            {
                double time = Step(i);
                if (i > 0) seconds[i - 1] = time;
                told?.Invoke(i + 1);
            }
        }

        return new StepReport
        {
            Options = _options with { LatentSize = _size },
            Tokens = _tokens,
            Seconds = seconds,
            Work = work,
            PeakBytes = Allocator.Statistics.PeakBytes,
            PeakResidentBytes = memory.PeakBytes,
            Peaks = new Peaks(before, MachinePeak.Measure()),
        };
    }

    // Seconds of one step; making its inputs is not counted.
    private double Step(int index)
    {
        using var scope = new TensorScope();
        int batch = _options.BatchSize;
        var input = new UNetInput(
            FormulaWeights.Input($"benchmark.latents.{index}", [batch, _size.Height, _size.Width, _config.InputChannels], 1.7f),
            Tensor.Full([batch], Timesteps - 1 - index * 37 % Timesteps),
            FormulaWeights.Input("benchmark.context", [batch, _tokens, _config.ContextChannels], 1));
        long start = Stopwatch.GetTimestamp();
        _unet.Call(input);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
