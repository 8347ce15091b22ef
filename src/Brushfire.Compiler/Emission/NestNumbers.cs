// A nest as the list of numbers that RowNest reads.

using System.Collections.Immutable;
using Brushfire.Compiler.Loops;

namespace Brushfire.Compiler.Emission;

internal static class NestNumbers
{
    public static void Add(ImmutableArray<nint>.Builder numbers, LoopNest nest, int itemColumns, int itemRows)
    {
        int rank = nest.Sizes.Length - 1;
        foreach (long number in (ReadOnlySpan<long>)[nest.Columns, itemColumns, nest.Rows, itemRows, rank]) numbers.Add((nint)number);
        for (int d = 0; d < rank; d++)
        {
            numbers.Add(nest.Sizes[d]);
            foreach (Access access in nest.Accesses) numbers.Add((nint)access.Index[d]);
        }

        foreach (Access access in nest.Accesses) numbers.Add((nint)access.Index.Offset);
        foreach (Access access in nest.Accesses) numbers.Add((nint)access.Index[^1]);
    }
}
