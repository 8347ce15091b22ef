// The meaning of loop nests, element by element and row by row: what generated kernels are compared with.

using Brushfire.Compiler.Scheduling;
using Brushfire.Kernels;

namespace Brushfire.Compiler.Loops;

internal sealed unsafe class LoopInterpreter
{
    private readonly LoopNest _nest;
    private readonly void** _pointers;
    private readonly long[] _indices;

    // What was found for the current row and, of that, for the current column.
    private readonly Dictionary<Expr, float> _folds = [];
    private readonly Dictionary<Expr, float> _values = [];

    private LoopInterpreter(LoopNest nest, void** pointers)
    {
        (_nest, _indices) = (nest, new long[nest.Sizes.Length]);
        _pointers = pointers;
    }

    /// <summary>Does what the kernel of a pointwise or reduction group does, with the kernel's pointers; no output may share memory with an input.</summary>
    public static void Run(FusionGroup group, void** pointers)
    {
        foreach (LoopNest nest in Lowering.Lower(group).Nests)
        {
            if (nest.Rows * nest.Columns == 0) continue;
            var interpreter = new LoopInterpreter(nest, pointers);
            for (long row = 0; row < nest.Rows; row++) interpreter.Row(row);
        }
    }

    private void Row(long row)
    {
        for (int d = _nest.Sizes.Length - 2; d >= 0; d--) (row, _indices[d]) = Math.DivRem(row, _nest.Sizes[d]);
        _folds.Clear();
        foreach (Store store in _nest.Stores)
        {
            int columns = _nest.IsRowwise(store.Access) ? 1 : _nest.Columns;
            for (int column = 0; column < columns; column++)
            {
                float value = At(column, store.Value);
                *Address(store.Access, column) = value;
            }
        }
    }

    private float At(int column, Expr expr)
    {
        _values.Clear();
        return Value(expr, column);
    }

    private float Value(Expr expr, int column)
    {
        if (_values.TryGetValue(expr, out float known)) return known;
        return _values[expr] = expr switch
        {
            Load load => *Address(load.Access, column),
            Number number => number.Value,
            UnaryExpr unary => ScalarOperators.Of(unary.Operator).Invoke(Value(unary.Operands[0], column)),
            BinaryExpr binary => ScalarOperators.Of(binary.Operator).Invoke(Value(binary.Operands[0], column), Value(binary.Operands[1], column)),
            Fold fold => Folded(fold),
            _ => throw new ArgumentOutOfRangeException(nameof(expr), expr, "only a product has such a value"),
        };
    }

    // In float64, in order.
    private float Folded(Fold fold)
    {
        if (_folds.TryGetValue(fold, out float known)) return known;
        var inner = new LoopInterpreter(_nest, _pointers);
        _indices.CopyTo(inner._indices, 0);
        foreach ((Expr other, float value) in _folds) inner._folds[other] = value;
        double total = fold.Operator switch
        {
            ReduceOperator.Sum or ReduceOperator.Mean => 0,
            ReduceOperator.Max => double.NegativeInfinity,
            ReduceOperator.Min => double.PositiveInfinity,
        };
        for (int column = 0; column < _nest.Columns; column++)
        {
            double value = inner.At(column, fold.Operands[0]);
            total = fold.Operator switch
            {
                ReduceOperator.Sum or ReduceOperator.Mean => total + value,
                ReduceOperator.Max => Math.Max(total, value),
                ReduceOperator.Min => Math.Min(total, value),
            };
        }

        return _folds[fold] = (float)(fold.Operator == ReduceOperator.Mean ? total / _nest.Columns : total);
    }

    private float* Address(int access, int column)
    {
        Affine index = _nest.Accesses[access].Index;
        long offset = index.Offset + column * index[^1];
        for (int d = 0; d < _indices.Length - 1; d++) offset += _indices[d] * index[d];
        return (float*)_pointers[_nest.Accesses[access].Pointer] + offset;
    }
}
