// The value of one element of a loop nest: loads, constants and operators on them. Shared parts are shared objects, so that
// an expression is a graph and each part is computed once.

using System.Collections.Immutable;
using Brushfire.Kernels;

namespace Brushfire.Compiler.Loops;

/// <summary>A value at each index of a nest, float32.</summary>
internal abstract class Expr(params ImmutableArray<Expr> operands)
{
    public ImmutableArray<Expr> Operands { get; } = operands;
}

/// <summary>The element that an access of the nest points at.</summary>
internal sealed class Load(int access) : Expr
{
    public int Access { get; } = access;
}

/// <summary>What a product hands over: the element of A that is being packed, or of the finished tile.</summary>
internal sealed class Handed(int half = 0) : Expr
{
    /// <summary>1 for the tile of a product's second half of columns.</summary>
    public int Half { get; } = half;
}

internal sealed class Number(float value) : Expr
{
    public float Value { get; } = value;
}

internal sealed class UnaryExpr(UnaryOperator op, Expr x) : Expr(x)
{
    public UnaryOperator Operator { get; } = op;
}

internal sealed class BinaryExpr(BinaryOperator op, Expr a, Expr b) : Expr(a, b)
{
    public BinaryOperator Operator { get; } = op;
}

/// <summary>Reduces over the nest's columns, its last dimension.</summary>
internal sealed class Fold(ReduceOperator op, Expr x) : Expr(x)
{
    public ReduceOperator Operator { get; } = op;
}
