// Weights by formula: the values of a parameter follow from its name and shape alone, so that full-size models can be
// timed, and reference values compared, without a weight file. The rule is told in the reference folder's README:
// uniform values from the name's hash, scaled by what kind of parameter the name tells.

using System.Text;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

public static class FormulaWeights
{
    /// <summary>The parameter of this name and shape; float32.</summary>
    public static Tensor Create(string name, Shape shape)
    {
        (float scale, float offset) = Kind(name, shape);
        return Tensor.Create(shape, values => Fill(name, values, scale, offset));
    }

    /// <summary>An input given by formula: r of "input." + name, times <paramref name="factor"/>, in row-major order of <paramref name="shape"/>.</summary>
    public static Tensor Input(string name, Shape shape, float factor) => Tensor.Create(shape, values => Fill("input." + name, values, factor, 0));

    /// <summary>values[i] = offset + scale * r(name, i), r uniform in [-1, 1).</summary>
    public static void Fill(string name, Span<float> values, float scale, float offset) => SplitMix64.Run(Fnv1a(name), values, scale, offset);

    // The first rule that fits the whole name.
    private static (float Scale, float Offset) Kind(string name, Shape shape)
    {
        if (name.EndsWith(".bias", StringComparison.Ordinal)) return (0.02f, 0);
        if (shape.Rank == 1) return (0.1f, 1);
        if (name.Contains("embed", StringComparison.Ordinal)) return (0.05f, 0);
        long fanIn = 1;
        foreach (int size in shape.Sizes.Length > 0 ? shape.Sizes[1..] : []) fanIn *= size;
        return ((float)Math.Sqrt(3.0 / fanIn), 0);
    }

    private static ulong Fnv1a(string name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte value in Encoding.UTF8.GetBytes(name)) hash = (hash ^ value) * 0x100000001B3;
        return hash;
    }
}
