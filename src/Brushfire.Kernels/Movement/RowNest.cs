// A loop nest whose sizes and strides are a list of numbers, for kernels that are generated: their code does not change with
// sizes. The last dimension is the columns, which the kernel walks itself; the others make up the rows.
//
//     numbers: columns, columns of an item, rows, rows of an item, rank of the rows,
//              for each dimension of the rows: its size, then each operand's stride;
//              then each operand's offset, then each operand's stride along the columns        (all in elements)

namespace Brushfire.Kernels;

/// <summary>A view of the numbers.</summary>
public readonly unsafe struct RowNest(nint* numbers, int operands)
{
    /// <summary>The largest number of dimensions of the rows.</summary>
    public const int MaxRank = 12;

    private const int Header = 5;

    private readonly nint* _numbers = numbers;

    internal int Operands { get; } = operands;
    internal int Rank => (int)_numbers[4];

    /// <summary>How many numbers there are.</summary>
    public int Length => Header + Rank * (1 + Operands) + 2 * Operands;

    public nint Columns => _numbers[0];

    /// <summary>Whether float32 numbers for all rows and columns are more than caches keep.</summary>
    public bool ExceedsCaches => CacheLines.Exceeds(_numbers[2] * Columns * sizeof(float));

    /// <summary>Items that a launch is cut into: blocks of rows times blocks of columns.</summary>
    public int Items => Columns == 0 ? 0 : checked((int)(Blocks(_numbers[2], _numbers[3]) * Blocks(Columns, _numbers[1])));

    /// <summary>An operand's stride along the columns.</summary>
    public nint ColumnStride(int operand) => _numbers[Length - Operands + operand];

    /// <summary>An operand's stride along the innermost dimension of the rows.</summary>
    public nint RowStride(int operand) => Rank == 0 ? 0 : Stride(Rank - 1, operand);

    /// <summary>The rows of an item. <paramref name="at"/> holds the offset of each operand at the current row's first column.</summary>
    internal RowCursor Open(int item, nint* at)
    {
        (nint rowBlock, nint columnBlock) = Math.DivRem(item, Blocks(Columns, _numbers[1]));
        nint row = rowBlock * _numbers[3], column = columnBlock * _numbers[1];
        return new RowCursor(this, row, nint.Min(_numbers[3], _numbers[2] - row), column, nint.Min(_numbers[1], Columns - column), at);
    }

    /// <summary>The same at several places at once, with vectors of <paramref name="lanes"/> lanes at each.</summary>
    public PlaceCursor Open(int item, nint* at, int places, int lanes) => new(this, Open(item, at), places, lanes);

    /// <summary>Some rows from <paramref name="row"/> on.</summary>
    public RowCursor At(nint row, nint rows, nint* at) => new(this, row, rows, 0, Columns, at);

    /// <summary>Where an operand starts.</summary>
    public nint Start(int operand) => _numbers[Length - 2 * Operands + operand];

    /// <summary>An operand's way from its start to a row.</summary>
    public nint Offset(nint row, int operand)
    {
        nint offset = 0;
        for (int d = Rank - 1; d > 0; d--)
        {
            (row, nint index) = Math.DivRem(row, Size(d));
            offset += index * Stride(d, operand);
        }

        return Rank == 0 ? 0 : offset + row * Stride(0, operand);
    }

    internal nint Size(int dimension) => _numbers[Header + dimension * (1 + Operands)];
    internal nint Stride(int dimension, int operand) => _numbers[Header + dimension * (1 + Operands) + 1 + operand];

    private static nint Blocks(nint count, nint block) => (count + block - 1) / block;
}

/// <summary>A walk over rows.</summary>
public unsafe struct RowCursor
{
    private readonly RowNest _nest;
    private readonly nint* _at;
    private fixed long _indices[RowNest.MaxRank];

    internal RowCursor(RowNest nest, nint row, nint rows, nint column, nint columns, nint* at)
    {
        (_nest, Rows, Columns) = (nest, rows, columns);
        _at = at;
        for (int i = 0; i < nest.Operands; i++) at[i] = nest.Start(i) + column * nest.ColumnStride(i);
        for (int d = nest.Rank - 1; d >= 0; d--)
        {
            nint index = row;
            if (d > 0) (row, index) = Math.DivRem(row, nest.Size(d));
            _indices[d] = index;
            for (int i = 0; i < nest.Operands; i++) at[i] += index * nest.Stride(d, i);
        }
    }

    /// <summary>Rows left, the current one included.</summary>
    public nint Rows { get; private set; }

    /// <summary>Columns of each row.</summary>
    public nint Columns { get; }

    /// <summary>Rows left that follow each other at the operands' <see cref="RowNest.RowStride"/>.</summary>
    public readonly nint Run => _nest.Rank == 0 ? Rows : nint.Min(Rows, _nest.Size(_nest.Rank - 1) - (nint)_indices[_nest.Rank - 1]);

    public void Next() => Next(1);

    /// <summary>Goes on by as many rows, at most <see cref="Run"/>.</summary>
    public void Next(nint rows)
    {
        Rows -= rows;
        int d = _nest.Rank - 1;
        if (d < 0) return;
        Step(d, rows);
        for (; d > 0 && _indices[d] == _nest.Size(d); d--)
        {
            Step(d, -_nest.Size(d));
            Step(d - 1, 1);
        }
    }

    private void Step(int dimension, nint count)
    {
        _indices[dimension] += count;
        for (int i = 0; i < _nest.Operands; i++) _at[i] += count * _nest.Stride(dimension, i);
    }
}
