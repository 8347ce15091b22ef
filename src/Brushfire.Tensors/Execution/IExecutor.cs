// The seam that all ops go through: eagerly an op runs at once; while a function is captured it is recorded instead.

using Brushfire.Kernels;

namespace Brushfire.Tensors.Execution;

/// <summary>What happens when an op is applied to tensors.</summary>
public interface IExecutor
{
    /// <summary>The op's result for these inputs.</summary>
    Tensor Run(Op op, ReadOnlySpan<Tensor> inputs);
}

public static class Executor
{
    [ThreadStatic] private static IExecutor? t_current;

    /// <summary>This thread's executor; eager unless another is in use.</summary>
    public static IExecutor Current => t_current ?? EagerExecutor.Instance;

    /// <summary>Makes an executor current on this thread until the result is disposed of.</summary>
    public static IDisposable Use(IExecutor executor)
    {
        IExecutor? previous = t_current;
        t_current = executor;
        return new Restore(() => t_current = previous);
    }
}

/// <summary>Runs each op at once: shapes and types are inferred and checked, then the kernel runs.</summary>
public sealed class EagerExecutor : IExecutor
{
    public static EagerExecutor Instance { get; } = new();

    private EagerExecutor() { }

    public Tensor Run(Op op, ReadOnlySpan<Tensor> inputs)
    {
        Kernels.WorkerPool.Cancellation.ThrowIfCancellationRequested();
        var specs = new TensorSpec[inputs.Length];
        for (int i = 0; i < inputs.Length; i++) specs[i] = inputs[i].Spec;
        Tensor output = op.Execute(inputs, op.Infer(specs));

        // Kernels hold addresses only: a temporary that nobody else holds must not be collected under them.
        foreach (Tensor input in inputs) GC.KeepAlive(input);
        return output;
    }
}
