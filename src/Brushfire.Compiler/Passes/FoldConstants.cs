// Computes, once, what needs nothing but constants. Weights are left alone: what depends only on them is hoisted, so that
// compiling a model does not load it.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;

namespace Brushfire.Compiler.Passes;

internal static class FoldConstants
{
    // A result may be this large, or as large as what it was made of: a repeated scalar stays a scalar.
    private const long SmallBytes = 4096;

    public static Graph Run(Graph graph) => graph.Rewrite((builder, node) => IsFoldable(node) ? builder.Add(new Constant(Compute(node))) : node);

    private static bool IsFoldable(Node node) =>
        !node.Inputs.IsEmpty && node.Inputs.All(input => input.Op is Constant) && node.Spec.Bytes <= Math.Max(SmallBytes, node.Inputs.Sum(input => input.Spec.Bytes));

    private static Tensor Compute(Node node) => TensorScope.Outside(() =>
    {
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        using Tensor result = EagerExecutor.Instance.Run(node.Op, [.. node.Inputs.Select(input => ((Constant)input.Op).Value)]);
        return result.Contiguous();
    });
}
