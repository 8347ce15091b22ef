// brushfire info: what the program runs on and with what settings.

using System.CommandLine;
using System.Reflection;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text.Json.Nodes;
using Brushfire.Bench;
using Brushfire.Diffusion.Samplers;
using Brushfire.Kernels;
using Brushfire.Models.Catalog;

namespace Brushfire.Cli.Commands;

internal sealed class InfoCommand : ProgramCommand
{
    private readonly Option<bool> _peak, _json;

    public InfoCommand() : base("info", "Tells version, processor, instruction sets, peaks, settings, models and samplers.")
    {
        _peak = AddSwitch("--peak", "also measure the peaks of arithmetic and of copying, about ten seconds");
        _json = AddSwitch("--json", "as JSON");
    }

    public override void Run(OptionValues values, Terminal terminal, CancellationToken cancellation)
    {
        bool peak = values[_peak], json = values[_json];
        values.ThrowIfWrong();
        JsonObject info = Describe(peak);
        terminal.Data.WriteLine(json ? Json.Print(info) : Json.Outline(info));
    }

    private static JsonObject Describe(bool peak)
    {
        Machine machine = Machine.Current;
        var info = new JsonObject
        {
            ["version"] = typeof(InfoCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion,
            ["processor"] = machine.Processor,
            ["threads"] = WorkerPool.Threads,
            ["processors"] = machine.Processors,
            ["instructionSet"] = Isas.Current.ToString().ToLowerInvariant(),
            ["instructionSetReason"] = Reason(),
            ["instructionSets"] = Json.List(Available()),
            ["products"] = new JsonObject
            {
                ["fp32"] = $"{Tiling.CurrentRows} x {Tiling.CurrentColumns} register tile",
                ["bf16"] = BFloat16Kernels.Reason,
            },
            ["caches"] = Json.List(machine.Caches),
            ["memoryGigabytes"] = Math.Round(machine.MemoryBytes / 1e9, 1),
            ["hugePages"] = machine.HugePages,
            ["system"] = machine.OperatingSystem,
            ["runtime"] = machine.Runtime,
        };
        if (peak)
        {
            MachinePeak measured = MachinePeak.Measure();
            info["peakGigaflops"] = Math.Round(measured.OperationsPerSecond / 1e9, 1);
            if (BFloat16Kernels.IsNative) info["bf16PeakGigaflops"] = Math.Round(MachinePeak.Measure(ElementKind.BFloat16).OperationsPerSecond / 1e9, 1);
            info["peakOperationsPerCycle"] = Math.Round(measured.OperationsPerCycle, 1);
            info["copyGigabytesPerSecond"] = Math.Round(CopyBandwidth.Measure() / 1e9, 1);
        }

        info["models"] = Models();
        info["samplers"] = Table(Sampler.All.Select(sampler => (sampler.Name, sampler.Description)));
        info["settings"] = Table(Knobs.All.Select(knob => (knob.Name, $"{knob.Value ?? "not set"}; takes {knob.Values}: {knob.Effect}")));
        return info;
    }

    // Why this instruction set and not a wider one.
    private static string Reason() =>
        Knobs.Isa.Value is { } forced ? $"{Knobs.Isa.Name} is {forced}; the widest here would be {Isas.Best.ToString().ToLowerInvariant()}"
        : Isas.Best switch
        {
            Isa.Avx512 => "512-bit vectors, the widest there are",
            Isa.Avx2 => "256-bit vectors with multiply-add; this processor has no AVX-512, or .NET was told not to use it",
            Isa.Portable => "128-bit vectors; this processor has no AVX2 with multiply-add, or .NET was told not to use it",
        };

    private static IEnumerable<string> Available() =>
        from feature in ((string Name, bool Supported)[])
        [
            ("avx2", Avx2.IsSupported), ("fma", Fma.IsSupported), ("avx512f", Avx512F.IsSupported), ("avx512vbmi", Avx512Vbmi.IsSupported),
            ("avx-vnni", AvxVnni.IsSupported), ("128-bit vectors", Vector128.IsHardwareAccelerated),
        ]
        where feature.Supported
        select feature.Name;

    private static JsonObject Models()
    {
        var models = new JsonObject();
        foreach (string name in ModelSource.CatalogueNames) models[name] = ModelSource.Open(name).Kind;
        models["PATH"] = "a diffusers folder, or a single-file checkpoint";
        return models;
    }

    private static JsonObject Table(IEnumerable<(string Key, string Value)> rows)
    {
        var table = new JsonObject();
        foreach ((string key, string value) in rows) table[key] = value;
        return table;
    }
}
