// From a fusion group to C#: the entry of emission, and what scheduling may ask it beforehand.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Brushfire.Compiler.Diagnostics;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Loops;
using Brushfire.Compiler.Scheduling;
using Brushfire.Tensors;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Emission;

internal static class KernelEmitter
{
    // A row is one item's work: rows longer than this, and few, are better left to the library, which cuts them.
    private const int LongRow = 1 << 18;
    private const int FewRows = 8;

    /// <summary>The kernel of a group.</summary>
    /// <exception cref="BrushfireException">There is none, for the reason that <see cref="Refusal"/> gives.</exception>
    public static Kernel Emit(FusionGroup group) => TryEmit(group) switch
    {
        ({ } kernel, _) => kernel,
        (_, var refusal) => throw new BrushfireException($"No kernel can be made of {string.Join(", ", group.Nodes.Select(node => node.Name))}: {refusal}."),
    };

    /// <summary>Why no kernel can be made of a group; null if one can.</summary>
    public static string? Refusal(FusionGroup group) => TryEmit(group).Refusal;

    /// <summary>The kernel of a group, or why there is none.</summary>
    public static (Kernel? Kernel, string? Refusal) TryEmit(FusionGroup group) => OrRefuse(Build, group);

    /// <summary>What <paramref name="emit"/> gives. A mistake in it refuses the group, with a warning; where kernels are verified it is raised.</summary>
    internal static (Kernel? Kernel, string? Refusal) OrRefuse(Func<FusionGroup, (Kernel? Kernel, string? Refusal)> emit, FusionGroup group)
    {
        try
        {
            return emit(group);
        }
        catch (Exception exception) when (exception is not (OutOfMemoryException or OperationCanceledException) && !CompilerSettings.Current.VerifyKernels)
        {
            string refusal = $"a mistake in the emitter: {exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}";
            CompilerLog.Warn($"no kernel of {string.Join(", ", group.Nodes.Select(node => $"{node.Name} {node.Op.Name}"))}, which are interpreted; {refusal}");
            return (null, refusal);
        }
    }

    private static (Kernel? Kernel, string? Refusal) Build(FusionGroup group)
    {
        if (group.Kind == GroupKind.Library) return (null, "it is a library call");
        if (group.Kind == GroupKind.Contraction)
        {
            (string? source, ImmutableArray<nint> arguments, string? problem) = ContractionKernel.Build(group);
            return source is null ? (null, problem) : (Named(group, source, arguments), null);
        }

        if (group.Kind == GroupKind.Reduction && !group.Nodes.Any(Lowering.IsReduction)) return (null, "nothing is reduced");
        Lowered lowered = Lowering.Lower(group);
        if (lowered.Refusal is { } refusal) return (null, refusal);
        bool reduces = group.Kind == GroupKind.Reduction;
        if (reduces && lowered.Nests.Any(nest => nest.Columns > LongRow && nest.Rows < FewRows)) return (null, "its rows are few and too long");
        return (Named(group, LoopKernel.Source(lowered.Nests), LoopKernel.Arguments(lowered.Nests, wholeRows: reduces)), null);
    }

    // The graph's lines, numbered anew, without sizes and without what only moves elements, so that the text depends on neither.
    private static List<string> Lines(FusionGroup group)
    {
        var names = new Dictionary<Node, string>();
        for (int i = 0; i < group.Inputs.Length; i++) names[group.Inputs[i]] = $"x{i}";
        var lines = new List<string>();
        foreach (Node node in group.Nodes)
        {
            int output = group.Outputs.IndexOf(node);
            if (node.Op is ViewOp or Copy && output < 0)
            {
                names[node] = names[node.Inputs[0]];
                continue;
            }

            names[node] = output < 0 ? $"%{lines.Count + 1}" : $"y{output}";
            lines.Add($"{names[node]} = {node.Op.Name}({string.Join(", ", node.Inputs.Select(input => names[input]))})");
        }

        return lines;
    }

    private static bool IsMovement(Node node) => node.Op is ViewOp or Copy or Concatenate or UpsampleNearest;

    // The name says what it does and, by a hash of the text, that it is that text.
    private static Kernel Named(FusionGroup group, string code, ImmutableArray<nint> arguments)
    {
        string source = string.Concat(Lines(group).Select(line => $"// {line}\n")) + "\n" + code;
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(source)))[..12];
        string[] ops = [.. group.Nodes.Where(node => !IsMovement(node)).Select(node => node.Op.Name).Distinct(StringComparer.Ordinal).Take(4)];
        string name = $"{string.Join('_', ops.Length == 0 ? ["move"] : ops)}_{hash}";
        return new Kernel(name, source.Replace("{name}", name, StringComparison.Ordinal), arguments);
    }
}
