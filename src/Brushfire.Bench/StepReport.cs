// What a step benchmark found out, as JSON and as lines for people.

using System.Text.Json.Nodes;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Bench;

public sealed record StepReport
{
    public required StepBenchmarkOptions Options { get; init; }

    /// <summary>Null where the part sees no text.</summary>
    public required int? Tokens { get; init; }

    /// <summary>Of each measured step, in order.</summary>
    public required IReadOnlyList<double> Seconds { get; init; }

    /// <summary>Of the eager steps: the same where nothing is compiled.</summary>
    public required IReadOnlyList<double> EagerSeconds { get; init; }

    /// <summary>Of the compiled steps; null where nothing is compiled.</summary>
    public LaunchSums? Launches { get; init; }

    /// <summary>Of the eager steps; null where ops were not timed.</summary>
    public OpTimes? Ops { get; init; }
    public required DirectWork Work { get; init; }
    public required Peaks Peaks { get; init; }

    /// <summary>The most that tensors held at once, weights included.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>See <see cref="ResidentMemory"/>.</summary>
    public required long PeakResidentBytes { get; init; }

    public double MedianSeconds => Seconds.Median();

    /// <summary>How many times as fast compiled steps are.</summary>
    public double Speedup => EagerSeconds.Median() / MedianSeconds;

    /// <summary>Time outside of products and attention, compiled over eager; null where nothing is compiled.</summary>
    public double? OutsideRatio => Launches?.OutsideSeconds / Ops?.OutsideSeconds;

    /// <summary>The time that direct arithmetic at peak would take, over the time taken.</summary>
    public double RatioToDirectLimit => Work.Total / Peaks.Best.OperationsPerSecond / MedianSeconds;

    /// <summary>Why the numbers must not be used; null where they may.</summary>
    public string? Invalid => Peaks.Invalid;

    public JsonObject ToJson() => new()
    {
        ["benchmark"] = "step",
        ["model"] = Options.Model,
        ["part"] = ModelPart.Name(Options.Part),
        ["code"] = Options.Code.ToString().ToLowerInvariant(),
        ["attention"] = Options.Attention is { } backend ? Name(backend) : "auto",
        ["precision"] = Name(Options.Precision),
        ["compiled"] = Options.Compile,
        ["batchSize"] = Options.BatchSize,
        ["latentWidth"] = Options.LatentSize?.Width,
        ["latentHeight"] = Options.LatentSize?.Height,
        ["tokens"] = Tokens,
        ["processor"] = Machine.Current.Processor,
        ["instructionSet"] = Isas.Current.ToString().ToLowerInvariant(),
        ["threads"] = WorkerPool.Threads,
        ["seconds"] = new JsonArray([.. Seconds.Select(value => JsonValue.Create(value))]),
        ["medianSeconds"] = MedianSeconds,
        ["minimumSeconds"] = Seconds.Min(),
        ["maximumSeconds"] = Seconds.Max(),
        ["eager"] = Launches is null ? null : new JsonObject
        {
            ["seconds"] = new JsonArray([.. EagerSeconds.Select(value => JsonValue.Create(value))]),
            ["medianSeconds"] = EagerSeconds.Median(),
            ["ratioToDirectLimit"] = RatioToDirectLimit / Speedup,
            ["outsideContractionsSeconds"] = Ops?.OutsideSeconds,
        },
        ["speedup"] = Launches is null ? null : Speedup,
        ["outsideContractionsSeconds"] = Launches?.OutsideSeconds ?? Ops?.OutsideSeconds,
        ["outsideContractionsRatio"] = OutsideRatio,
        ["directWork"] = new JsonObject
        {
            ["convolution"] = Work.Convolution,
            ["pointConvolution"] = Work.PointConvolution,
            ["linear"] = Work.Linear,
            ["attention"] = Work.Attention,
            ["total"] = Work.Total,
        },
        ["peakBefore"] = Peaks.ToJson(Peaks.Before),
        ["peakAfter"] = Peaks.ToJson(Peaks.After),
        ["ratioToDirectLimit"] = RatioToDirectLimit,
        ["byOp"] = Ops?.ToJson(),
        ["byKernel"] = Launches?.ToJson(),
        ["peakBytes"] = PeakBytes,
        ["peakResidentBytes"] = PeakResidentBytes,
        ["peakResidentMeasuredBy"] = ResidentMemory.How,
        ["valid"] = Invalid is null,
        ["invalidBecause"] = Invalid,
    };

    public IEnumerable<string> ToLines()
    {
        string size = Options.LatentSize is { } latents ? $", latents {latents.Width}x{latents.Height}" : "", tokens = Tokens is { } count ? $", {count} tokens" : "";
        yield return $"{Options.Model}, {ModelPart.Title(Options.Part)}, {Options.Code} code, attention {(Options.Attention is { } backend ? Name(backend) : "auto")}, {Name(Options.Precision)}{(Options.Compile ? ", compiled" : "")}: batch {Options.BatchSize}{size}{tokens}";
        yield return $"{Machine.Current.Processor}, {Isas.Current}, {WorkerPool.Threads} threads";
        yield return $"step              median {MedianSeconds:F3} s, minimum {Seconds.Min():F3} s, maximum {Seconds.Max():F3} s of {Seconds.Count}";
        if (Launches is { } launches)
        {
            yield return $"eager step        median {EagerSeconds.Median():F3} s, minimum {EagerSeconds.Min():F3} s, maximum {EagerSeconds.Max():F3} s, in turn with the compiled ones, which are {Speedup:F2} times as fast";
            yield return $"outside products  {launches.OutsideSeconds * 1e3:F1} ms, eager {Ops!.OutsideSeconds * 1e3:F1} ms, ratio {OutsideRatio:F2} (and outside of attention)";
        }

        yield return $"direct work       {Work.Total / 1e9:F1} GFLOP: convolution {Work.Convolution / 1e9:F1}, 1x1 {Work.PointConvolution / 1e9:F1}, linear {Work.Linear / 1e9:F1}, attention {Work.Attention / 1e9:F1}";
        foreach (string line in Peaks.ToLines()) yield return line;
        yield return $"ratio to limit    {RatioToDirectLimit:F3} (direct work / peak / median)";
        yield return $"tensors           {PeakBytes / 1e9:F2} GB at most";
        yield return $"resident memory   {PeakResidentBytes / 1e9:F2} GB at most without file-backed pages ({ResidentMemory.How})";
        if (Invalid is { } reason) yield return $"INVALID: {reason}";
    }

    /// <summary>As on the command line.</summary>
    public static string Name(DType precision) => precision == DType.BFloat16 ? "bf16" : "fp32";

    /// <summary>As on the command line.</summary>
    public static string Name(AttentionBackend backend) => backend switch
    {
        AttentionBackend.Math => "math",
        AttentionBackend.MemoryEfficient => "memory-efficient",
        AttentionBackend.Flash => "flash",
    };
}
