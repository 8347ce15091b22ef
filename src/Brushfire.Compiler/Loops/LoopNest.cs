// A group of pointwise ops and reductions as loops: dimensions, outermost first, the elements of memory that are read and
// written at each index, and how the written ones are computed. The last dimension is the columns: the one that is
// vectorized, and that is reduced. Made by Lowering, printed as
//
//     for i0 < 4096, columns i1 < 320
//       y0[320*i0+i1] = multiply(x0[320*i0+i1], reduce_sum(x0[320*i0+i1]))

using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Loops;

/// <summary>An element of an operand at each index of a nest.</summary>
/// <param name="Pointer">Which of a kernel's pointers: inputs first, then outputs.</param>
/// <param name="Name">x with the input's number, or y with the output's.</param>
internal sealed record Access(int Pointer, string Name, Affine Index);

/// <summary>Writes a value through an access.</summary>
internal sealed record Store(int Access, Expr Value);

[DebuggerDisplay("{ToString(),nq}")]
internal sealed record LoopNest(ImmutableArray<int> Sizes, ImmutableArray<Access> Accesses, ImmutableArray<Store> Stores)
{
    public int Columns => Sizes[^1];

    /// <summary>Dimensions of the rows.</summary>
    public int Rank => Sizes.Length - 1;

    public long Rows => Sizes[..^1].Aggregate(1L, (rows, size) => rows * size);

    /// <summary>Whether an access is the same for all columns of a row.</summary>
    public bool IsRowwise(int access) => Accesses[access].Index[^1] == 0;

    /// <summary>The nest with as few dimensions as possible: those of size 1 dropped, and neighbours joined that every access walks as one.</summary>
    /// <param name="keepColumns">Whether the last dimension has to stay what it is, as a reduction's and a product's.</param>
    public LoopNest Collapse(bool keepColumns)
    {
        LoopNest nest = this;
        for (int d = Sizes.Length - (keepColumns ? 2 : 1); d >= 0 && nest.Sizes.Length > 1; d--)
            if (nest.Sizes[d] == 1) nest = nest.Without(d);
        for (int d = nest.Sizes.Length - (keepColumns ? 3 : 2); d >= 0; d--)
        {
            int inner = d + 1, size = nest.Sizes[inner];
            if (!nest.Accesses.All(access => access.Index.Joins(d, inner, size))) continue;
            int joined = checked(nest.Sizes[d] * size);
            nest = nest.Without(d);
            nest = nest with { Sizes = nest.Sizes.SetItem(d, joined) };
        }

        return nest;
    }

    public override string ToString()
    {
        IEnumerable<string> rows = Sizes[..^1].Select((size, d) => $"i{d} < {size}");
        var text = new StringBuilder($"for {string.Join(", ", rows.Append($"columns i{Sizes.Length - 1} < {Columns}"))}\n");
        foreach (Store store in Stores) text.Append($"  {Print(Accesses[store.Access])} = {Print(store.Value)}\n");
        return text.ToString();
    }

    private LoopNest Without(int dimension) => this with
    {
        Sizes = Sizes.RemoveAt(dimension),
        Accesses = [.. Accesses.Select(access => access with { Index = access.Index.Without(dimension) })],
    };

    private static string Print(Access access) => $"{access.Name}[{access.Index}]";

    private string Print(Expr expr) => expr switch
    {
        Load load => Print(Accesses[load.Access]),
        Number number => number.Value.ToString("R", CultureInfo.InvariantCulture),
        UnaryExpr unary => $"{Names.SnakeCase(unary.Operator.ToString())}({Print(unary.Operands[0])})",
        BinaryExpr binary => $"{Names.SnakeCase(binary.Operator.ToString())}({Print(binary.Operands[0])}, {Print(binary.Operands[1])})",
        Fold fold => $"reduce_{Names.SnakeCase(fold.Operator.ToString())}({Print(fold.Operands[0])})",
        _ => "handed",
    };
}
