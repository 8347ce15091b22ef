// A walk over the rows of an item at several places at once. Memory answers a loop that is at several places, far apart, faster than one
// that reads row after row: the processor's own prefetchers run ahead of each.
//
// Rows that follow each other are cut into as many stretches as there are places, and one row of each is done together; rows that are
// too few for that are done one by one. A nest of a single row is cut along its columns.

namespace Brushfire.Kernels;

/// <summary>The offset of each operand at the first place is in the memory that the walk was opened with.</summary>
public unsafe struct PlaceCursor
{
    private readonly RowNest _nest;
    private readonly int _most, _lanes;
    private RowCursor _rows;
    private nint _stretch, _done;

    internal PlaceCursor(RowNest nest, RowCursor rows, int places, int lanes)
    {
        (_nest, _rows, _most, _lanes) = (nest, rows, places, lanes);
        Place();
    }

    /// <summary>Rows left, the current ones included.</summary>
    public readonly nint Rows => _rows.Rows;

    /// <summary>Columns of each row.</summary>
    public readonly nint Columns => _rows.Columns;

    /// <summary>Places that are done now: as many as were asked for, or one.</summary>
    public readonly int Places => _stretch > 0 || _nest.Rank == 0 ? _most : 1;

    /// <summary>Columns that each place does in whole vectors.</summary>
    public readonly nint Whole => _nest.Rank == 0 ? Columns / _most / _lanes * _lanes : Columns - Columns % _lanes;

    /// <summary>Columns of a row that are done in whole vectors; the others are left to single lanes.</summary>
    public readonly nint Done => _nest.Rank == 0 ? Whole * _most : Whole;

    /// <summary>Rows whose columns from <see cref="Done"/> on are left.</summary>
    public readonly int Rests => Done == Columns ? 0 : _nest.Rank == 0 ? 1 : Places;

    /// <summary>Elements from an operand's place to the next one.</summary>
    public readonly nint Apart(int operand) => _nest.Rank == 0 ? Whole * _nest.ColumnStride(operand) : _stretch * _nest.RowStride(operand);

    /// <summary>The same in a buffer that holds a row for each place.</summary>
    public readonly nint ApartInBuffer => _nest.Rank == 0 ? Whole : Columns;

    /// <summary>Makes each place's total that of its row.</summary>
    public readonly void Complete(ReduceOperator op, double* totals)
    {
        if (_nest.Rank > 0) return;
        for (int k = 1; k < _most; k++)
        {
            totals[0] = op switch
            {
                ReduceOperator.Max => double.Max(totals[0], totals[k]),
                ReduceOperator.Min => double.Min(totals[0], totals[k]),
                _ => totals[0] + totals[k],
            };
        }

        for (int k = 1; k < _most; k++) totals[k] = totals[0];
    }

    public void Next()
    {
        if (++_done < _stretch)
        {
            _rows.Next();
        }
        else
        {
            _rows.Next(_stretch > 0 ? (_most - 1) * _stretch + 1 : 1);
            Place();
        }
    }

    private void Place() => (_stretch, _done) = (_nest.Rank == 0 ? 0 : _rows.Run / _most, 0);
}
