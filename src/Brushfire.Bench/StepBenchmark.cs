// Times steps of one part of a model: guidance steps of the U-Net (the conditional and the unconditional half in one batch),
// pictures of the VAE's decoder, texts of the encoder. Every step has new inputs; one step before the measured ones loads
// and packs the weights. The machine's peak is measured before and after, so that the ratio to it is of this run.

using System.Diagnostics;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Kernels;
using Brushfire.Models.Layers;
using Brushfire.Tensors;

namespace Brushfire.Bench;

/// <summary>What to measure.</summary>
public sealed record StepBenchmarkOptions
{
    public string Model { get; init; } = "sd15";
    public PartKind Part { get; init; } = PartKind.UNet;
    public AttentionCode Code { get; init; } = AttentionCode.Optimized;

    /// <summary>What products are computed in. The limit is that of float32 in any precision.</summary>
    public DType Precision { get; init; } = DType.Float32;

    /// <summary>The attention kernel to use; null leaves the choice to the sizes.</summary>
    public AttentionBackend? Attention { get; init; }

    /// <summary>Size of the latents; null takes the size that the model was trained on.</summary>
    public (int Width, int Height)? LatentSize { get; init; }

    /// <summary>Latents or texts in one evaluation; null takes <see cref="ModelPart.DefaultBatchSize"/>.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Measures compiled steps, each one after an eager one of which every op is timed.</summary>
    public bool Compile { get; init; }

    /// <summary>Measured steps.</summary>
    public int Repeats { get; init; } = 5;

    /// <summary>Times every op of the measured eager steps too.</summary>
    public bool ByOp { get; init; }
}

public sealed class StepBenchmark
{
    private readonly StepBenchmarkOptions _options;
    private readonly ModelPart _part;

    /// <exception cref="BrushfireException">There is no such model, or it is none that this benchmark can feed.</exception>
    public StepBenchmark(StepBenchmarkOptions options)
    {
        _options = options;
        _part = ModelPart.Open(options.Model, options.Part, options.Code, options.LatentSize, options.BatchSize);
    }

    /// <summary>All steps, those included that load weights and compile and are not measured.</summary>
    public int Steps => WarmUps + _options.Repeats;

    private int WarmUps => _options.Compile ? 2 : 1;

    /// <summary>The direct work of one step, by the ops that it consists of.</summary>
    public DirectWork CountWork() => DirectWork.Of(_part.Follow());

    /// <summary>Measures.</summary>
    /// <param name="told">Is told the number of finished steps, the one that loads included.</param>
    public StepReport Run(Action<int>? told = null)
    {
        MachinePeak before = MachinePeak.Measure();
        DirectWork work = CountWork();
        using var memory = new ResidentMemory();
        Allocator.ResetPeak();
        var seconds = new List<double>();
        var eagerSeconds = new List<double>();
        var traces = new List<OpTrace>();
        var launches = new List<List<LaunchTime>>();
        using (Autocast.Use(_options.Precision))
        using (_options.Attention is { } backend ? AttentionBackends.Allow(backend) : null)
        {
            for (int i = 0; i < Steps; i++)
            {
                (double eager, OpTrace? trace) = EagerStep(i);
                (double time, List<LaunchTime> times) = _options.Compile ? CompiledStep(i) : (eager, []);
                told?.Invoke(i + 1);
                if (i < WarmUps) continue;
                seconds.Add(time);
                eagerSeconds.Add(eager);
                launches.Add(times);
                if (trace is not null) traces.Add(trace);
            }
        }

        return new StepReport
        {
            Options = _options with { LatentSize = _part.LatentSize, BatchSize = _part.BatchSize },
            Tokens = _part.Tokens,
            Seconds = seconds,
            EagerSeconds = eagerSeconds,
            Launches = _options.Compile ? new LaunchSums(launches) : null,
            Ops = traces.Count > 0 ? new OpTimes(traces, ModelPart.Title(_part.Kind)) : null,
            Work = work,
            PeakBytes = Allocator.Statistics.PeakBytes,
            PeakResidentBytes = memory.PeakBytes,
            Peaks = new Peaks(before, MachinePeak.Measure()),
        };
    }

    // Making the inputs is not timed.
    private (double Seconds, OpTrace? Trace) EagerStep(int index)
    {
        using var scope = new TensorScope();
        Tensor[] inputs = _part.Inputs(index);
        OpTrace? trace = null;
        long start = Stopwatch.GetTimestamp();
        if (_options.ByOp || _options.Compile) trace = OpTrace.Time(() => _part.Run(inputs), inputs);
        else _part.Run(inputs);
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, trace);
    }

    private (double Seconds, List<LaunchTime> Launches) CompiledStep(int index)
    {
        using var scope = new TensorScope();
        Tensor[] inputs = _part.Inputs(index);
        List<LaunchTime> launches = [];
        using IDisposable note = LaunchTimes.Note(launches);
        long start = Stopwatch.GetTimestamp();
        _part.RunCompiled(inputs);
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, launches);
    }
}
