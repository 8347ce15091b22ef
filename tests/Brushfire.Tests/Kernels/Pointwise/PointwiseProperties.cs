// Random shapes and strides: the strided kernels against a naive loop over indices.

using Brushfire.Kernels;
using CsCheck;

namespace Brushfire.Tests.Kernels;

public sealed unsafe class PointwiseProperties
{
    private const int Memory = 4096;
    private static readonly float[] s_a = [.. Enumerable.Range(0, Memory).Select(i => i * 0.5f)];
    private static readonly float[] s_b = [.. Enumerable.Range(0, Memory).Select(i => 1000f - i)];

    // Up to 8 dimensions of up to 5, one of up to 600 that crosses blocks and vectors; strides may be 0, and any that stay in memory.
    private static readonly Gen<(int[] Sizes, int[] A, int[] B)> s_layouts =
        from rank in Gen.Int[0, 8]
        from sizes in Gen.Int[0, 20].Select(n => n == 0 ? 0 : 1 + n % 5).Array[rank]
        from longest in Gen.Int[1, 600]
        from at in Gen.Int[0, 7]
        let all = (int[])[.. sizes.Select((n, d) => d == at && rank <= 3 ? longest : n)]
        from a in Strides(all)
        from b in Strides(all)
        select (all, a, b);

    [Fact]
    public void A_binary_function_of_any_layout_equals_the_naive_loop() => s_layouts.Sample(layout =>
    {
        (int[] sizes, int[] aStrides, int[] bStrides) = layout;
        int count = sizes.Aggregate(1, (n, size) => n * size);
        float[] actual = new float[count + 1], expected = new float[count + 1];
        actual[count] = expected[count] = 42;
        PointwiseTests.Elements(sizes, (element, index) =>
            expected[element] = s_a[index.Select((n, d) => n * aStrides[d]).Sum()] * s_b[index.Select((n, d) => n * bStrides[d]).Sum()]);
        fixed (float* a = s_a, b = s_b, output = actual)
            Pointwise.Run(BinaryOperator.Multiply, sizes, a, [.. aStrides.Select(n => (nint)n)], b, [.. bStrides.Select(n => (nint)n)], output);
        return actual.AsSpan().SequenceEqual(expected);
    }, seed: "0000KOIPJ8T1", iter: 500, threads: 1, print: layout => $"sizes [{string.Join(',', layout.Sizes)}] a [{string.Join(',', layout.A)}] b [{string.Join(',', layout.B)}]");

    // A permuted contiguous layout (a stride may be widened or set to 0), or arbitrary small strides.
    private static Gen<int[]> Strides(int[] sizes) =>
        from order in Gen.Shuffle(Enumerable.Range(0, sizes.Length).ToArray())
        from kinds in Gen.Int[0, 5].Array[sizes.Length]
        select Layout(sizes, order, kinds);

    private static int[] Layout(int[] sizes, int[] order, int[] kinds)
    {
        int[] strides = new int[sizes.Length];
        int next = 1;
        foreach (int d in order)
        {
            if (kinds[d] == 0) continue;
            int stride = kinds[d] == 1 ? 2 * next : next;
            if ((long)stride * Math.Max(1, sizes[d]) > Memory) continue;
            strides[d] = stride;
            next = stride * Math.Max(1, sizes[d]);
        }

        return strides;
    }
}
