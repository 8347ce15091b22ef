// Runs a graph's compute nodes as one generated kernel, and compares with the graph's meaning.

using System.Collections.Immutable;
using Brushfire.Compiler.Emission;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Loops;
using Brushfire.Compiler.Scheduling;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using Brushfire.Tests.Compiler.Graphs;
using LayerNorm = Brushfire.Tensors.Ops.LayerNorm;
using Softmax = Brushfire.Tensors.Ops.Softmax;

namespace Brushfire.Tests.Compiler.Emission;

internal static unsafe class KernelRunner
{
    /// <summary>All nodes but the leaves as one group, around the contraction if there is one.</summary>
    public static FusionGroup Group(Graph graph)
    {
        ImmutableArray<Node> nodes = [.. graph.Nodes.Where(node => !node.IsLeaf)];
        GroupKind kind = nodes.Any(node => node.Op is Reduce or Softmax or LayerNorm) ? GroupKind.Reduction : GroupKind.Pointwise;
        if (nodes.FirstOrDefault(node => node.Op is Linear or MatMul or Conv2d) is { } anchor) return new FusionGroup(GroupKind.Contraction, nodes, anchor, [.. graph.Nodes.Where(node => node.IsLeaf)], graph.Outputs);
        return new FusionGroup(kind, nodes, null, [.. graph.Nodes.Where(node => node.IsLeaf)], graph.Outputs);
    }

    public static Kernel Emit(string graph) => KernelEmitter.Emit(Group(GraphSamples.Parse(graph)));

    /// <summary>The kernel's outputs are those of the interpreter.</summary>
    public static void Check(string text, double tolerance = 1e-6)
    {
        Graph graph = GraphSamples.Parse(text);
        FusionGroup group = Group(graph);
        Kernel kernel = KernelEmitter.Emit(group);
        using var scope = new TensorScope();
        Tensor[] inputs = GraphSamples.Inputs(graph);
        Tensor[] expected = GraphInterpreter.Run(graph, inputs);
        Tensor[] actual = Run(group, graph, inputs, kernel);
        for (int i = 0; i < expected.Length; i++) Close.Relative(expected[i].ToArray(), actual[i].ToArray(), tolerance, $"{graph.Outputs[i]}\n{kernel.Source}\n");
        if (group.Kind == GroupKind.Contraction) return;
        Tensor[] interpreted = Run(group, graph, inputs, kernel: null);
        for (int i = 0; i < expected.Length; i++) Close.Relative(expected[i].ToArray(), interpreted[i].ToArray(), tolerance, $"loops of {graph.Outputs[i]}");
    }

    // Without a kernel, by the loop interpreter.
    private static Tensor[] Run(FusionGroup group, Graph graph, Tensor[] inputs, Kernel? kernel)
    {
        var pointers = new List<nint>();
        Tensor? right = null;
        foreach (Node input in group.Inputs)
        {
            Tensor value = input.Op switch
            {
                Weight weight => weight.Value,
                Constant constant => constant.Value,
                _ => inputs[graph.Inputs.IndexOf(input)],
            };
            pointers.Add((nint)value.ContiguousOrSelf().Pointer);
            if (group.Anchor is not null && input == group.Anchor.Inputs[1]) right = value;
        }

        using PackedWeight packed = right is null ? default : group.Anchor!.Op is MatMul ? new PackedWeight(Right(right), DType.Float32) : new PackedWeight(right, DType.Float32, group.Halves);
        PackedMatrix matrix = right is null ? default : packed.Matrix;
        if (right is not null) pointers[group.Inputs.IndexOf(group.Anchor!.Inputs[1])] = (nint)(&matrix);

        Tensor[] outputs = [.. group.Outputs.Select(output => Tensor.Full(output.Shape, float.NaN))];
        foreach (Tensor output in outputs) pointers.Add((nint)output.Pointer);
        fixed (nint* addresses = pointers.ToArray(), numbers = kernel?.Arguments.ToArray())
        {
            if (kernel is null) LoopInterpreter.Run(group, (void**)addresses);
            else new KernelCompiler().Compile([kernel])[0]((void**)addresses, numbers);
        }

        return outputs;
    }

    private static MatrixSource Right(Tensor right)
    {
        (int k, int n) = (right.Shape[^2], right.Shape[^1]);
        int batch = (int)(right.Shape.Count / k / n);
        return new MatrixSource((float*)right.Pointer, n, 1, k, n, batch: batch, batchStride: (nint)k * n);
    }
}
