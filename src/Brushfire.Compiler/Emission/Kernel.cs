// A generated kernel as text and numbers, before it is compiled.

using System.Collections.Immutable;

namespace Brushfire.Compiler.Emission;

/// <summary>C# of one kernel. The text tells the computation only, so that equal ones are compiled once; what changes with sizes are the arguments.</summary>
/// <param name="Name">Of the struct: the ops, and a hash of the text.</param>
/// <param name="Source">A whole file.</param>
/// <param name="Arguments">Sizes and strides, handed over at each call.</param>
internal sealed record Kernel(string Name, string Source, ImmutableArray<nint> Arguments);
