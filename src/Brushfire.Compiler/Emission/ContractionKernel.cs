// Code of contraction groups: a call of the hand-made product with generated hooks. What comes before the product is a prologue,
// applied while input 0 is packed; what comes behind it is an epilogue, applied to finished tiles.

using System.Collections.Immutable;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Loops;
using Brushfire.Compiler.Scheduling;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Emission;

internal static class ContractionKernel
{
    /// <summary>The kernel's file with {name} in place of its class's name, and its arguments; or why there is none.</summary>
    public static (string? Source, ImmutableArray<nint> Arguments, string? Refusal) Build(FusionGroup group)
    {
        Node anchor = group.Anchor!;
        if (anchor.Op is not (Linear or MatMul or Conv2d)) return Refuse($"{anchor.Op.Name} takes no hooks");
        if (Weight(group) < 0 || group.Nodes.Any(node => node.Inputs.Where((input, i) => input == anchor.Inputs[1] && (node != anchor || i != 1)).Any())) return Refuse("the weight is no packed input of its own");
        Lowered before = Lowering.LowerPrologue(group), behind = Lowering.LowerEpilogue(group);
        if ((before.Refusal ?? behind.Refusal) is { } refusal) return Refuse(refusal);
        if (Factor.Of(before.Nests[0], anchor) is not { } factor) return Refuse($"{anchor.Inputs[0].Name} is not read as one matrix");
        if (factor.HasPrologue && !factor.RowsAgree) return Refuse("the values before the product change with rows in several ways");

        var code = new Code();
        KernelFile.Open(code);
        code.Block("public static unsafe class {name}", () =>
        {
            Launch(code, group, factor, behind.Nests[0]);
            if (factor.HasPrologue) HookCode.Prologue(code, factor);
            HookCode.Epilogue(code, behind.Nests[0]);
        });

        var numbers = ImmutableArray.CreateBuilder<nint>();
        foreach (long number in Sizes(anchor, factor)) numbers.Add((nint)number);
        if (factor.HasPrologue) NestNumbers.Add(numbers, factor.Hook, factor.Hook.Columns, 1);
        NestNumbers.Add(numbers, behind.Nests[0], behind.Nests[0].Columns, 1);
        return (code.ToString(), numbers.ToImmutable(), null);
    }

    private static (string?, ImmutableArray<nint>, string?) Refuse(string reason) => (null, [], reason);

    private static int Weight(FusionGroup group) => group.Inputs.IndexOf(group.Anchor!.Inputs[1]);

    // For a matrix: batch, rows, offset, strides of batch, rows and columns. For an image: its rows, its offset, the convolution's shape.
    private static long[] Sizes(Node anchor, Factor factor)
    {
        if (anchor.Op is not Conv2d convolution) return [factor.Batch, factor.Rows, factor.Offset, factor.BatchStride, factor.RowStride, factor.ColumnStride];
        (Shape from, Shape filter, Padding padding) = (anchor.Inputs[0].Shape, anchor.Inputs[1].Shape, convolution.Padding);
        return [from[0], from[1], factor.Offset, from[2], from[3], filter[0], filter[2], filter[3], convolution.Stride, padding.Top, padding.Left, padding.Bottom, padding.Right];
    }

    private static void Launch(Code code, FusionGroup group, Factor factor, LoopNest behind)
    {
        bool image = group.Anchor!.Op is Conv2d;
        code.Block("public static void Run(void** pointers, nint* arguments)", () =>
        {
            code.Line($"float* input = (float*)pointers[{factor.Pointer}] + arguments[2];");
            code.Line($"PackedMatrix weight = *(PackedMatrix*)pointers[{Weight(group)}];");
            if (image) ConvolutionShape(code);
            code.Line($"nint* numbers = arguments + {Sizes(group.Anchor, factor).Length};");
            if (factor.HasPrologue)
            {
                code.Line($"var before = new RowNest(numbers, {factor.Hook.Accesses.Length});");
                code.Line(image ? "var prologue = new Prologue(pointers, before, 0);" : "var prologue = new Prologue(pointers, before, arguments[1]);");
                code.Line("numbers += before.Length;");
            }

            code.Line($"var epilogue = new Epilogue(pointers, new RowNest(numbers, {behind.Accesses.Length}), {(image ? "0" : "arguments[1]")});");
            string hook = factor.HasPrologue ? "AnyPrologue.Of(ref prologue)" : "default(NoPrologue)";
            if (image)
            {
                code.Line($"Convolution.Run(in shape, input, weight, {hook}, AnyEpilogue.Of(ref epilogue));");
                return;
            }

            code.Line($"var rows = new MatrixPanels<{(factor.HasPrologue ? "AnyPrologue" : "NoPrologue")}>(input, arguments[3], arguments[4], arguments[5], {hook});");
            code.Line("Gemm.Run((int)arguments[0], (int)arguments[1], in rows, weight, AnyEpilogue.Of(ref epilogue));");
        });
    }

    private static void ConvolutionShape(Code code)
    {
        code.Line("var shape = new ConvolutionShape");
        code.Line("{");
        string[] names = ["Batch", "Height", "", "Width", "Channels", "OutputChannels", "KernelHeight", "KernelWidth", "StrideY", "Top", "Left", "Bottom", "Right"];
        for (int i = 0; i < names.Length; i++)
            if (names[i].Length > 0) code.Line($"    {names[i]} = (int)arguments[{i}],");
        code.Line("    StrideX = (int)arguments[8],");
        code.Line("};");
    }
}
