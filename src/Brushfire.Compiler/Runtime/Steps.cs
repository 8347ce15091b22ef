// The kinds of work in a program: a generated kernel, a call of the kernel library through an op, a copy, or, where a
// kernel could not be generated, the nodes of a group one by one.

using System.Collections.Immutable;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Scheduling;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Runtime;

/// <summary>A part of a value in memory, as a tensor with strides.</summary>
internal sealed record Operand(int Slot, View View)
{
    public Tensor In(Frame frame) => View.IsWhole && View.Shape == View.Base.Shape ? frame.Tensor(Slot) : Viewed(frame);

    /// <summary>As a tensor of its own.</summary>
    public Tensor Viewed(Frame frame)
    {
        Tensor tensor = frame.Tensor(Slot);
        return tensor.View(View.Shape, View.Strides, tensor.Offset + View.Offset);
    }
}

internal abstract class Step
{
    public abstract void Run(Frame frame);
}

/// <summary>Calls generated code with the addresses of a group's inputs and outputs.</summary>
/// <param name="slots">Of inputs, then outputs; that of a packed weight is its index, inverted (~).</param>
internal sealed unsafe class KernelStep(delegate*<void**, nint*, void> kernel, int[] slots, nint[] arguments, PackedWeights packed) : Step
{
    private readonly delegate*<void**, nint*, void> _kernel = kernel;

    public override void Run(Frame frame)
    {
        void** pointers = stackalloc void*[slots.Length];
        for (int i = 0; i < slots.Length; i++) pointers[i] = slots[i] >= 0 ? frame.Pointer(slots[i]) : packed.Pointer(~slots[i]);
        fixed (nint* sizes = arguments) _kernel(pointers, sizes);
    }
}

/// <summary>Runs one op into planned memory.</summary>
internal sealed class LibraryStep(ComputeOp op, Operand[] inputs, int output) : Step
{
    public override void Run(Frame frame) => op.Fill([.. inputs.Select(input => input.In(frame))], frame.Tensor(output));
}

/// <summary>Writes a moved value in its own order.</summary>
internal sealed unsafe class CopyStep(Op movement, Operand input, int output) : Step
{
    public override void Run(Frame frame)
    {
        Tensor result = frame.Tensor(output), from = input.In(frame);

        // A reshape that is no view keeps the order of the elements, so that the copy can have the old shape.
        Tensor moved = movement is Reshape ? from : movement.Execute([from], result.Spec);
        Copy.CopyInto(moved, result.Pointer, moved.Shape.RowMajor());
    }
}

/// <summary>Runs the nodes of a group eagerly.</summary>
internal sealed unsafe class InterpretedStep(ImmutableArray<Node> nodes, IReadOnlyDictionary<Node, int> inputs, IReadOnlyDictionary<Node, int> outputs) : Step
{
    public int NodeCount => nodes.Length;

    public override void Run(Frame frame)
    {
        Dictionary<Node, Tensor> values = Interpret(nodes, node => frame.Tensor(inputs[node]));
        foreach ((Node node, int slot) in outputs) Copy.CopyInto(values[node], frame.Tensor(slot).Pointer, node.Shape.RowMajor());
    }

    /// <summary>The values of nodes, in order, by those that they take from outside.</summary>
    public static Dictionary<Node, Tensor> Interpret(ImmutableArray<Node> nodes, Func<Node, Tensor> input)
    {
        var values = new Dictionary<Node, Tensor>();
        foreach (Node node in nodes)
            values[node] = EagerExecutor.Instance.Run(node.Op, [.. node.Inputs.Select(operand => values.TryGetValue(operand, out Tensor? value) ? value : input(operand))]);
        return values;
    }
}
