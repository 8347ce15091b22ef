// What was compiled of a function under one set of guards: a plan for each combination of sizes.

using Brushfire.Compiler.Runtime;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Capture;

/// <param name="Program">All of the function, or null where its own code must run at every call.</param>
/// <param name="Result">What the function returned while captured.</param>
/// <param name="Outputs">The tensors in that result, in the order of the program's outputs.</param>
internal sealed record Plan(IGraphProgram? Program, object? Result, IReadOnlyList<Tensor> Outputs);

internal sealed class Entry(Guards guards)
{
    private const int MostPlans = 32;

    public Guards Guards => guards;
    public Recent<Sizes, Plan> Plans { get; } = new(MostPlans);
    public Sizes? Newest { get; set; }

    /// <summary>True once the numbers that the function's own code makes were seen to change.</summary>
    public bool HostValuesVary { get; set; }
}

/// <summary>The shapes of all tensors of a call, in order.</summary>
internal sealed class Sizes(IReadOnlyList<Part> parts) : IEquatable<Sizes>
{
    private readonly (string Label, Shape Shape)[] _shapes = [.. parts.Where(part => part.Value is Tensor).Select(part => (part.Label, ((Tensor)part.Value!).Shape))];

    /// <summary>The first size that differs from a plan's.</summary>
    public Miss FirstDifference(Sizes planned)
    {
        foreach (((string label, Shape got), (_, Shape old)) in _shapes.Zip(planned._shapes))
            for (int axis = 0; axis < got.Rank; axis++)
                if (got[axis] != old[axis]) return new Miss(label, $"dimension {axis}", $"{old[axis]}", $"{got[axis]}");
        throw new InvalidOperationException("The sizes are equal.");
    }

    public bool Equals(Sizes? other) => other is not null && _shapes.AsSpan().SequenceEqual(other._shapes);
    public override bool Equals(object? obj) => Equals(obj as Sizes);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach ((_, Shape shape) in _shapes) hash.Add(shape);
        return hash.ToHashCode();
    }
}
