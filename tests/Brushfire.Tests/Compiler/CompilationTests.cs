// Passes in turn: verified, skipped, written, replaced by edited texts; what is logged and reported.

using Brushfire.Compiler;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Compiler.Runtime;
using Brushfire.Tensors;
using Brushfire.Tests.Compiler.Graphs;
using KernelCompiler = Brushfire.Compiler.Emission.KernelCompiler;

namespace Brushfire.Tests.Compiler;

public sealed class CompilationTests
{
    private const string Text = "graph f(%x: f32[2])\n  %w1: f32[2] = weight \"shift\"\n  %1: f32[2] = silu(%x)\n  %2: f32[2] = add(%1, %w1)\n  return %2\n";
    private static readonly CompilerSettings s_settings = CompilerSettings.FromKnobs() with { Dump = null, Override = null, Skip = new HashSet<string>(StringComparer.Ordinal), Verify = true, VerifyKernels = false };
    private static readonly Pass s_nothing = new("do-nothing", graph => graph.Rewrite((_, node) => node));
    private static readonly Pass s_gelu = new("gelu-for-silu", graph => graph.Rewrite((builder, node) => node.Op.Name == "silu" ? builder.Add(OpCatalogue.Parse("gelu", new Dictionary<string, string>(StringComparer.Ordinal)), node.Inputs[0]) : node));

    [Fact]
    public void Passes_run_in_order_and_are_reported()
    {
        CompileReport report = Run(s_settings);
        Assert.Equal(Text.Replace("silu", "gelu", StringComparison.Ordinal), report.Final.ToString());
        Assert.Equal(["do-nothing", "gelu-for-silu"], report.Stages.Select(stage => stage.Name));
        Assert.Equal((2, 2, 40L, 40L), (report.Stages[1].NodesBefore, report.Stages[1].NodesAfter, report.Stages[1].BytesBefore, report.Stages[1].BytesAfter));
        Assert.Contains("Captured in 12.5 ms.", report.ToString(), StringComparison.Ordinal);
        Assert.Contains("| gelu-for-silu | 2 | 2 | 0.00 | 0.00 |", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_pass_can_be_skipped() =>
        Assert.Equal(Text, Run(s_settings with { Skip = new HashSet<string>(["gelu-for-silu"], StringComparer.Ordinal) }).Final.ToString());

    [Fact]
    public void A_pass_to_skip_that_does_not_exist_is_told_with_those_that_do()
    {
        var exception = Assert.Throws<BrushfireException>(() => Run(s_settings with { Skip = new HashSet<string>(["gelu", "do-nothing"], StringComparer.Ordinal) }));
        Assert.Equal("BRUSHFIRE_SKIP names gelu, which the compiler does not have; there are do-nothing, gelu-for-silu, hoist-invariants.", exception.Message);
    }

    [Fact]
    public void Log_channels_that_do_not_exist_are_told_with_those_that_do()
    {
        Assert.Equal(["guards", "passes"], CompilerSettings.Channels("passes, guards").Order(StringComparer.Ordinal));
        Assert.Empty(CompilerSettings.Channels(null));
        Assert.Equal("BRUSHFIRE_LOG='help' is not known; it takes capture,guards,passes,schedule.", Assert.Throws<BrushfireException>(() => CompilerSettings.Channels("help")).Message);
    }

    [Fact]
    public void A_dump_that_cannot_be_written_names_its_file_and_the_setting()
    {
        using var folder = new TempFolder();
        File.WriteAllText(Path.Combine(folder.Path, "file"), "");
        var exception = Assert.Throws<BrushfireException>(() => Run(s_settings with { Dump = Path.Combine(folder.Path, "file") }));
        Assert.Contains("00-captured.graph cannot be written", exception.Message, StringComparison.Ordinal);
        Assert.Contains("BRUSHFIRE_DUMP", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_is_written_again_with_the_programs_that_later_calls_make()
    {
        const string Product = "graph f(%x: f32[2], %y: f32[2])\n  %1: f32[2] = exp(%x)\n  %2: f32[2] = add(%1, %y)\n  return %2\n";
        foreach (string skip in new[] { "", "hoist-invariants" })
        {
            using var folder = new TempFolder();
            using var scope = new TensorScope();
            CompilerSettings settings = s_settings with { Dump = folder.Path, Skip = new HashSet<string>(skip.Split(',', StringSplitOptions.RemoveEmptyEntries), StringComparer.Ordinal) };
            (IGraphProgram program, CompileReport report) = Compilation.Run(GraphSamples.Parse(Product), TimeSpan.Zero, "f-1", [], settings, new KernelCompiler());
            Tensor same = Tensor.Full([2], 1);
            for (int i = 0; i < 2; i++) program.Run([same, Tensor.Full([2], i)]);
            Assert.Equal(skip.Length == 0 ? 3 : 1, report.Programs.Count);
            Assert.Equal(report.ToString(), File.ReadAllText(Path.Combine(folder.Path, "f-1", "report.md")));
        }
    }

    [Fact]
    public void A_wrong_pass_is_named()
    {
        var wrong = new Pass("turn-around", graph => new Graph(graph.Name, [.. graph.Nodes.Reverse()], graph.Inputs, graph.Outputs));
        var exception = Assert.Throws<BrushfireException>(() => Compilation.Run(GraphSamples.Parse(Text), TimeSpan.Zero, "f-1", [wrong], s_settings, new KernelCompiler()));
        Assert.StartsWith("the pass turn-around made a wrong graph of f: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Stages_that_changed_something_are_written_and_edited_ones_are_used_instead()
    {
        using var folder = new TempFolder();
        Run(s_settings with { Dump = folder.Path });
        string dump = Path.Combine(folder.Path, "f-1");
        Assert.Equal(["00-captured.graph", "02-gelu-for-silu.graph", "memory.txt", "report.md", "schedule.txt"], Directory.GetFiles(dump).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(Text, File.ReadAllText(Path.Combine(dump, "00-captured.graph")));

        File.WriteAllText(Path.Combine(dump, "02-gelu-for-silu.graph"), Text.Replace("silu", "tanh", StringComparison.Ordinal));
        Assert.Equal(Text.Replace("silu", "tanh", StringComparison.Ordinal), Run(s_settings with { Override = folder.Path }).Final.ToString());

        File.WriteAllText(Path.Combine(dump, "00-captured.graph"), Text.Replace("shift", "other", StringComparison.Ordinal));
        var exception = Assert.Throws<BrushfireException>(() => Run(s_settings with { Override = folder.Path }));
        Assert.Contains("Line 2 of the graph", exception.Message, StringComparison.Ordinal);
        Assert.Contains("f has no weight or constant 'other' as captured", exception.Message, StringComparison.Ordinal);
    }

    private static CompileReport Run(CompilerSettings settings) => Compilation.Run(GraphSamples.Parse(Text), TimeSpan.FromMilliseconds(12.5), "f-1", [s_nothing, s_gelu], settings, new KernelCompiler()).Report;
}
