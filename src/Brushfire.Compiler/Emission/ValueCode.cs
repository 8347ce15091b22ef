// Names and statements for the values of one nest: each becomes a local, named after what it is. Values that are the same for all
// columns are numbers at the level of the row, the others vectors.

using System.Globalization;
using Brushfire.Compiler.Loops;
using Brushfire.Kernels;

namespace Brushfire.Compiler.Emission;

internal sealed class ValueCode
{
    private readonly LoopNest _nest;
    private readonly Dictionary<Expr, string> _names = [];
    private readonly string[] _accessNames;
    private readonly int _handed;
    private readonly bool _places;

    /// <param name="handed">The access whose value is handed over by the caller, if there is one.</param>
    /// <param name="places">Whether rows are done at several places at once: operands lie apart, and a row's numbers are one for each place.</param>
    public ValueCode(LoopNest nest, int handed = -1, bool places = false)
    {
        (_nest, _handed, _places) = (nest, handed, places);

        // x0, and where the same operand is read at several places x0b, x0c, … x0z, x0_27.
        _accessNames = [.. nest.Accesses.Select((access, i) =>
        {
            int before = nest.Accesses.Take(i).Count(other => other.Pointer == access.Pointer);
            return before == 0 ? access.Name : before < 26 ? $"{access.Name}{(char)('a' + before)}" : $"{access.Name}_{before + 1}";
        })];
    }

    public string Pointer(int access) => _accessNames[access];

    public bool IsHanded(Expr expr) => expr is Handed || (expr is Load load && load.Access == _handed);

    /// <summary>The local that holds a value; made at first use.</summary>
    public string Name(Expr expr)
    {
        if (_names.TryGetValue(expr, out string? known)) return known;
        string name = expr switch
        {
            Handed { Half: 1 } => "handedHalf",
            _ when IsHanded(expr) => "handed",
            Load load => $"{_accessNames[load.Access]}Value",
            Loops.Number => $"constant{_names.Count}",
            UnaryExpr unary => $"{Camel(unary.Operator.ToString())}{_names.Count}",
            BinaryExpr binary => $"{Camel(binary.Operator.ToString())}{_names.Count}",
            Fold fold => $"row{fold.Operator}{_names.Count}",
            _ => throw new ArgumentOutOfRangeException(nameof(expr), expr, "no such value"),
        };
        return _names[expr] = name;
    }

    /// <summary>The right side of a vector's declaration, at column <paramref name="column"/> of the operands.</summary>
    public string Vector(Expr expr, string column) => expr switch
    {
        Load load => LoadAt(load.Access, column),
        UnaryExpr unary => $"{ScalarOperators.Of(unary.Operator).StructName}.Invoke<TSimd, TVector>({Name(unary.Operands[0])})",
        BinaryExpr binary => $"{ScalarOperators.Of(binary.Operator).StructName}.Invoke<TSimd, TVector>({Name(binary.Operands[0])}, {Name(binary.Operands[1])})",
        _ => throw new ArgumentOutOfRangeException(nameof(expr), expr, "no value of a column"),
    };

    /// <summary>The same where numbers of the row were not declared before: they are repeated in all lanes.</summary>
    public string VectorOrBroadcast(Expr expr, string column) => expr switch
    {
        Load load when _nest.IsRowwise(load.Access) => $"TSimd.Broadcast({Number(expr)})",
        Loops.Number => $"TSimd.Broadcast({Number(expr)})",
        _ => Vector(expr, column),
    };

    /// <summary>What computes a number.</summary>
    public string Number(Expr expr) => expr switch
    {
        Load load => IsApart(load.Access) ? $"{Pointer(load.Access)}[k * {Apart(load.Access)}]" : $"*{Pointer(load.Access)}",
        Loops.Number number => Literal(number.Value),
        UnaryExpr unary => $"{ScalarOperators.Of(unary.Operator).StructName}.Invoke<SimdScalar, float>({NumberName(unary.Operands[0])})",
        BinaryExpr binary => $"{ScalarOperators.Of(binary.Operator).StructName}.Invoke<SimdScalar, float>({NumberName(binary.Operands[0])}, {NumberName(binary.Operands[1])})",
        Fold { Operator: ReduceOperator.Mean } => $"(float)({Total(expr)}[k] / row.Columns)",
        Fold => $"(float){Total(expr)}[k]",
        _ => throw new ArgumentOutOfRangeException(nameof(expr), expr, "no value of a row"),
    };

    /// <summary>A number of place k.</summary>
    public string NumberName(Expr expr) => Varies(expr) ? $"{Name(expr)}[k]" : Name(expr);

    /// <summary>Whether a number of the row may be another one at each place.</summary>
    public bool Varies(Expr expr) => expr switch
    {
        Load load => IsApart(load.Access),
        Fold => true,
        _ => expr.Operands.Any(Varies),
    };

    /// <summary>Where a fold is added up, in float64, for each place.</summary>
    public string Total(Expr fold) => $"{Name(fold)}Total";

    public string StoreAt(int access, string column, string value) => IsStream(access)
        ? $"TSimd.Store({Pointer(access)} + {column}{(_places ? $", {Apart(access)}" : "")}, {value});"
        : $"Lanes.Store<TSimd, TVector>({Pointer(access)} + {column} * {Step(access)}, {Step(access)}, {Apart(access)}, {value});";

    /// <summary>The distance between an operand's places.</summary>
    public string Apart(int access) => IsApart(access) ? $"{Pointer(access)}Apart" : "0";

    /// <summary>Whether an operand has a place of its own for each row that is done together, or stretch of columns where there is one row.</summary>
    public bool IsApart(int access) => _places && _nest.Accesses[access].Index[Math.Max(0, _nest.Rank - 1)] != 0;

    /// <summary>The name of an operand's stride along the columns, where that is neither 0 nor 1.</summary>
    public string Step(int access) => $"{Pointer(access)}Step";

    public bool HasStep(int access) => ColumnStride(access) is not (0 or 1);

    /// <summary>Whether an access walks through memory, element after element.</summary>
    public bool IsStream(int access) => ColumnStride(access) == 1;

    public static string Literal(float value) => value switch
    {
        float.PositiveInfinity => "float.PositiveInfinity",
        float.NegativeInfinity => "float.NegativeInfinity",
        _ => float.IsNaN(value) ? "float.NaN" : value.ToString("R", CultureInfo.InvariantCulture) + "f",
    };

    private string LoadAt(int access, string column) => IsStream(access)
        ? $"TSimd.Load({Pointer(access)} + {column}{(_places ? $", {Apart(access)}" : "")})"
        : $"Lanes.Load<TSimd, TVector>({Pointer(access)} + {column} * {Step(access)}, {Step(access)}, {Apart(access)})";

    private long ColumnStride(int access) => _nest.Accesses[access].Index[^1];

    private static string Camel(string name) => char.ToLowerInvariant(name[0]) + name[1..];
}
