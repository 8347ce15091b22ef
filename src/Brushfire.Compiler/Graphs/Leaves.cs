// What a graph starts from: inputs, weights by their key, and constants by their values. Ops without inputs, so that every
// node of a graph is a record and inputs.

using Brushfire.Tensors;

namespace Brushfire.Compiler.Graphs;

/// <summary>A node that computes nothing.</summary>
public abstract record Leaf : Op
{
    internal override Tensor Execute(ReadOnlySpan<Tensor> inputs, TensorSpec result) =>
        throw new InvalidOperationException($"{Name} is given to a program, not run by it.");

    /// <summary>The tensor that a program keeps for a weight or constant; null for another op.</summary>
    internal static Tensor? Kept(Op op) => op switch { Weight weight => weight.Value, Constant constant => constant.Value, _ => null };

    protected static bool SameMemory(Tensor a, Tensor b) => a.Storage == b.Storage && a.Offset == b.Offset && a.Spec == b.Spec && a.Strides == b.Strides;
}

/// <summary>A tensor that each run is given.</summary>
/// <param name="Label">Where it stands among the function's arguments, for example input.Sample; unique in the graph.</param>
public sealed record Input(string Label, TensorSpec Spec) : Leaf
{
    public override string Name => "input";
    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => Spec;
}

/// <summary>A model's parameter, never copied. Compared by its memory.</summary>
/// <param name="Key">Its key among the weights; unique in the graph.</param>
public sealed record Weight(string Key, Tensor Value) : Leaf
{
    public override string Name => "weight";
    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => Value.Spec;
    public bool Equals(Weight? other) => other is not null && Key == other.Key && SameMemory(Value, other.Value);
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(Key);
}

/// <summary>Values that were fixed while capturing or by a pass. Compared by type, shape and values.</summary>
public sealed record Constant(Tensor Value) : Leaf
{
    public override string Name => "constant";
    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => Value.Spec;

    public bool Equals(Constant? other) =>
        other is not null && Value.Spec == other.Value.Spec && (SameMemory(Value, other.Value) || ConstantText.Bytes(Value).AsSpan().SequenceEqual(ConstantText.Bytes(other.Value)));

    // Values may be many: what is equal in type and shape is compared in full.
    public override int GetHashCode() => Value.Spec.GetHashCode();
}
