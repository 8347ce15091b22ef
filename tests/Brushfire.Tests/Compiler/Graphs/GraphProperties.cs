// Random graphs: their text reads back, and captured, rewritten and eager runs agree bit for bit.

using Brushfire.Compiler;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using CsCheck;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Tests.Compiler.Graphs;

public sealed class GraphProperties
{
    // A program: each step applies a function to values that there are already.
    private static readonly Gen<(int Function, int First, int Second)[]> s_programs =
        Gen.Select(Gen.Int[0, 17], Gen.Int[0, 1000], Gen.Int[0, 1000]).Array[1, 25];

    [Fact]
    public void Random_functions_captured_agree_with_eager_and_their_text_reads_back() => s_programs.Sample(program =>
    {
        using var scope = new TensorScope();
        using IDisposable interpreted = (CompilerSettings.Current with { Executor = GraphExecutor.Interpreted }).Use();
        Tensor[] inputs = [GraphSamples.Values([2, 3, 4], 1), GraphSamples.Values([4], 2), GraphSamples.Values([2, 3, 1], 3)];
        CompiledFunction<Func<Tensor[], Tensor[]>> compiled = Compile((Tensor[] x) => Run(program, x), fullGraph: true);
        float[][] expected = [.. Run(program, inputs).Select(output => output.ToArray())];
        compiled.Call(inputs);
        float[][] actual = [.. compiled.Call(inputs).Select(output => output.ToArray())];
        Graph graph = compiled.Reports[0].Graph;
        return expected.Zip(actual).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second))
            && GraphSamples.Parse(graph.ToString()).Equals(graph) && GraphSamples.Parse(graph.ToString()).ToString() == graph.ToString();
    }, iter: 300, threads: 1, print: program => string.Join(' ', program));

    // The last values are returned; shapes decide which of a step's alternatives is possible.
    private static Tensor[] Run((int Function, int First, int Second)[] program, Tensor[] inputs)
    {
        List<Tensor> values = [.. inputs];
        foreach ((int function, int first, int second) in program)
        {
            Tensor a = values[first % values.Count], b = values[second % values.Count];
            int axis = a.Rank == 0 ? 0 : second % a.Rank;
            Tensor same = values.Last(value => value.Shape == a.Shape);
            values.Add(function switch
            {
                0 => a.Silu(),
                1 => -a,
                2 => a.Tanh() * 0.5f,
                3 => a + same,
                4 => Tensor.Max(a, same),
                5 => a * (1f + second % 3),
                6 when a.Rank > 1 => a.Transpose(0, axis),
                7 => a.Reshape(-1),
                8 => a.Unsqueeze(axis),
                9 when a.Rank > 0 && a.Shape[axis] > 1 => a.Slice(axis, 1, a.Shape[axis] - 1),
                10 when a.Rank > 0 => a.Sum(axis),
                11 when a.Rank > 0 => a.Softmax(),
                12 when a.Rank > 0 => Tensor.Concatenate(axis, a, same),
                13 when a.Rank > 0 && a.Shape[axis] == 1 => a.Expand([.. a.Shape.Select((size, i) => i == axis ? 3 : size)]),
                14 when a.Rank == 2 => a.MatMul(a.Transpose(0, 1)),
                15 => a.Contiguous(),
                16 when a.Shape.Count < 100 => a.Cast(DType.Float64).Cast(DType.Float32),
                17 => Tensor.LessThan(a, Tensor.Scalar(0.25f)),
                _ => b.Sigmoid(),
            });
            if (values[^1].Rank > 6 || values[^1].Shape.Count > 4000) values[^1] = values[^1].Reshape(-1).Slice(0, 0, 1);
        }

        return [.. values.TakeLast(2)];
    }
}
