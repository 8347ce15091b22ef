// Products: matrices, linear layers, convolutions. All through the same packed kernel, which rounds both operands to the
// op's precision while it packs them. Inputs and results are float32.

using Brushfire.Kernels;

namespace Brushfire.Tensors.Ops;

/// <summary>A sum of products.</summary>
public abstract record Contraction : ComputeOp
{
    /// <summary>Element type of the operands as they are multiplied: f32 or bf16. Sums are float32.</summary>
    public DType Precision { get; init; }
}

/// <summary>[…, M, K] times [K, N], or […, K, N] with the same leading axes.</summary>
public sealed record MatMul : Contraction
{
    public override string Name => "matmul";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        (TensorSpec left, TensorSpec right) = (inputs[0], inputs[1]);
        if (left.Shape.Rank < 2 || right.Shape.Rank < 2) return Refuse($"multiplies matrices, but got {left} and {right}; add axes with Unsqueeze.");
        if (left.Shape[^1] != right.Shape[^2])
        {
            string hint = left.Shape[^1] == right.Shape[^1] ? "; did you mean to transpose the second?" : ".";
            return Refuse($"cannot multiply {left} by {right}: inner sizes {left.Shape[^1]} and {right.Shape[^2]} differ{hint}");
        }

        Shape batch = left.Shape.Sizes[..^2].ToArray();
        if (right.Shape.Rank > 2 && !right.Shape.Sizes[..^2].SequenceEqual(batch.Sizes)) return Refuse($"cannot multiply {left} by {right}: their leading axes differ; expand one of them.");
        return left with { Shape = [.. batch, left.Shape[^2], right.Shape[^1]] };
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using var scope = new TensorScope();
        (int m, int k, int n) = (output.Shape[^2], inputs[0].Shape[^1], output.Shape[^1]);
        int batch = checked((int)(output.Shape.Count / m / n));
        Tensor left = inputs[0].Reshape(batch, m, k);
        bool shared = inputs[1].Rank == 2;
        Tensor right = inputs[1].Reshape(shared ? 1 : batch, k, n);
        using var packed = new PackedWeight(new MatrixSource((float*)right.Pointer, n, (nint)right.Strides[2], k, (nint)right.Strides[1], batch: right.Shape[0], batchStride: (nint)right.Strides[0]), Precision);
        var rows = new MatrixPanels<NoPrologue>((float*)left.Pointer, (nint)left.Strides[0], (nint)left.Strides[1], (nint)left.Strides[2], default);
        Gemm.Run(batch, m, in rows, packed.Matrix, new StoreEpilogue((float*)output.Pointer, (nint)m * n, n));
    }
}

/// <summary>[…, inputs] times the transpose of a weight [outputs, inputs], plus a bias [outputs] if there is a third input.</summary>
public sealed record Linear : Contraction
{
    public override string Name => "linear";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        (TensorSpec input, TensorSpec weight) = (inputs[0], inputs[1]);
        if (weight.Shape.Rank != 2) return Refuse($"the weight must be [outputs, inputs], but it is {weight}.");
        if (input.Shape.Rank < 1 || input.Shape[^1] != weight.Shape[1]) return Refuse($"{input} does not fit the weight {weight}: its last size must be {weight.Shape[1]}.");
        if (inputs.Length > 2 && inputs[2].Shape != [weight.Shape[0]]) return Refuse($"the bias for the weight {weight} must be [{weight.Shape[0]}], but it is {inputs[2]}.");
        return input with { Shape = input.Shape.With(input.Shape.Rank - 1, weight.Shape[0]) };
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        using var weight = new PackedWeight(inputs[1], Precision);
        using Tensor? bias = inputs.Length > 2 ? inputs[2].ContiguousOrSelf() : null;
        int k = input.Shape[^1], n = output.Shape[^1], m = checked((int)(output.Shape.Count / n));
        var rows = new MatrixPanels<NoPrologue>((float*)input.Pointer, 0, k, 1, default);
        Gemm.Run(1, m, in rows, weight.Matrix, new StoreEpilogue((float*)output.Pointer, 0, n, bias is null ? null : (float*)bias.Pointer, exceedsCaches: CacheLines.Exceeds((nint)m * n * sizeof(float))));
    }
}

/// <summary>Cross-correlation of [N, H, W, C] with a weight [outputs, C, height, width], plus a bias [outputs] if there is a third input.</summary>
public sealed record Conv2d(int Stride, Padding Padding) : Contraction
{
    public override string Name => "conv2d";

    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs)
    {
        RequireFloat32(inputs);
        (TensorSpec input, TensorSpec weight) = (inputs[0], inputs[1]);
        if (input.Shape.Rank != 4) return Refuse($"takes [N, H, W, C], but the input is {input}.");
        if (weight.Shape.Rank != 4 || weight.Shape[1] != input.Shape[3]) return Refuse($"{input} does not fit the weight {weight}: it must be [outputs, {input.Shape[3]}, height, width].");
        if (inputs.Length > 2 && inputs[2].Shape != [weight.Shape[0]]) return Refuse($"the bias for the weight {weight} must be [{weight.Shape[0]}], but it is {inputs[2]}.");
        if (Stride < 1 || Padding.Top < 0 || Padding.Left < 0 || Padding.Bottom < 0 || Padding.Right < 0) return Refuse($"the stride must be at least 1 and no padding negative, but they are {Stride} and {Padding}; cut an image with Slice.");
        long padded = Math.Max((long)input.Shape[1] + Padding.Top + Padding.Bottom, (long)input.Shape[2] + Padding.Left + Padding.Right);
        if (padded > int.MaxValue) return Refuse($"{input} would be {padded} pixels wide or high with {Padding}, over the limit of {int.MaxValue}.");
        int height = Size(input.Shape[1] + Padding.Top + Padding.Bottom, weight.Shape[2]), width = Size(input.Shape[2] + Padding.Left + Padding.Right, weight.Shape[3]);
        return height > 0 && width > 0
            ? input with { Shape = [input.Shape[0], height, width, weight.Shape[0]] }
            : Refuse($"{input} is smaller than the weight {weight}.");
    }

    internal override unsafe void Compute(ReadOnlySpan<Tensor> inputs, Tensor output)
    {
        using Tensor input = inputs[0].ContiguousOrSelf();
        using var weight = new PackedWeight(inputs[1], Precision);
        using Tensor? bias = inputs.Length > 2 ? inputs[2].ContiguousOrSelf() : null;
        Shape from = input.Shape, to = output.Shape, filter = inputs[1].Shape;
        var shape = new ConvolutionShape
        {
            Batch = from[0],
            Height = from[1],
            Width = from[2],
            Channels = from[3],
            OutputChannels = to[3],
            KernelHeight = filter[2],
            KernelWidth = filter[3],
            StrideY = Stride,
            StrideX = Stride,
            Top = Padding.Top,
            Left = Padding.Left,
            Bottom = Padding.Bottom,
            Right = Padding.Right,
        };
        Convolution.Run(in shape, (float*)input.Pointer, weight.Matrix, default(NoPrologue), new StoreEpilogue((float*)output.Pointer, 0, to[3], bias is null ? null : (float*)bias.Pointer, exceedsCaches: CacheLines.Exceeds((nint)to.Count * sizeof(float))));
    }

    private int Size(int padded, int kernel) => padded < kernel ? 0 : (padded - kernel) / Stride + 1;
}
