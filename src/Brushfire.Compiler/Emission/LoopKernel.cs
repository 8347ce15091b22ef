// Code of pointwise and reduction groups: a struct that implements IWork as a hand-made kernel does. An item is some rows of a
// nest (or some columns of a row), which are walked at several places at once (PlaceCursor); a row of each place is done in passes over its
// columns, each once for whole vectors and once for what is left. So a row's numbers and totals are arrays, one for each place.

using System.Collections.Immutable;
using Brushfire.Compiler.Loops;
using Brushfire.Kernels;

namespace Brushfire.Compiler.Emission;

internal sealed class LoopKernel
{
    private readonly Code _code;
    private readonly LoopNest _nest;
    private readonly string _suffix;
    private readonly ValueCode _values;
    private readonly Passes _passes;
    private readonly HashSet<Expr> _numbers = [];
    private readonly HashSet<int> _asked = []; // accesses that an earlier pass brought into the nearest cache

    private LoopKernel(Code code, LoopNest nest, string suffix)
    {
        (_code, _nest, _suffix) = (code, nest, suffix);
        _values = new ValueCode(nest, places: true);
        _passes = new Passes(nest);
    }

    /// <summary>The kernel's file, with {name} in place of the struct's name.</summary>
    public static string Source(ImmutableArray<LoopNest> nests)
    {
        var code = new Code();
        KernelFile.Open(code);
        code.Block("public unsafe struct {name} : IWork", () =>
        {
            string[] suffixes = [.. nests.Select((_, i) => nests.Length == 1 ? "" : $"{i + 1}")];
            code.Line("private void** _pointers;");
            foreach (string suffix in suffixes) code.Line($"private RowNest _rows{suffix};");
            code.Line();
            Launch(code, nests, suffixes);
            code.Line();
            Dispatch(code, suffixes);
            for (int i = 0; i < nests.Length; i++) new LoopKernel(code, nests[i], suffixes[i]).Emit();
        });
        return code.ToString();
    }

    public static ImmutableArray<nint> Arguments(ImmutableArray<LoopNest> nests, bool wholeRows)
    {
        var numbers = ImmutableArray.CreateBuilder<nint>();
        foreach (LoopNest nest in nests)
        {
            int elements = ItemSize.Of(nest.Rows * nest.Columns);
            int columns = wholeRows ? Math.Max(1, nest.Columns) : Math.Clamp(nest.Columns, 1, elements);
            NestNumbers.Add(numbers, nest, columns, Math.Max(1, elements / columns));
        }

        return numbers.ToImmutable();
    }

    private static void Launch(Code code, ImmutableArray<LoopNest> nests, string[] suffixes) => code.Block("public static void Run(void** pointers, nint* arguments)", () =>
    {
        code.Line("var work = new {name} { _pointers = pointers };");
        for (int i = 0; i < nests.Length; i++)
        {
            code.Line($"work._rows{suffixes[i]} = new RowNest(arguments, {nests[i].Accesses.Length});");
            if (i + 1 < nests.Length) code.Line($"arguments += work._rows{suffixes[i]}.Length;");
        }

        code.Line($"WorkerPool.Run({string.Join(" + ", suffixes.Select(suffix => $"work._rows{suffix}.Items"))}, ref work);");
    });

    private static void Dispatch(Code code, string[] suffixes) => code.Block($"public readonly void Run<TSimd, TVector>(int item) {KernelFile.Constraints}", () =>
    {
        for (int i = 0; i < suffixes.Length - 1; i++)
        {
            code.Line($"if (item < _rows{suffixes[i]}.Items) {{ Rows{suffixes[i]}<TSimd, TVector>(item); return; }}");
            code.Line($"item -= _rows{suffixes[i]}.Items;");
        }

        code.Line($"Rows{suffixes[^1]}<TSimd, TVector>(item);");
    });

    private void Emit()
    {
        var passes = new List<Action>();
        string kept = _passes.Kept.Count > 0 ? ", kept" : "";
        _code.Line();
        _code.Block($"private readonly void Rows{_suffix}<TSimd, TVector>(int item) {KernelFile.Constraints}", () =>
        {
            _code.Line($"nint* at = stackalloc nint[{_nest.Accesses.Length}];");
            if (kept.Length > 0) _code.Line($"float* kept = (float*)Scratch.Take({_passes.Kept.Count} * SimdSeveral<TSimd, TVector>.Places * _rows{_suffix}.Columns * sizeof(float));");
            _code.Block($"for (PlaceCursor row = _rows{_suffix}.Open(item, at, SimdSeveral<TSimd, TVector>.Places, TSimd.Count); row.Rows > 0; row.Next())", () =>
            {
                string together = $"Row{_suffix}<SimdSeveral<TSimd, TVector>, Several<TVector>>(row, at{kept});";
                _code.Line(_nest.Rank == 0 ? together : $"if (row.Places > 1) {together}");
                if (_nest.Rank > 0) _code.Line($"else Row{_suffix}<TSimd, TVector>(row, at{kept});");
            });
        });
        _code.Line();
        _code.Block($"private readonly void Row{_suffix}<TSimd, TVector>(in PlaceCursor row, nint* at{(kept.Length > 0 ? ", float* kept" : "")}) {KernelFile.Constraints}", () => Row(passes));
        foreach (Action pass in passes) pass();
    }

    private void Row(List<Action> methods)
    {
        for (int i = 0; i < _nest.Accesses.Length; i++)
        {
            _code.Line($"float* {_values.Pointer(i)} = (float*)_pointers[{_nest.Accesses[i].Pointer}] + at[{i}];");
            if (_values.IsApart(i)) _code.Line($"nint {_values.Apart(i)} = row.Apart({i});");
            if (_values.HasStep(i)) _code.Line($"nint {_values.Step(i)} = _rows{_suffix}.ColumnStride({i});");
        }

        for (int k = 0; k < _passes.All.Count; k++)
        {
            Pass pass = _passes.All[k];
            if (pass.Values.Count == 0 && pass.Folds.Count == 0 && pass.Stores.Count == 0) continue;
            string name = _passes.All.Count == 1 ? $"Columns{_suffix}" : $"Columns{_suffix}Pass{k + 1}";
            Operand[] operands = [.. Operands(pass)];
            foreach (Fold fold in pass.Folds)
            {
                _code.Line($"double* {_values.Total(fold)} = stackalloc double[TSimd.Places];");
                EachPlace($"{_values.Total(fold)}[k] = {Empty(fold)};");
            }

            _code.Line($"{name}<TSimd, TVector>(0, row.Whole, {string.Join(", ", operands.Select(operand => operand.Argument))});");
            _code.Line($"for (int k = 0; k < row.Rests; k++) {name}Rest(row.Done, row.Columns, {string.Join(", ", operands.Select(operand => operand.OfPlace))});");
            foreach (Fold fold in pass.Folds) _code.Line($"row.Complete(ReduceOperator.{fold.Operator}, {_values.Total(fold)});");
            methods.Add(() => PassMethod(name, pass, operands));
        }

        foreach (Store store in _nest.Stores)
        {
            if (!_nest.IsRowwise(store.Access)) continue;
            Number(store.Value);
            if (_values.IsApart(store.Access)) EachPlace($"{_values.Pointer(store.Access)}[k * {_values.Apart(store.Access)}] = {_values.NumberName(store.Value)};");
            else _code.Line($"*{_values.Pointer(store.Access)} = {_values.Name(store.Value)}{(_values.Varies(store.Value) ? "[0]" : "")};");
        }
    }

    private void EachPlace(string statement) => _code.Line($"for (int k = 0; k < TSimd.Places; k++) {statement}");

    /// <param name="Type">In the pass.</param>
    /// <param name="Name">Likewise.</param>
    /// <param name="Argument">What the row hands over.</param>
    /// <param name="OfPlace">The same of place k alone.</param>
    /// <param name="IsNumber">Whether it is a number of the row, which the pass repeats in all lanes under the argument's name.</param>
    private sealed record Operand(string Type, string Name, string Argument, string OfPlace, bool IsNumber = false)
    {
        public string Parameter => $"{Type} {Name}";
    }

    // What a pass is handed: its operands' rows and their steps, buffers, numbers of the row, totals.
    private IEnumerable<Operand> Operands(Pass pass)
    {
        SortedSet<int> accesses = [.. pass.Stores.Select(store => store.Access)];
        var numbers = new List<Expr>();
        foreach (Expr value in pass.Values.Concat(pass.Folds).Concat(pass.Stores.Select(store => store.Value)))
        {
            if (value is Load load && !_passes.IsRowwise(value)) accesses.Add(load.Access);
            if (_passes.Kept.Contains(value) && !pass.Kept.Contains(value)) continue;
            foreach (Expr number in (pass.Stores.Exists(store => store.Value == value) ? value.Operands.Append(value) : value.Operands).Where(_passes.IsRowwise))
                if (number is not Fold fold || !pass.Folds.Contains(fold)) if (!numbers.Contains(number)) numbers.Add(number);
        }

        foreach (int access in accesses)
        {
            (string pointer, string apart) = (_values.Pointer(access), _values.Apart(access));
            bool isApart = _values.IsApart(access);
            yield return new Operand("float*", pointer, pointer, isApart ? $"{pointer} + k * {apart}" : pointer);
            if (isApart) yield return new Operand("nint", apart, apart, "0");
            if (_values.HasStep(access)) yield return new Operand("nint", _values.Step(access), _values.Step(access), _values.Step(access));
        }

        foreach (Expr kept in _passes.Kept.Where(pass.Values.Contains))
        {
            string buffer = $"kept + {_passes.Kept.IndexOf(kept)} * TSimd.Places * row.Columns";
            yield return new Operand("float*", $"kept{_values.Name(kept)}", buffer, $"{buffer} + k * row.ApartInBuffer");
        }

        if (_passes.Kept.Exists(pass.Values.Contains)) yield return new Operand("nint", "keptApart", "row.ApartInBuffer", "0");
        foreach (Expr number in numbers)
        {
            Number(number);
            string name = _values.Name(number);
            yield return _values.Varies(number) ? new Operand("float*", $"{name}Row", name, $"{name} + k", IsNumber: true) : new Operand("float", $"{name}Row", name, name, IsNumber: true);
        }

        foreach (Fold fold in pass.Folds) yield return new Operand("double*", _values.Total(fold), _values.Total(fold), $"{_values.Total(fold)} + k");
    }

    // Declares a number of the row, and before it what it is computed from.
    private void Number(Expr expr)
    {
        if (!_numbers.Add(expr)) return;
        if (expr is not Fold)
            foreach (Expr operand in expr.Operands) Number(operand);
        if (_values.Varies(expr))
        {
            _code.Line($"float* {_values.Name(expr)} = stackalloc float[TSimd.Places];");
            EachPlace($"{_values.Name(expr)}[k] = {_values.Number(expr)};");
        }
        else
        {
            _code.Line($"float {_values.Name(expr)} = {_values.Number(expr)};");
        }
    }

    // Columns that fill no vector have a method of their own, which the JIT compiles where there are any.
    private void PassMethod(string name, Pass pass, Operand[] operands)
    {
        string parameters = string.Join(", ", operands.Select(operand => operand.Parameter));
        _code.Line();
        _code.Line(KernelFile.Rest);
        _code.Line($"private static void {name}Rest(nint start, nint end, {parameters}) => {name}<SimdScalar, float>(start, end, {string.Join(", ", operands.Select(operand => operand.Name))});");
        _code.Line();
        _code.Line("[MethodImpl(MethodImplOptions.AggressiveInlining)]");
        _code.Block($"private static void {name}<TSimd, TVector>(nint start, nint end, {parameters}) {KernelFile.Constraints}", () =>
        {
            foreach (Operand operand in operands.Where(operand => operand.IsNumber))
                _code.Line($"TVector {operand.Argument} = TSimd.Broadcast({operand.Name});");
            if (pass.Folds.Count == 0)
            {
                _code.Block("for (nint i = start; i < end; i += TSimd.Count / TSimd.Places)", () => Columns(pass));
                return;
            }

            _code.Block("for (nint i = start; i < end;)", () =>
            {
                _code.Line("nint stop = nint.Min(end, i + Lanes.Run * TSimd.Count / TSimd.Places);");
                foreach (Fold fold in pass.Folds) _code.Line($"TVector {_values.Name(fold)} = {EmptyLanes(fold)};");
                _code.Block("for (; i < stop; i += TSimd.Count / TSimd.Places)", () => Columns(pass));
                foreach (Fold fold in pass.Folds) _code.Line(AddLanes(fold));
            });
        });
    }

    private void Columns(Pass pass)
    {
        foreach (int access in pass.Values.OfType<Load>().Select(load => load.Access).Where(access => _values.IsStream(access) && _values.IsApart(access) && _asked.Add(access)))
            _code.Line($"TSimd.Prefetch({_values.Pointer(access)} + i + CacheLines.AheadEach, {_values.Apart(access)});");
        foreach (Expr value in pass.Values)
        {
            bool kept = _passes.Kept.Contains(value);
            string from = kept && !pass.Kept.Contains(value) ? $"TSimd.Load(kept{_values.Name(value)} + i, keptApart)" : _values.Vector(value, "i");
            _code.Line($"TVector {_values.Name(value)} = {from};");
            if (pass.Kept.Contains(value)) _code.Line($"TSimd.Store(kept{_values.Name(value)} + i, keptApart, {_values.Name(value)});");
        }

        foreach (Fold fold in pass.Folds) _code.Line($"{_values.Name(fold)} = TSimd.{Combine(fold)}({_values.Name(fold)}, {_values.Name(fold.Operands[0])});");
        foreach (Store store in pass.Stores) _code.Line(_values.StoreAt(store.Access, "i", _values.Name(store.Value)));
    }

    private static string Combine(Fold fold) => fold.Operator switch
    {
        ReduceOperator.Sum or ReduceOperator.Mean => "Add",
        ReduceOperator.Max => "Max",
        ReduceOperator.Min => "Min",
    };

    private static string Empty(Fold fold) => fold.Operator switch
    {
        ReduceOperator.Sum or ReduceOperator.Mean => "0",
        ReduceOperator.Max => "double.NegativeInfinity",
        ReduceOperator.Min => "double.PositiveInfinity",
    };

    private static string EmptyLanes(Fold fold) => fold.Operator switch
    {
        ReduceOperator.Sum or ReduceOperator.Mean => "TSimd.Zero",
        ReduceOperator.Max => "TSimd.Broadcast(float.NegativeInfinity)",
        ReduceOperator.Min => "TSimd.Broadcast(float.PositiveInfinity)",
    };

    private string AddLanes(Fold fold)
    {
        string method = fold.Operator is ReduceOperator.Mean ? nameof(Lanes.Sum) : fold.Operator.ToString();
        return $"Lanes.{method}<TSimd, TVector>({_values.Name(fold)}, {_values.Total(fold)});";
    }
}
