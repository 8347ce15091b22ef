// Which pointwise work before a contraction is done while its input is packed, instead of in a pass of its own.

using Brushfire.Compiler.Graphs;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Scheduling;

internal static class Prologues
{
    /// <summary>
    /// Whether <paramref name="node"/>, which only <paramref name="anchor"/> reads, is worth computing anew for each time that the input is packed:
    /// where an operand repeats, as a norm's application does. A gate or a sum of two whole tensors belongs to the product that it comes from.
    /// </summary>
    public static bool Pay(Node anchor, Node node) => anchor.Op is Linear && node.Op is Binary && node.Inputs.Any(input => input.Shape.Count < node.Shape.Count);
}
