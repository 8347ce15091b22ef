// What a graph starts from: inputs, weights by their key, and constants by their values. Ops without inputs, so that every
// node of a graph is a record and inputs.

using Brushfire.Tensors;

namespace Brushfire.Compiler.Graphs;

/// <summary>A node that computes nothing.</summary>
public abstract record Leaf : Op
{
    internal override Tensor Execute(ReadOnlySpan<Tensor> inputs, TensorSpec result) =>
        throw new InvalidOperationException($"{Name} is given to a program, not run by it.");
}

/// <summary>A tensor that each run is given.</summary>
/// <param name="Label">Where it stands among the function's arguments, for example input.Sample; unique in the graph.</param>
public sealed record Input(string Label, TensorSpec Spec) : Leaf
{
    public override string Name => "input";
    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => Spec;
}

/// <summary>A model's parameter, never copied.</summary>
/// <param name="Key">Its key among the weights; unique in the graph.</param>
public sealed record Weight(string Key, Tensor Value) : Leaf
{
    public override string Name => "weight";
    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => Value.Spec;
}

/// <summary>Values that were fixed while capturing or by a pass. Compared by type, shape and values.</summary>
public sealed record Constant(Tensor Value) : Leaf
{
    private readonly ulong _content = ConstantText.ContentHash(Value);

    public override string Name => "constant";
    public override TensorSpec Infer(ReadOnlySpan<TensorSpec> inputs) => Value.Spec;

    public bool Equals(Constant? other) =>
        other is not null && _content == other._content && Value.Spec == other.Value.Spec
        && (ReferenceEquals(Value, other.Value) || ConstantText.Bytes(Value).AsSpan().SequenceEqual(ConstantText.Bytes(other.Value)));

    public override int GetHashCode() => _content.GetHashCode();
}
