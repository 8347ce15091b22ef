// Where a register tile's rows of A lie: packed, the numbers of each k beside each other, or as they are in memory.

namespace Brushfire.Kernels;

/// <summary>The number of row r and step k is at start + (r * row + k * step) numbers; null: nowhere.</summary>
public readonly unsafe struct APanel(void* start, nint row, nint step)
{
    public readonly void* Start = start;
    public readonly nint Row = row, Step = step;

    /// <summary>A packed panel of so many rows.</summary>
    public static APanel Packed(void* start, int rows) => new(start, 1, rows);
}
