// The structs that a generated product hands to the hand-made one.

using Brushfire.Compiler.Loops;

namespace Brushfire.Compiler.Emission;

internal static class HookCode
{
    /// <summary>Maps a stretch of a row of input 0: where the row's operands lie is found once, the rest is done for each vector.</summary>
    public static void Prologue(Code code, Factor factor)
    {
        (LoopNest nest, ValueCode names) = (factor.Hook, factor.Names);
        int first = Enumerable.Range(0, nest.Accesses.Length).FirstOrDefault(factor.ChangesWithRow, -1);
        code.Line();
        code.Block("private readonly struct Prologue(void** pointers, RowNest rows, nint batchRows) : IPrologue", () =>
        {
            for (int i = 0; i < nest.Accesses.Length; i++)
            {
                code.Line($"private readonly float* {Field(names.Pointer(factor.Others[i]))} = (float*)pointers[{nest.Accesses[i].Pointer}] + rows.Start({i});");
                if (names.HasStep(factor.Others[i])) code.Line($"private readonly nint {Field(names.Step(factor.Others[i]))} = rows.ColumnStride({i});");
            }

            code.Line();
            code.Block($"public void Apply<TSimd, TVector>(float* source, int count, int batch, nint row, int column, float* destination) {KernelFile.Constraints}", () =>
            {
                if (first >= 0) code.Line($"nint offset = rows.Offset(batch * batchRows + row, {first});");
                string offset = first < 0 ? "0" : "offset";
                code.Line("int c = 0;");
                code.Line($"for (; c + TSimd.Count <= count; c += TSimd.Count) TSimd.Store(destination + c, Map<TSimd, TVector>(TSimd.Load(source + c), {offset}, column + c));");
                code.Line($"if (c < count) Rest(source + c, count - c, {offset}, column + c, destination + c);");
            });
            code.Line();
            code.Line(KernelFile.Rest);
            code.Block("private void Rest(float* source, int count, nint offset, int column, float* destination)", () =>
                code.Line("for (int c = 0; c < count; c++) destination[c] = Map<SimdScalar, float>(source[c], offset, column + c);"));
            code.Line();
            code.Line("[MethodImpl(MethodImplOptions.AggressiveInlining)]");
            code.Block($"private TVector Map<TSimd, TVector>(TVector handed, nint offset, int column) {KernelFile.Constraints}", () =>
            {
                for (int i = 0; i < nest.Accesses.Length; i++)
                {
                    string name = names.Pointer(factor.Others[i]);
                    code.Line($"float* {name} = {Field(name)}{(factor.ChangesWithRow(i) ? " + offset" : "")};");
                    if (names.HasStep(factor.Others[i])) code.Line($"nint {names.Step(factor.Others[i])} = {Field(names.Step(factor.Others[i]))};");
                }

                foreach (Expr value in InOrder([factor.Value]))
                    if (!names.IsHanded(value)) code.Line($"TVector {names.Name(value)} = {names.VectorOrBroadcast(value, "column")};");
                code.Line($"return {names.Name(factor.Value)};");
            });
        });
    }

    /// <summary>
    /// Maps tiles, a vector of columns at a time: what is the same for neighbouring rows is done once, the rest in a loop over the rows.
    /// A tile whose rows reach over the end of a dimension (an image's last pixel) is done in several runs.
    /// </summary>
    public static void Epilogue(Code code, LoopNest nest)
    {
        var names = new ValueCode(nest);
        code.Line();
        code.Block("private readonly struct Epilogue(void** pointers, RowNest rows, nint batchRows) : IEpilogue", () =>
        {
            code.Line("private readonly void** _pointers = pointers;");
            code.Line("private readonly RowNest _rows = rows;");
            code.Line("private readonly nint _batchRows = batchRows;");
            code.Line("private readonly bool _exceedsCaches = rows.ExceedsCaches;");
            code.Line();
            code.Block("public void Prefetch(int batch, nint row, int column, int rows, int columns)", () =>
            {
                code.Line($"nint* at = stackalloc nint[{nest.Accesses.Length}];");
                code.Block("for (RowCursor cursor = _rows.At(batch * _batchRows + row, rows, at); cursor.Rows > 0; cursor.Next(cursor.Run))", () =>
                {
                    for (int i = 0; i < nest.Accesses.Length; i++)
                        if (!IsSteady(nest, i) && !names.HasStep(i)) code.Line($"{(IsPast(nest, names, i) ? "if (!_exceedsCaches) " : "")}CacheLines.Prefetch((float*)_pointers[{nest.Accesses[i].Pointer}] + at[{i}] + column, _rows.RowStride({i}), cursor.Run, columns);");
                });
            });
            code.Line();
            code.Block($"public void Store<TSimd, TVector>(float* tile, nint tileStride, int batch, nint row, int column, int rows, int columns) {KernelFile.Constraints}", () =>
            {
                code.Line($"nint* at = stackalloc nint[{nest.Accesses.Length}];");
                code.Line("int whole = column + columns - columns % TSimd.Count, end = column + columns;");
                code.Block("for (RowCursor cursor = _rows.At(batch * _batchRows + row, rows, at); cursor.Rows > 0;)", () =>
                {
                    code.Line("nint run = cursor.Run;");
                    code.Line("for (int c = column; c < whole; c += TSimd.Count) Columns<TSimd, TVector>(tile + c - column, tileStride, c, run, at);");
                    code.Line("if (whole < end) Rest(tile + whole - column, tileStride, whole, end, run, at);");
                    code.Line("tile += run * tileStride;");
                    code.Line("cursor.Next(run);");
                });
            });
            code.Line();
            code.Line(KernelFile.Rest);
            code.Block("private void Rest(float* tile, nint tileStride, int column, int end, nint rows, nint* at)", () =>
                code.Line("for (; column < end; column++, tile++) Columns<SimdScalar, float>(tile, tileStride, column, rows, at);"));
            code.Line();
            code.Line("[MethodImpl(MethodImplOptions.AggressiveInlining)]");
            code.Block($"private void Columns<TSimd, TVector>(float* tile, nint tileStride, int column, nint rows, nint* at) {KernelFile.Constraints}", () => Columns(code, nest, names));
        });
    }

    private static void Columns(Code code, LoopNest nest, ValueCode names)
    {
        bool Steady(Expr value) => value switch
        {
            Load load => IsSteady(nest, load.Access),
            Handed => false,
            _ => value.Operands.All(Steady),
        };
        Expr[] values = InOrder(nest.Stores.Select(store => store.Value));
        for (int i = 0; i < nest.Accesses.Length; i++)
        {
            code.Line($"float* {names.Pointer(i)} = (float*)_pointers[{nest.Accesses[i].Pointer}] + at[{i}];");
            if (names.HasStep(i)) code.Line($"nint {names.Step(i)} = _rows.ColumnStride({i});");
            if (!IsSteady(nest, i)) code.Line($"nint {names.Pointer(i)}Row = _rows.RowStride({i});");
        }

        foreach (int access in nest.Stores.Select(store => store.Access).Where(access => IsPast(nest, names, access)))
            code.Line($"bool {names.Pointer(access)}Past = _exceedsCaches && CacheLines.AreAligned<TSimd, TVector>({names.Pointer(access)} + column, {names.Pointer(access)}Row);");
        foreach (Expr value in values.Where(Steady)) code.Line($"TVector {names.Name(value)} = {names.VectorOrBroadcast(value, "column")};");
        code.Block("for (; rows > 0; rows--)", () =>
        {
            foreach (Expr value in values.Where(value => !Steady(value)))
                code.Line($"TVector {names.Name(value)} = {(value is Handed handed ? $"TSimd.Load(tile{(handed.Half == 0 ? "" : " + tileStride / 2")})" : names.VectorOrBroadcast(value, "column"))};");
            foreach (Store store in nest.Stores)
            {
                bool past = IsPast(nest, names, store.Access);
                if (past) code.Line($"if ({names.Pointer(store.Access)}Past) TSimd.StoreNonTemporal({names.Pointer(store.Access)} + column, 0, {names.Name(store.Value)});");
                code.Line($"{(past ? "else " : "")}{names.StoreAt(store.Access, "column", names.Name(store.Value))}");
            }

            code.Line("tile += tileStride;");
            for (int i = 0; i < nest.Accesses.Length; i++)
                if (!IsSteady(nest, i)) code.Line($"{names.Pointer(i)} += {names.Pointer(i)}Row;");
        });
    }

    // Whether an operand stays where it is from a row to the next. Outputs never do, whatever the number of rows.
    private static bool IsSteady(LoopNest nest, int access) =>
        nest.Sizes.Length > 1 ? nest.Accesses[access].Index[^2] == 0 : nest.Stores.All(store => store.Access != access);

    // Whether an access is an output that is written past the caches where it is large.
    private static bool IsPast(LoopNest nest, ValueCode names, int access) => names.IsStream(access) && nest.Stores.Any(store => store.Access == access);

    private static string Field(string name) => $"_{name}";

    // All parts, operands first, each once.
    private static Expr[] InOrder(IEnumerable<Expr> roots)
    {
        var order = new List<Expr>();
        foreach (Expr root in roots) Visit(root);
        return [.. order];

        void Visit(Expr value)
        {
            if (order.Contains(value)) return;
            foreach (Expr operand in value.Operands) Visit(operand);
            order.Add(value);
        }
    }
}
