// Why a call did not fit what was compiled before.

namespace Brushfire.Compiler.Capture;

/// <summary>A guard that a call missed.</summary>
/// <param name="Function">The compiled function.</param>
/// <param name="Input">The argument, for example input.Sample, or the setting.</param>
/// <param name="Dimension">What of it differs: dtype, rank, dimension 1, value.</param>
/// <param name="CompiledFor">What the entry has.</param>
/// <param name="Got">What the call has.</param>
/// <param name="Entry">The entry that was nearest, from 1.</param>
public sealed record RecompileReason(string Function, string Input, string Dimension, string CompiledFor, string Got, int Entry)
{
    public override string ToString() => $"{Function}: {Dimension} of {Input} is {Got}, but entry {Entry} was compiled for {CompiledFor}";
}
