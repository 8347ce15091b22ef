// What a compile benchmark found out, from a process that began with an empty cache of kernels and one that began with the
// cache that the first one left.

using System.Text.Json;
using System.Text.Json.Nodes;
using Brushfire.Kernels;

namespace Brushfire.Bench;

public sealed record CompileBenchmarkReport(CompileBenchmarkOptions Options, CompileRun Cold, CompileRun Warm)
{
    public double ColdSeconds => Cold.CompileSeconds;
    public double WarmSeconds => Warm.CompileSeconds;
    public double PackingSeconds => Math.Min(Cold.PackingSeconds, Warm.PackingSeconds);

    /// <summary>The first call with other latents minus the later ones; null where the part sees none.</summary>
    public double? NewSizeMilliseconds => Warm.NewSize?.ExtraSeconds * 1e3;

    public JsonObject ToJson() => new()
    {
        ["benchmark"] = "compile",
        ["model"] = Options.Model,
        ["part"] = ModelPart.Name(Options.Part),
        ["precision"] = StepReport.Name(Options.Precision),
        ["processor"] = Machine.Current.Processor,
        ["instructionSet"] = Isas.Current.ToString().ToLowerInvariant(),
        ["threads"] = WorkerPool.Threads,
        ["coldSeconds"] = ColdSeconds,
        ["warmSeconds"] = WarmSeconds,
        ["packingSeconds"] = PackingSeconds,
        ["newSizeMilliseconds"] = NewSizeMilliseconds,
        ["newSizeOutsideLaunchesMilliseconds"] = Warm.NewSize?.ExtraOutsideSeconds * 1e3,
        ["chainCopyFraction"] = Warm.Chain?.CopyFraction,
        ["chainSpeedup"] = Warm.Chain?.Speedup,
        ["graphBreaks"] = Warm.GraphBreaks,
        ["recompiles"] = Warm.Recompiles,
        ["sampledSteps"] = Options.Part == PartKind.UNet ? Options.Steps : 0,
        ["interpretedNodes"] = Warm.InterpretedNodes,
        ["launches"] = Warm.Launches,
        ["kernels"] = Warm.Kernels,
        ["weightBytes"] = Warm.WeightBytes,
        ["arenaBytes"] = Warm.ArenaBytes,
        ["unsharedBytes"] = Warm.UnsharedBytes,
        ["peakBytes"] = Warm.PeakBytes,
        ["peakResidentBytes"] = Warm.PeakResidentBytes,
        ["peakResidentMeasuredBy"] = ResidentMemory.How,
        ["cold"] = JsonSerializer.SerializeToNode(Cold, JsonSerializerOptions.Web),
        ["warm"] = JsonSerializer.SerializeToNode(Warm, JsonSerializerOptions.Web),
    };

    public IEnumerable<string> ToLines()
    {
        yield return $"{Options.Model}, {ModelPart.Title(Options.Part)}, {StepReport.Name(Options.Precision)}, compiled";
        yield return $"{Machine.Current.Processor}, {Isas.Current}, {WorkerPool.Threads} threads";
        yield return $"empty cache       {ColdSeconds:F3} s for the first call beyond later ones ({Cold.First.MedianSeconds:F3} s), weights packed; {Cold.SecondCallSeconds - Cold.First.MedianSeconds:F3} s for the second";
        yield return $"filled cache      {WarmSeconds:F3} s, and {Warm.SecondCallSeconds - Warm.First.MedianSeconds:F3} s";
        yield return $"packing           {PackingSeconds:F3} s for the weights";
        if (NewSizeMilliseconds is { } milliseconds) yield return $"new size          {milliseconds:F1} ms for the first call with other latents beyond later ones ({Warm.NewSize!.MedianSeconds:F3} s); outside of launches {Warm.NewSize.ExtraOutsideSeconds * 1e3:F1} ms";
        if (Warm.Chain is { } chain) yield return $"pointwise chain   {chain.CopyFraction:F2} of the bandwidth of a copy, {chain.Speedup:F1} times as fast as eager ({chain.CompiledSeconds * 1e3:F1} ms for 64 MB, kernels: {chain.Kernels})";
        yield return $"graph             {Warm.GraphBreaks} breaks, {Warm.Recompiles} recompiles, {Warm.InterpretedNodes} interpreted nodes";
        yield return $"later calls       {Warm.Launches} launches, {Warm.Kernels} of generated kernels";
        yield return $"memory            {Warm.PeakBytes / 1e6:F1} MB of tensors at most; planned: weights {Warm.WeightBytes / 1e6:F1} MB, arena {Warm.ArenaBytes / 1e6:F1} MB ({Warm.UnsharedBytes / 1e6:F1} MB without sharing)";
        yield return $"resident memory   {Warm.PeakResidentBytes / 1e6:F1} MB at most without file-backed pages ({ResidentMemory.How})";
    }

    /// <summary>Of both first calls, in the order of the compile; null where a process had no such stage.</summary>
    public IEnumerable<(string Stage, double? Cold, double? Warm)> Stages
    {
        get
        {
            foreach (string stage in Cold.Stages.Concat(Warm.Stages).Select(stage => stage.Stage).Distinct(StringComparer.Ordinal))
                yield return (stage, Cold.SecondsOf(stage), Warm.SecondsOf(stage));
            yield return ("all else but loading, packing and a later call", Cold.OtherSeconds, Warm.OtherSeconds);
        }
    }
}
