// Graphs from text, with values for what the text only names.

using Brushfire.Compiler.Graphs;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Compiler.Graphs;

internal static class GraphSamples
{
    /// <summary>The graph of a text; weights have values by formula.</summary>
    public static Graph Parse(string text) => GraphParser.Parse(text, (key, spec) => FormulaWeights.Create(key, spec.Shape));

    /// <summary>Some values for each input.</summary>
    public static Tensor[] Inputs(Graph graph) => [.. graph.Inputs.Select((input, i) => Values(input.Spec, i))];

    private static Tensor Values(TensorSpec spec, int seed) => spec.DType == DType.Int64
        ? Tensor.FromArray([.. Enumerable.Range(0, (int)spec.Shape.Count).Select(i => (long)((i + seed) % 3))], spec.Shape)
        : Values(spec.Shape, seed);

    public static Tensor Values(Shape shape, int seed) => Tensor.Create(shape, values =>
    {
        for (int i = 0; i < values.Length; i++) values[i] = (float)(2 * Math.Sin(12.9898 * (i + 1) + seed));
    });
}
