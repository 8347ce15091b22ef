// Joined weights: lazy, shared, and of the same values as the originals.

using Brushfire.Compiler;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Tests.Compiler.Passes;

public sealed class JoinLinearsTests
{
    private int _loads;

    [Fact]
    public void A_joined_weight_reads_the_originals_at_first_use_and_does_not_keep_them()
    {
        Graph joined = JoinLinears.Run(TwoLayers(Weight("a.to_q.weight", 3), Weight("a.to_k.weight", 2)));
        Assert.Equal(0, _loads);
        Tensor x = Tensor.FromArray([1f, 2, 3, 4], [1, 4]);
        Tensor[] outputs = GraphInterpreter.Run(joined, [x]);
        Assert.Equal([20f, 60, 100], outputs[0].ToArray()); // x · (2, 2, 2, 2) and so on
        Assert.Equal([20f, 60], outputs[1].ToArray());
        Assert.Equal(2, _loads);
        GraphInterpreter.Run(joined, [x]);
        Assert.Equal(2, _loads);
    }

    [Fact]
    public void Another_graph_of_the_same_weights_gets_the_same_joined_weight()
    {
        (Weight q, Weight k) = (Weight("q.weight", 3), Weight("k.weight", 2));
        Weight[] joined = [.. new[] { TwoLayers(q, k), TwoLayers(q, k), TwoLayers(k, q) }.Select(graph => JoinLinears.Run(graph).Nodes.Select(node => node.Op).OfType<Weight>().Single())];
        Assert.Same(joined[0].Value, joined[1].Value);
        Assert.NotSame(joined[0].Value, joined[2].Value);
        Assert.Equal("{k,q}.weight", joined[2].Key);
    }

    [Fact]
    public void A_weight_is_known_by_its_memory_as_each_capture_has_views_of_its_own()
    {
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile(Layers(Weight("q.weight", 3), Weight("k.weight", 3)));
        using var scope = new TensorScope();
        foreach (int rows in new[] { 1, 2 }) compiled.Call(Tensor.Zeros([rows, 4]));
        Weight[] joined = [.. compiled.Reports.Select(report => report.Final.Nodes.Select(node => node.Op).OfType<Weight>().Single())];
        Assert.Equal(2, joined.Length);
        Assert.Same(joined[0].Value, joined[1].Value);
        Assert.Equal(2, _loads);
    }

    private static Func<Tensor, Tensor> Layers(Weight first, Weight second) => x => x.Linear(first.Value) * x.Linear(second.Value);

    private Weight Weight(string key, int outputs) => new(key, Parameter.Create(key, [outputs, 4], () =>
    {
        _loads++;
        return Tensor.Create([outputs, 4], values =>
        {
            for (int i = 0; i < values.Length; i++) values[i] = 2 * (2 * (i / 4) + 1);
        });
    }));

    private static Graph TwoLayers(Weight first, Weight second)
    {
        var builder = new GraphBuilder("f");
        Node x = builder.Add(new Input("x", new TensorSpec(DType.Float32, [1, 4])));
        return builder.Build(builder.Add(new Linear(), x, builder.Add(first)), builder.Add(new Linear(), x, builder.Add(second)));
    }
}
