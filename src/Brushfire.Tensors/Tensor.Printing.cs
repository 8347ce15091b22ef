// Tensors as text: spec first, then values of small ones.

using System.Globalization;

namespace Brushfire.Tensors;

public sealed partial class Tensor
{
    private const int PrintedValues = 8;

    /// <summary>For example f32[2,3] = 1 2 3 4 5 6; at most eight values.</summary>
    public override string ToString()
    {
        if (_storage is null) return $"{Spec} (freed)";
        using var scope = new TensorScope();
        int count = (int)Math.Min(PrintedValues, Shape.Count);
        IEnumerable<string> values = Reshape(-1).Slice(0, 0, count).ToArray().Select(value => value.ToString("G6", CultureInfo.InvariantCulture));
        return $"{Spec} = {string.Join(' ', values)}{(Shape.Count > count ? " …" : "")}";
    }
}
