// The benchmark commands: a small run of each, and what they refuse.

using System.Text.Json.Nodes;
using Brushfire.Cli;
using Brushfire.Cli.Commands;
using Brushfire.Kernels;

namespace Brushfire.Tests.Cli.Commands;

public sealed class BenchmarkCommandTests
{
    // A shared machine may spoil a report, which is told at the end; the report is written all the same.
    private static ProgramRun Measure(params string[] arguments)
    {
        ProgramRun run = ProgramRun.Of(arguments);
        Assert.True(run.ExitCode == CommandLine.Success || run.Talk.Contains("the machine was not quiet", StringComparison.Ordinal), run.Talk);
        return run;
    }

    [Fact]
    public void A_step_of_a_part_is_told_with_a_table_by_op()
    {
        using var folder = new TempFolder();
        string file = folder["step.json"];
        ProgramRun run = Measure("benchmark", "step", "--model", "emoji", "--part", "vae", "--by-op", "--precision", "bf16", "--repeat", "2", "--threads", "1", "--json", file);
        Assert.Contains("| group ", run.Data);
        Assert.Contains("| linear", run.Data);
        Assert.Contains("ratio to limit", run.Data);
        JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        Assert.Equal("bf16", json["precision"]!.GetValue<string>());
        Assert.Equal("vae", json["part"]!.GetValue<string>());
        Assert.NotNull(json["threads"]); // other tests set the threads of the process beside this one
        Assert.Equal(2, json["seconds"]!.AsArray().Count);
        double ops = json["byOp"]!["milliseconds"]!.GetValue<double>(), step = json["medianSeconds"]!.GetValue<double>() * 1e3;
        Assert.InRange(ops, 0.2 * step, 1.5 * step);
    }

    [Fact]
    public void Compiled_steps_are_measured_in_turn_with_eager_ones()
    {
        using var folder = new TempFolder();
        string file = folder["step.json"];
        ProgramRun run = Measure("benchmark", "step", "--model", "emoji", "--compile", "unet", "--by-op", "--repeat", "2", "--json", file);
        Assert.Contains("| compiled ", run.Data);
        Assert.Contains("outside products", run.Data);
        JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        double Number(JsonNode node, string name) => node[name]!.GetValue<double>();
        Assert.Equal((2, 2), (json["seconds"]!.AsArray().Count, json["eager"]!["seconds"]!.AsArray().Count));
        Assert.Equal(Number(json["eager"]!, "medianSeconds") / Number(json, "medianSeconds"), Number(json, "speedup"), 9);
        Assert.InRange(Number(json, "outsideContractionsSeconds"), 1e-6, Number(json, "medianSeconds"));
        Assert.InRange(Number(json["eager"]!, "outsideContractionsSeconds"), 1e-6, Number(json["eager"]!, "medianSeconds"));
        Assert.Contains(json["byKernel"]!.AsArray(), row => row!["kind"]!.GetValue<string>() == "attention");
    }

    [Fact]
    public void A_compile_is_measured_in_new_processes_with_an_empty_and_a_filled_cache()
    {
        using var folder = new TempFolder();
        string file = folder["compile.json"];
        ProgramRun run = ProgramRun.Succeed("benchmark", "compile", "--model", "emoji", "--steps", "2", "--threads", "1", "--json", file);
        Assert.Contains("| stage of the first call ", run.Data);
        JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        double Number(string name) => json[name]!.GetValue<double>();
        string[] Stages(string process) => [.. json[process]!["stages"]!.AsArray().Select(stage => stage!["stage"]!.GetValue<string>())];
        Assert.Contains("Roslyn", Stages("cold"));
        Assert.Contains("cache", Stages("warm"));
        Assert.DoesNotContain("Roslyn", Stages("warm"));
        Assert.True(Number("coldSeconds") > Number("warmSeconds"));
        Assert.True(Number("packingSeconds") > 0);
        Assert.True(Number("newSizeMilliseconds") < 1e3 * Number("coldSeconds"));
        Assert.Equal((0, 0, 2), (Number("graphBreaks"), Number("recompiles"), Number("sampledSteps")));
        Assert.InRange(Number("peakBytes"), Number("weightBytes"), 2 * Number("weightBytes"));
    }

    [Fact]
    public void Kernels_are_told_by_shape_and_in_sums()
    {
        using var folder = new TempFolder();
        string file = folder["kernels.json"];
        ProgramRun run = Measure("benchmark", "kernels", "--filter", "f32[1,77,768]", "--repeat", "1", "--json", file);
        Assert.Contains("layer norm", run.Data);
        Assert.Contains("| part ", run.Data);
        JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        Assert.Equal("f32[1,77,768]", json["filter"]!.GetValue<string>());
        Assert.All(json["kernels"]!.AsArray(), row =>
        {
            Assert.Contains("f32[1,77,768]", row!["shapes"]!.GetValue<string>());
            Assert.True(row["milliseconds"]!.GetValue<double>() > 0 && row["fraction"]!.GetValue<double>() > 0);
        });
    }

    [Theory]
    [InlineData("kernels --repeat 0", "--repeat is '0' and must be a whole number from 1 to 1000")]
    [InlineData("kernels --isa sse", "--isa is 'sse' and must be one of portable, avx2, avx512")]
    [InlineData("kernels --json no/such/folder/file", "--json is 'no/such/folder/file', whose folder does not exist")]
    [InlineData("kernels --precision int8", "--precision is 'int8' and must be one of fp32, bf16")]
    [InlineData("step --part encoder", "--part is 'encoder' and must be one of unet, vae, text")]
    [InlineData("compile --steps 0", "--steps is '0' and must be a whole number from 1 to 1000")]
    [InlineData("step --size 64", "--size is '64' and must be two numbers from 1 to 1024, such as 64x64")]
    public void What_makes_no_sense_is_refused(string line, string expected)
    {
        ProgramRun run = ProgramRun.Of(["benchmark", .. line.Split(' ')]);
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Equal($"brushfire: {expected}", Assert.Single(run.Lines));
    }

    [Fact]
    public void A_filter_without_a_match_is_told()
    {
        ProgramRun run = ProgramRun.Of("benchmark", "kernels", "--filter", "no such kernel");
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Contains("'no such kernel'", Assert.Single(run.Lines));
    }

    [Fact]
    public void A_report_replaces_its_file_whole()
    {
        using var folder = new TempFolder();
        string file = folder["report.json"];
        File.WriteAllText(file, "old");
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        BenchmarkCommand.Report(new Terminal(TextWriter.Null, TextWriter.Null), [], new JsonObject { ["steps"] = 1 }, file, invalid: null);
        Assert.Equal("old", reader.ReadToEnd());
        Assert.Equal(1, JsonNode.Parse(File.ReadAllText(file))!["steps"]!.GetValue<int>());
        Assert.Equal([file], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Another_instruction_set_than_the_one_in_use_is_refused_and_the_same_one_taken()
    {
        Isa other = Isas.Current == Isa.Portable ? Isa.Avx2 : Isa.Portable;
        ProgramRun run = ProgramRun.Of("benchmark", "step", "--isa", other.ToString().ToLowerInvariant());
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Contains($"already runs with {Isas.Current.ToString().ToLowerInvariant()}", Assert.Single(run.Lines));
        Assert.True(Isas.TryForce(Isas.Current));
    }
}
