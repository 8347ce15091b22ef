// Input 0 of a product as it lies in memory: a matrix, or a batch of them, with any strides; and what is done to its elements on
// their way into the packed panels.

using System.Collections.Immutable;
using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Loops;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Emission;

internal sealed class Factor
{
    private Factor(LoopNest nest, int main, Node anchor)
    {
        Access access = nest.Accesses[main];
        LoopNest matrix = (nest with { Accesses = [access], Stores = [] }).Collapse(keepColumns: true);
        Affine index = matrix.Accesses[0].Index;
        (Pointer, Offset, ColumnStride) = (access.Pointer, index.Offset, index[^1]);
        int rank = matrix.Sizes.Length - 1, rows = anchor.Op is MatMul ? anchor.Shape[^2] : (int)nest.Rows;
        bool image = anchor.Op is Conv2d;
        switch (rank)
        {
            case 0:
                (Batch, Rows, RowStride) = (1, 1, matrix.Columns);
                break;
            case 1:
                (Batch, Rows, BatchStride, RowStride) = (nest.Rows / Math.Max(1, rows), rows, rows * index[0], index[0]);
                break;
            case 2 when !image && (anchor.Op is Linear || matrix.Sizes[1] == rows):
                (Batch, Rows, BatchStride, RowStride) = (matrix.Sizes[0], matrix.Sizes[1], index[0], index[1]);
                break;
            default:
                return;
        }

        IsMatrix = !image || (RowStride == matrix.Columns && ColumnStride == 1);
        Main = main;
        Value = nest.Stores[0].Value;

        // What the hook reads besides; its rows are joined without the matrix.
        int[] others = [.. Enumerable.Range(0, nest.Accesses.Length).Where(i => i != main)];
        Others = [.. others];
        Hook = (nest with { Accesses = [.. others.Select(i => nest.Accesses[i])], Stores = [] }).Collapse(keepColumns: true);
        Names = new ValueCode(nest, main);
    }

    /// <summary>The matrix that is packed: of the accesses that reach another element at each index, the first.</summary>
    public static Factor? Of(LoopNest nest, Node anchor)
    {
        for (int i = 0; i < nest.Accesses.Length; i++)
        {
            Affine index = nest.Accesses[i].Index;
            if (Enumerable.Range(0, index.Rank).Any(d => nest.Sizes[d] > 1 && index[d] == 0)) continue;
            var factor = new Factor(nest, i, anchor);
            if (factor.IsMatrix) return factor;
        }

        return null;
    }

    public int Pointer { get; }
    public long Batch { get; }
    public long Rows { get; }
    public long Offset { get; }
    public long BatchStride { get; }
    public long RowStride { get; }
    public long ColumnStride { get; }

    /// <summary>The value that is packed.</summary>
    public Expr Value { get; } = null!;
    public ValueCode Names { get; } = null!;

    /// <summary>The rows of what the hook reads: accesses <see cref="Others"/> of the whole nest.</summary>
    public LoopNest Hook { get; } = null!;
    public ImmutableArray<int> Others { get; }

    public bool HasPrologue => Value is not Load;

    /// <summary>Whether all that changes with the row changes alike, so that one offset serves.</summary>
    public bool RowsAgree => Enumerable.Range(0, Others.Length).Where(ChangesWithRow).Select(i => string.Join(',', Hook.Accesses[i].Index.Strides[..^1].ToArray())).Distinct(StringComparer.Ordinal).Count() <= 1;

    public bool ChangesWithRow(int other) => Hook.Accesses[other].Index.Strides[..^1].ContainsAnyExcept(0L);

    private int Main { get; }
    private bool IsMatrix { get; }
}
