// Mistakes in the emitter: told, interpreted around, and raised where kernels are verified.

using Brushfire.Compiler.Diagnostics;
using Brushfire.Compiler.Emission;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Runtime;
using Brushfire.Compiler.Scheduling;
using Brushfire.Tensors;
using Brushfire.Tests.Compiler.Graphs;

namespace Brushfire.Tests.Compiler.Runtime;

public sealed class FallbackTests
{
    private const string Text = """
        graph f(%x: f32[64,32])
          %w1: f32[32,32] = weight "linear.weight"
          %1: f32[64,32] = linear(%x, %w1)
          %2: f32[64,32] = silu(%1)
          %w2: f32[16,32] = weight "other.weight"
          %3: f32[64,16] = linear(%2, %w2)
          %4: f32[64,16] = tanh(%3)
          return %4
        """;

    private static readonly CompilerSettings s_verified = CompilerSettings.FromKnobs() with { VerifyKernels = true }, s_plain = s_verified with { VerifyKernels = false };

    private static readonly Func<FusionGroup, (Kernel?, string?)>
        s_throwing = group => KernelEmitter.OrRefuse(_ => throw new InvalidOperationException("no such loop"), group),
        s_wrongSource = group => KernelEmitter.TryEmit(group) switch
        {
            ({ } kernel, _) when group.Nodes.Any(node => node.Op.Name == "silu") => (kernel with { Source = kernel.Source + "no C#" }, null),
            var other => other,
        };

    [Fact]
    public void An_exception_of_the_emitter_is_told_and_its_nodes_are_interpreted()
    {
        using IDisposable plain = s_plain.Use();
        (CompiledProgram program, List<string> warnings) = Compile(s_throwing);
        Assert.Equal(0, program.KernelCount);
        Assert.Equal(4, program.InterpretedNodes);
        Assert.Equal(program.Refusals.Count, warnings.Count);
        Assert.StartsWith("warning: no kernel of %1 linear, %2 silu, which are interpreted; a mistake in the emitter: InvalidOperationException: no such loop", warnings[0], StringComparison.Ordinal);
        Assert.Equal("0: a mistake in the emitter: InvalidOperationException: no such loop", program.Refusals[0]);
    }

    [Fact]
    public void A_text_that_does_not_compile_is_told_and_the_other_kernels_stay()
    {
        using IDisposable plain = s_plain.Use();
        (CompiledProgram program, List<string> warnings) = Compile(s_wrongSource);
        Assert.Equal(1, program.KernelCount);
        Assert.Equal(2, program.InterpretedNodes);
        Assert.Contains("the nodes are interpreted. A generated kernel does not compile: (", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal("0: its text does not compile, a mistake in the emitter", Assert.Single(program.Refusals));
    }

    [Fact]
    public void Where_kernels_are_verified_mistakes_are_raised()
    {
        using IDisposable verified = s_verified.Use();
        Assert.Equal("no such loop", Assert.Throws<InvalidOperationException>(() => Compile(s_throwing)).Message);
        Assert.Contains("no C#", Assert.Throws<WrongSourceException>(() => Compile(s_wrongSource)).Message, StringComparison.Ordinal);
    }

    // Whatever went wrong, the results are right.
    private static (CompiledProgram Program, List<string> Warnings) Compile(Func<FusionGroup, (Kernel?, string?)> emit)
    {
        using var scope = new TensorScope();
        List<string> warnings = [];
        using Warnings expected = Warnings.Expect(warnings);
        Graph graph = GraphSamples.Parse(Text);
        var program = new CompiledProgram(graph, emit: emit);
        Tensor[] inputs = GraphSamples.Inputs(graph);
        Close.Relative(GraphInterpreter.Run(graph, inputs)[0].ToArray(), program.Run(inputs)[0].ToArray(), 1e-5);
        return (program, warnings);
    }
}
