// The passes on the graphs of a whole model: the meaning stays, both ways of writing attention end as one graph, and
// nothing that fuses is left whole.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Models.Catalog;
using Brushfire.Models.Layers;
using Brushfire.Models.UNet;
using Brushfire.Models.Vae;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;
using Brushfire.Tests.Laws;
using GroupNorm = Brushfire.Tensors.Ops.GroupNorm;
using LayerNorm = Brushfire.Tensors.Ops.LayerNorm;
using Linear = Brushfire.Tensors.Ops.Linear;

namespace Brushfire.Tests.Compiler.Passes;

public sealed class ModelPassTests
{
    private static readonly Func<Graph, Graph>[] s_passes = [FoldConstants.Run, Simplify.Run, FindAttention.Run, Decompose.Run, Simplify.Run, MergeEqual.Run, JoinLinears.Run, Simplify.Run];

    [Fact]
    public void Both_ways_of_writing_attention_end_as_one_graph()
    {
        using var scope = new TensorScope();
        Assert.Equal(Ops(Passed(UNet(AttentionCode.Optimized))), Ops(Passed(UNet(AttentionCode.Original))));
    }

    [Fact]
    public void A_unet_keeps_its_meaning_and_nothing_that_fuses_is_left_whole()
    {
        using var scope = new TensorScope();
        Graph captured = UNet(AttentionCode.Original), graph = Passed(captured);
        PassTexts.Same(captured, graph, "unet", 1e-4);
        Assert.DoesNotContain(graph.Nodes, node => node.Op is GroupNorm or LayerNorm or Softmax or MatMul or Copy);

        // The timestep and the sample change, the context does not: all its keys and values are one product before the loop.
        HoistedGraph hoisted = HoistInvariants.Split(graph, [.. graph.Inputs.Select(input => input.Name == "%context")])!;
        Assert.Single(hoisted.Prologue.Nodes, node => node.Op is Linear);
        Assert.Contains(hoisted.Main.Inputs, input => input.Name == "%prologue.0");
    }

    [Fact]
    public void A_decoder_keeps_its_meaning()
    {
        using var scope = new TensorScope();
        ModelComponent component = ModelSource.Open(Path.Combine(Repository.Root, "models", "emoji"))["vae"];
        VaeConfig config = VaeConfig.Read(component.Config);
        var decoder = new VaeDecoder(config, component.OpenWeights());
        Graph captured = Recorder.Record([("latents", [1, 4, 4, config.LatentChannels])], inputs => decoder.Call(inputs[0]));
        PassTexts.Same(captured, Passed(captured), "decoder", 1e-4);
    }

    // The ops and their results, whatever the order.
    private static string[] Ops(Graph graph) => [.. graph.Nodes.Select(node => $"{node.Spec} {node.Op}").Order(StringComparer.Ordinal)];

    private static Graph Passed(Graph graph)
    {
        foreach (Func<Graph, Graph> pass in s_passes) GraphVerifier.Verify(graph = pass(graph), pass.Method.DeclaringType!.Name);
        return graph;
    }

    private static Graph UNet(AttentionCode code)
    {
        ModelComponent component = ModelSource.Open(Path.Combine(Repository.Root, "models", "emoji"))["unet"];
        UNetConfig config = UNetConfig.Read(component.Config);
        var unet = new ConditionalUNet(config, component.OpenWeights(), code);
        return Recorder.Record([("sample", [2, 8, 8, config.InputChannels]), ("timesteps", [2]), ("context", [2, 7, config.ContextChannels])], inputs => unet.Call(new UNetInput(inputs[0], inputs[1], inputs[2])));
    }

    /// <summary>Runs each op eagerly and writes it down.</summary>
    private sealed class Recorder(GraphBuilder builder) : IExecutor
    {
        private readonly Dictionary<Tensor, Node> _nodes = [];
        private int _weights;

        public static Graph Record((string Name, Shape Shape)[] inputs, Func<Tensor[], Tensor> function)
        {
            var builder = new GraphBuilder("model");
            var recorder = new Recorder(builder);
            Tensor[] arguments = [.. inputs.Select(input => Tensor.Zeros(input.Shape))];
            for (int i = 0; i < inputs.Length; i++) recorder._nodes.Add(arguments[i], builder.Add(new Input(inputs[i].Name, arguments[i].Spec)));
            using IDisposable use = Executor.Use(recorder);
            return builder.Build(recorder._nodes[function(arguments)]);
        }

        public Tensor Run(Op op, ReadOnlySpan<Tensor> inputs)
        {
            List<Node> nodes = [];
            foreach (Tensor input in inputs)
            {
                if (!_nodes.TryGetValue(input, out Node? node))
                    _nodes.Add(input, node = builder.Add(input.Storage is ParameterStorage ? new Weight($"w.{_weights++}.weight", input) : new Constant(TensorScope.Outside(() => EagerExecutor.Instance.Run(new Copy(), [input])))));
                nodes.Add(node);
            }

            Tensor result = EagerExecutor.Instance.Run(op, inputs);
            _nodes.Add(result, builder.Add(op, [.. nodes]));
            return result;
        }
    }
}
