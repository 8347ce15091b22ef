// Shapes as files tell them: checked sizes in, and the comparison that checkpoints need.

using Brushfire.Tensors;

namespace Brushfire.Models.Weights;

internal static class WeightShapes
{
    /// <summary>The shape with these sizes; <paramref name="what"/> (file and key) begins the message where there is none.</summary>
    public static Shape Create(ReadOnlySpan<long> sizes, string what)
    {
        if (sizes.Length > Shape.MaxRank) throw new BrushfireException($"{what} has rank {sizes.Length}; the largest rank is {Shape.MaxRank}.");
        var checkedSizes = new int[sizes.Length];
        for (int axis = 0; axis < sizes.Length; axis++)
        {
            if (sizes[axis] is < 0 or > int.MaxValue) throw new BrushfireException($"{what} has the size {sizes[axis]} along axis {axis}, which is outside of 0 to {int.MaxValue}.");
            checkedSizes[axis] = (int)sizes[axis];
        }

        try
        {
            return new Shape(checkedSizes);
        }
        catch (BrushfireException exception)
        {
            throw new BrushfireException($"{what}: {exception.Message}", exception);
        }
    }

    /// <summary>True where the shapes are equal but for ones at the end: linear [C, C] and 1x1 convolution [C, C, 1, 1].</summary>
    public static bool EqualButForTrailingOnes(Shape a, Shape b) => a.Sizes.TrimEnd(1).SequenceEqual(b.Sizes.TrimEnd(1));
}
