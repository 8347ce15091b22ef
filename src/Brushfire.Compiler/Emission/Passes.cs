// How a row of a nest is computed: in passes over its columns, each of which may need the reductions of those before. A value
// that several passes need is computed again, which costs less than memory, or kept in a buffer where it is costly.

using Brushfire.Compiler.Loops;

namespace Brushfire.Compiler.Emission;

/// <summary>The parts of one pass: what is computed at each column, operands first, what is folded, kept and stored.</summary>
internal sealed class Pass
{
    public List<Expr> Values { get; } = [];
    public List<Fold> Folds { get; } = [];
    public List<Expr> Kept { get; } = [];
    public List<Store> Stores { get; } = [];
}

internal sealed class Passes
{
    private readonly LoopNest _nest;
    private readonly Dictionary<Expr, bool> _rowwise = [];
    private readonly Dictionary<Expr, int> _ready = [];
    private readonly Dictionary<Expr, int> _computed = [];

    public Passes(LoopNest nest)
    {
        _nest = nest;
        Store[] columnStores = [.. nest.Stores.Where(store => store.Access < 0 || !nest.IsRowwise(store.Access))];
        Fold[] folds = [.. FindFolds(nest)];
        int last = folds.Select(fold => Ready(fold.Operands[0])).Concat(columnStores.Select(store => Ready(store.Value))).DefaultIfEmpty(0).Max();
        for (int k = 0; k <= last; k++)
        {
            var pass = new Pass();
            All.Add(pass);
            pass.Folds.AddRange(folds.Where(fold => Ready(fold.Operands[0]) == k));
            if (k == last) pass.Stores.AddRange(columnStores);
            foreach (Fold fold in pass.Folds) Need(fold.Operands[0], k);
            foreach (Store store in pass.Stores) Need(store.Value, k);
        }
    }

    public List<Pass> All { get; } = [];

    /// <summary>Values in buffers: their places.</summary>
    public List<Expr> Kept { get; } = [];

    /// <summary>Whether a value is the same for all columns.</summary>
    public bool IsRowwise(Expr expr)
    {
        if (_rowwise.TryGetValue(expr, out bool known)) return known;
        return _rowwise[expr] = expr switch
        {
            Load load => _nest.IsRowwise(load.Access),
            Handed => false,
            Fold => true,
            _ => expr.Operands.All(IsRowwise),
        };
    }

    // The first pass in which a value can be computed: the one behind the folds in it.
    private int Ready(Expr expr)
    {
        if (_ready.TryGetValue(expr, out int known)) return known;
        int ready = expr.Operands.Select(Ready).DefaultIfEmpty(0).Max();
        return _ready[expr] = expr is Fold ? ready + 1 : ready;
    }

    private static List<Fold> FindFolds(LoopNest nest)
    {
        HashSet<Expr> seen = [];
        var found = new List<Fold>();
        foreach (Store store in nest.Stores) Visit(store.Value);
        return found;

        void Visit(Expr expr)
        {
            if (!seen.Add(expr)) return;
            foreach (Expr operand in expr.Operands) Visit(operand);
            if (expr is Fold fold) found.Add(fold);
        }
    }

    private void Need(Expr expr, int pass)
    {
        if (IsRowwise(expr) || All[pass].Values.Contains(expr)) return;
        if (_computed.TryGetValue(expr, out int first) && first < pass && IsCostly(expr))
        {
            if (!Kept.Contains(expr))
            {
                Kept.Add(expr);
                All[first].Kept.Add(expr);
            }
        }
        else
        {
            foreach (Expr operand in expr.Operands) Need(operand, pass);
            _computed.TryAdd(expr, pass);
        }

        All[pass].Values.Add(expr);
    }

    private bool IsCostly(Expr expr) => !IsRowwise(expr) && ((expr is UnaryExpr unary && ScalarOperators.IsCostly(unary.Operator)) || expr.Operands.Any(IsCostly));
}
