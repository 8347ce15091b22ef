// Runs a generated kernel and, before it, what it stands for: the loops of its group number by number, or around a product the
// group's nodes one by one. The first output that is not the same is an error. Slow: for finding a wrong kernel.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Loops;
using Brushfire.Compiler.Scheduling;
using Brushfire.Kernels;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Runtime;

/// <param name="kernel">What is verified.</param>
/// <param name="name">Its name.</param>
/// <param name="group">What it computes.</param>
/// <param name="slots">Of the group's inputs and outputs.</param>
internal sealed unsafe class VerifiedStep(Step kernel, string name, FusionGroup group, IReadOnlyDictionary<Node, int> slots) : Step
{
    // Of the largest magnitude in an output: sums in another order, operators by other instructions.
    private const float Tolerance = 1e-4f;

    // What is left of numbers near 1 whose sum is zero.
    private const float Rounding = 1e-7f;

    public override void Run(Frame frame)
    {
        if (WorkerPool.IsRehearsing)
        {
            kernel.Run(frame);
            return;
        }

        using var scope = new TensorScope();
        Tensor[] expected = [.. group.Outputs.Select(output => new Tensor(output.Spec))];
        if (group.Anchor is null) RunLoops(frame, expected);
        else RunNodes(frame, expected);
        kernel.Run(frame);
        for (int i = 0; i < expected.Length; i++) Compare(group.Outputs[i], expected[i], frame.Tensor(slots[group.Outputs[i]]));
    }

    private void RunLoops(Frame frame, Tensor[] outputs)
    {
        void*[] pointers = new void*[group.Inputs.Length + outputs.Length];
        for (int i = 0; i < pointers.Length; i++) pointers[i] = i < group.Inputs.Length ? frame.Pointer(slots[group.Inputs[i]]) : outputs[i - group.Inputs.Length].Pointer;
        fixed (void** start = pointers) LoopInterpreter.Run(group, start);
    }

    private void RunNodes(Frame frame, Tensor[] outputs)
    {
        Dictionary<Node, Tensor> values = InterpretedStep.Interpret(group.Nodes, node => frame.Tensor(slots[node]));
        for (int i = 0; i < outputs.Length; i++)
        {
            Tensor value = values[group.Outputs[i]];
            Copy.CopyInto(value, outputs[i].Pointer, value.Shape.RowMajor());
        }
    }

    private void Compare(Node output, Tensor expected, Tensor actual)
    {
        float[] wanted = expected.ToArray(), got = actual.ToArray();
        float allowed = MathF.Max(Rounding, Tolerance * wanted.Where(float.IsFinite).Select(MathF.Abs).DefaultIfEmpty(0).Max());
        for (int i = 0; i < wanted.Length; i++)
        {
            bool agree = wanted[i].Equals(got[i]) || MathF.Abs(wanted[i] - got[i]) <= allowed;
            if (!agree) throw new BrushfireException($"The kernel {name} gives {got[i]:R} for element {i} of {output.Name}: {output.Spec}, but its loops give {wanted[i]:R}; leave out passes by {Knobs.Skip.Name} to find the one that leads there, or look at the kernel by {Knobs.Dump.Name}.");
        }
    }
}
