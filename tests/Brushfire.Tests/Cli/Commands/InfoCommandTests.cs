// brushfire info, run in the process.

using System.Text.Json.Nodes;
using Brushfire.Diffusion.Samplers;
using Brushfire.Kernels;

namespace Brushfire.Tests.Cli.Commands;

public sealed class InfoCommandTests
{
    [Fact]
    public void Json_tells_the_machine_every_knob_and_every_sampler()
    {
        JsonObject info = ProgramRun.Succeed("info", "--json").Json;
        foreach (string key in (string[])["version", "processor", "instructionSet", "instructionSetReason", "hugePages", "system"])
            Assert.NotEmpty(info[key]!.GetValue<string>());
        Assert.Equal(BFloat16Kernels.Reason, info["products"]!["bf16"]!.GetValue<string>());
        Assert.Contains(" register tile", info["products"]!["fp32"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(WorkerPool.Threads, info["threads"]!.GetValue<int>());
        Assert.True(info["memoryGigabytes"]!.GetValue<double>() > 0);
        Assert.Equal(Knobs.All.Select(knob => knob.Name), info["settings"]!.AsObject().Select(row => row.Key));
        Assert.Equal(Sampler.All.Select(sampler => sampler.Name), info["samplers"]!.AsObject().Select(row => row.Key));
        Assert.False(info.ContainsKey("peakGigaflops"));
    }

    [Fact]
    public void The_text_says_the_same_in_lines()
    {
        ProgramRun run = ProgramRun.Succeed("info");
        Assert.Contains("instruction set", run.Data);
        Assert.Contains(Knobs.Isa.Name, run.Data);
        Assert.Empty(run.Talk);
    }
}
