// Counts the direct work of a function's contractions: 2 x multiply-adds of the formulas, from shapes alone. No kernel runs
// and no weight is loaded: every op's result is one zero, repeated to the inferred shape.

using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Bench;

/// <summary>Operations by kind of contraction; a multiply-add is two.</summary>
public sealed class DirectWork : IExecutor
{
    private readonly Dictionary<DType, Tensor> _zeros = [];

    private DirectWork() { }

    /// <summary>Convolutions with filters larger than 1x1.</summary>
    public double Convolution { get; private set; }

    /// <summary>Convolutions with filters of 1x1.</summary>
    public double PointConvolution { get; private set; }
    public double Linear { get; private set; }

    /// <summary>Both products of attention, and products of two computed matrices, which attention written step by step consists of.</summary>
    public double Attention { get; private set; }

    public double Total => Convolution + PointConvolution + Linear + Attention;

    /// <summary>The work of all ops that the function runs on this thread. Values that it reads are zeros.</summary>
    public static DirectWork Of(Action function)
    {
        var work = new DirectWork();
        using (new TensorScope())
        using (Executor.Use(work))
            function();
        return work;
    }

    public Tensor Run(Op op, ReadOnlySpan<Tensor> inputs)
    {
        var specs = new TensorSpec[inputs.Length];
        for (int i = 0; i < inputs.Length; i++) specs[i] = inputs[i].Spec;
        TensorSpec result = op.Infer(specs);
        Count(op, specs, result.Shape);
        return EagerExecutor.Instance.Run(new Expand(result.Shape), [Zero(result.DType)]);
    }

    private void Count(Op op, TensorSpec[] inputs, Shape result)
    {
        switch (op)
        {
            case Conv2d:
                Shape filter = inputs[1].Shape; // [outputs, C, height, width]
                double products = 2.0 * result.Count * filter[1] * filter[2] * filter[3];
                if (filter[2] * filter[3] == 1) PointConvolution += products;
                else Convolution += products;
                break;
            case Tensors.Ops.Linear:
                Linear += 2.0 * result.Count * inputs[1].Shape[1];
                break;
            case MatMul:
                Attention += 2.0 * result.Count * inputs[0].Shape[^1];
                break;
            case ScaledDotProductAttention:
                Attention += 4.0 * result.Count * inputs[1].Shape[2]; // query keyᵀ, then scores value
                break;
        }
    }

    private Tensor Zero(DType dtype)
    {
        if (!_zeros.TryGetValue(dtype, out Tensor? zero)) _zeros[dtype] = zero = Tensor.FromBytes(new byte[dtype.Size()], new TensorSpec(dtype, Shape.Scalar));
        return zero;
    }
}
