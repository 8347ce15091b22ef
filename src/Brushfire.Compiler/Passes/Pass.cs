// A pass: one graph in, another with the same meaning out. All of them stand in one list in Compiler.cs.

using Brushfire.Compiler.Graphs;

namespace Brushfire.Compiler.Passes;

/// <summary>A transformation of graphs.</summary>
/// <param name="Name">As in dumps and BRUSHFIRE_SKIP, for example fold-constants.</param>
/// <param name="Run">Gives the same graph where nothing is to be done.</param>
public sealed record Pass(string Name, Func<Graph, Graph> Run);
