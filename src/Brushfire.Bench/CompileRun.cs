// The first calls of a compiled part of a model in this process: what they take beyond the time of later calls, and what the
// compiler tells of itself. One process with an empty cache and one with a filled cache make a compile benchmark.

using System.Diagnostics;
using System.Runtime;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Tensors;

namespace Brushfire.Bench;

/// <summary>What to compile.</summary>
public sealed record CompileBenchmarkOptions
{
    public string Model { get; init; } = "sd15";
    public PartKind Part { get; init; } = PartKind.UNet;

    /// <summary>What products are computed in.</summary>
    public DType Precision { get; init; } = DType.Float32;

    /// <summary>Steps of the sampler's run in which recompiles are counted.</summary>
    public int Steps { get; init; } = 50;
}

/// <summary>The time of a stage.</summary>
public sealed record StageSeconds(string Stage, double Seconds);

/// <param name="LaunchSeconds">Spent in launches of kernels.</param>
public sealed record CallTime(double Seconds, double LaunchSeconds)
{
    public double OutsideSeconds => Seconds - LaunchSeconds;
}

/// <summary>A first call and the later ones of the same sizes.</summary>
public sealed record FirstCall(CallTime Call, IReadOnlyList<CallTime> Later)
{
    public double MedianSeconds => Later.Select(call => call.Seconds).Median();

    /// <summary>What the first call takes beyond the later ones.</summary>
    public double ExtraSeconds => Call.Seconds - MedianSeconds;

    /// <summary>The same outside of launches: without the JIT of kernels and memory's first use, but steady where calls take seconds.</summary>
    public double ExtraOutsideSeconds => Call.OutsideSeconds - Later.Select(call => call.OutsideSeconds).Median();
}

public sealed record CompileRun
{
    private const int LaterCalls = 3, SampledShare = 8, LeastSampled = 8;

    /// <summary>The process's first call. Loading and packing of weights are part of it.</summary>
    public required FirstCall First { get; init; }

    /// <summary>The second call, which compiles again where some inputs did not change since the first.</summary>
    public required double SecondCallSeconds { get; init; }
    public required double LoadingSeconds { get; init; }
    public required double PackingSeconds { get; init; }

    /// <summary>Within the first call, spent on this thread by the JIT: on the compiler itself, on kernels and on all other code.</summary>
    public required double JitSeconds { get; init; }

    /// <summary>Of the first call.</summary>
    public required IReadOnlyList<StageSeconds> Stages { get; init; }
    public required int Launches { get; init; }
    public required int Kernels { get; init; }
    public required int InterpretedNodes { get; init; }

    /// <summary>Planned memory of later calls beside weights and results.</summary>
    public required long ArenaBytes { get; init; }
    public required long UnsharedBytes { get; init; }
    public required long WeightBytes { get; init; }

    /// <summary>The most that tensors held in a later call, weights included.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>See <see cref="ResidentMemory"/>; over all calls of the first size.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Calls with other latents, half wider; null where they were not asked for, or the part sees none.</summary>
    public FirstCall? NewSize { get; init; }

    /// <summary>What fusion gains where memory is the limit; null where only the first call is measured.</summary>
    public PointwiseChain? Chain { get; init; }
    public required int GraphBreaks { get; init; }
    public required int Recompiles { get; init; }

    /// <summary>First call minus later ones, weights in memory and packed.</summary>
    public double CompileSeconds => First.ExtraSeconds - LoadingSeconds - PackingSeconds;

    /// <summary>What is left of them besides the stages: launching, the JIT of kernels, verification.</summary>
    public double OtherSeconds => CompileSeconds - Stages.Sum(stage => stage.Seconds);

    /// <summary>Null where there was no such stage.</summary>
    public double? SecondsOf(string stage) => Stages.FirstOrDefault(each => each.Stage == stage)?.Seconds;

    /// <summary>Measures in this process.</summary>
    /// <param name="options">What.</param>
    /// <param name="whole">Also calls with a new size, runs a sampler, and measures a chain of pointwise ops.</param>
    /// <exception cref="BrushfireException">There is no such model, or it is none that a benchmark can feed.</exception>
    public static CompileRun Measure(CompileBenchmarkOptions options, bool whole)
    {
        using IDisposable precision = Autocast.Use(options.Precision);
        using var memory = new ResidentMemory();
        ModelPart part = ModelPart.Open(options.Model, options.Part);
        ParameterStatistics before = Parameter.Statistics;
        TimeSpan jit = JitInfo.GetCompilationTime(currentThread: true);
        CallTime first = Call(part, 0);
        jit = JitInfo.GetCompilationTime(currentThread: true) - jit;
        ParameterStatistics after = Parameter.Statistics;
        CompileReport report = part.Compiled.Reports[0];
        StageSeconds[] stages = [.. StagesOf(report)];
        double second = Call(part, 1).Seconds;
        Allocator.ResetPeak();
        var firstCall = new FirstCall(first, Later(part, 2, part.LatentSize));
        (long peak, long resident) = (Allocator.Statistics.PeakBytes, memory.PeakBytes);
        FirstCall? newSize = whole && part.LatentSize is { } size ? CallNewSize(part, (size.Width, size.Height * 3 / 2)) : null;
        if (whole) part.SampleCompiled?.Invoke(options.Steps, SampledSize(part));

        // Later calls run the newest program: that of what cannot be left out.
        ProgramReport program = report.Programs[^1];
        return new CompileRun
        {
            First = firstCall,
            SecondCallSeconds = second,
            LoadingSeconds = (after.Loading - before.Loading).TotalSeconds,
            PackingSeconds = (after.Packing - before.Packing).TotalSeconds,
            JitSeconds = jit.TotalSeconds,
            Stages = stages,
            Launches = program.Groups,
            Kernels = program.Kernels,
            InterpretedNodes = part.Compiled.Reports.SelectMany(each => each.Programs).Sum(each => each.InterpretedNodes),
            ArenaBytes = program.ArenaBytes,
            UnsharedBytes = program.UnsharedBytes,
            WeightBytes = report.WeightBytes,
            PeakBytes = peak,
            PeakResidentBytes = resident,
            NewSize = newSize,
            Chain = whole ? PointwiseChain.Measure() : null,
            GraphBreaks = part.Compiled.GraphBreaks.Count,
            Recompiles = part.Compiled.Recompiles.Count,
        };
    }

    private static IEnumerable<StageSeconds> StagesOf(CompileReport report) =>
    [
        new("capture", report.Capture.TotalSeconds),
        .. report.Stages.Select(pass => new StageSeconds(pass.Name, pass.Time.TotalSeconds)),
        .. report.Programs[0].Times.Select(time => new StageSeconds(time.Stage, time.Time.TotalSeconds)),
    ];

    // The second call is not among the later ones: it compiles what is left when unchanged inputs are left out.
    private static FirstCall CallNewSize(ModelPart part, (int Width, int Height) size)
    {
        CallTime first = Call(part, 0, size);
        Call(part, 1, size);
        return new FirstCall(first, Later(part, 2, size));
    }

    // Steps are many, and recompiles do not depend on sizes.
    private static (int Width, int Height) SampledSize(ModelPart part)
    {
        (int width, int height) = part.LatentSize!.Value;
        return (Math.Max(LeastSampled, width / SampledShare), Math.Max(LeastSampled, height / SampledShare));
    }

    private static CallTime[] Later(ModelPart part, int begin, (int Width, int Height)? size) => [.. Enumerable.Range(begin, LaterCalls).Select(i => Call(part, i, size))];

    // Making the inputs is not timed.
    private static CallTime Call(ModelPart part, int index, (int Width, int Height)? size = null)
    {
        using var scope = new TensorScope();
        Tensor[] inputs = part.Inputs(index, size);
        List<LaunchTime> launches = [];
        using IDisposable note = LaunchTimes.Note(launches);
        long start = Stopwatch.GetTimestamp();
        part.RunCompiled(inputs);
        return new CallTime(Stopwatch.GetElapsedTime(start).TotalSeconds, launches.Sum(launch => launch.Time.TotalSeconds));
    }
}
