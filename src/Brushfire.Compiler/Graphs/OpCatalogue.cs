// Every op by its name in graph texts: how many inputs it takes, which attributes are printed, and how the op is made of them
// again. One line an op.

using Brushfire.Tensors;
using Brushfire.Tensors.Ops;
using BinaryOperator = Brushfire.Kernels.BinaryOperator;
using ReduceOperator = Brushfire.Kernels.ReduceOperator;
using UnaryOperator = Brushfire.Kernels.UnaryOperator;

namespace Brushfire.Compiler.Graphs;

internal static class OpCatalogue
{
    private static readonly Dictionary<string, Form> s_forms = new(StringComparer.Ordinal);

    static OpCatalogue()
    {
        foreach (UnaryOperator operation in Enum.GetValues<UnaryOperator>()) Add<Unary>(new Unary(operation).Name, (1, 1), _ => [], _ => new Unary(operation));
        foreach (BinaryOperator operation in Enum.GetValues<BinaryOperator>()) Add<Binary>(new Binary(operation).Name, (2, 2), _ => [], _ => new Binary(operation));
        foreach (ReduceOperator operation in Enum.GetValues<ReduceOperator>()) Add<Reduce>(new Reduce(operation, 0).Name, (1, 1), op => [("axis", op.Axis)], a => new Reduce(operation, a.Int("axis")));
        Add<Cast>("cast", (1, 1), op => [("to", op.DType)], a => new Cast(a.DType("to")));
        Add<Softmax>("softmax", (1, 1), _ => [], _ => new Softmax());
        Add<LayerNorm>("layer_norm", (3, 3), op => [("epsilon", op.Epsilon)], a => new LayerNorm(a.Float("epsilon")));
        Add<GroupNorm>("group_norm", (3, 3), op => [("groups", op.Groups), ("epsilon", op.Epsilon), .. op.Activation is { } activation ? [("activation", activation)] : Array.Empty<(string, object)>()], a => new GroupNorm(a.Int("groups"), a.Float("epsilon"), a.Function("activation")));
        Add<GroupNormStatistics>("group_norm_statistics", (3, 3), op => [("groups", op.Groups), ("epsilon", op.Epsilon)], a => new GroupNormStatistics(a.Int("groups"), a.Float("epsilon")));
        Add<LayerNormStatistics>("layer_norm_statistics", (1, 1), op => [("epsilon", op.Epsilon)], a => new LayerNormStatistics(a.Float("epsilon")));
        Add<Reshape>("reshape", (1, 1), op => [("shape", op.Shape)], a => new Reshape(a.Shape("shape")));
        Add<Permute>("permute", (1, 1), op => [("order", op.Order)], a => new Permute(a.Axes("order")));
        Add<Slice>("slice", (1, 1), op => [("axis", op.Axis), ("start", op.Start), ("length", op.Length)], a => new Slice(a.Int("axis"), a.Int("start"), a.Int("length")));
        Add<Expand>("expand", (1, 1), op => [("shape", op.Shape)], a => new Expand(a.Shape("shape")));
        Add<AsStrided>("as_strided", (1, 1), op => [("shape", op.Shape), ("strides", op.Strides), ("offset", op.Offset)], a => new AsStrided(a.Shape("shape"), a.Strides("strides"), a.Long("offset")));
        Add<Copy>("copy", (1, 1), _ => [], _ => new Copy());
        Add<Concatenate>("concatenate", (1, int.MaxValue), op => [("axis", op.Axis)], a => new Concatenate(a.Int("axis")));
        Add<UpsampleNearest>("upsample_nearest", (1, 1), op => [("factor", op.Factor)], a => new UpsampleNearest(a.Int("factor")));
        Add<GatherRows>("gather_rows", (2, 2), _ => [], _ => new GatherRows());
        Add<MatMul>("matmul", (2, 2), op => WithPrecision(op.Precision), a => new MatMul { Precision = a.Precision() });
        Add<Linear>("linear", (2, 3), op => WithPrecision(op.Precision), a => new Linear { Precision = a.Precision() });
        Add<Conv2d>("conv2d", (2, 3), op => WithPrecision(op.Precision, ("stride", op.Stride), ("pad", op.Padding)), a => new Conv2d(a.Int("stride"), a.Padding("pad")) { Precision = a.Precision() });
        Add<ScaledDotProductAttention>("scaled_dot_product_attention", (3, 4), op => WithPrecision(op.Precision, ("causal", op.Causal), ("scale", op.Scale)), a => new ScaledDotProductAttention(a.Bool("causal"), a.Float("scale")) { Precision = a.Precision() });
    }

    public static IReadOnlyCollection<string> Names => s_forms.Keys;
    public static IEnumerable<Type> Records => s_forms.Values.Select(form => form.Record);

    /// <summary>An op's attributes, printed: " stride=1 pad=1", or nothing.</summary>
    public static string Print(Op op) => s_forms.TryGetValue(op.Name, out Form? form) && form.Record == op.GetType()
        ? string.Concat(form.Print(op).Select(attribute => $" {attribute.Name}={Attributes.Print(attribute.Value)}"))
        : throw new BrushfireException($"The op '{op.Name}' ({op.GetType().Name}) has no line in {nameof(OpCatalogue)}.");

    /// <summary>The op of that name and attributes.</summary>
    /// <exception cref="BrushfireException">There is no such op, an attribute is missing, unknown, or no value of its kind.</exception>
    public static Op Parse(string name, IReadOnlyDictionary<string, string> attributes)
    {
        Form form = FormOf(name);
        var values = new Attributes(name, attributes);
        Op op = form.Parse(values);
        values.RequireAllRead();
        return op;
    }

    /// <summary>Refuses a number of inputs that an op does not take.</summary>
    /// <exception cref="BrushfireException">It takes more, or fewer.</exception>
    public static void RequireInputs(string name, int count)
    {
        (int least, int most) = FormOf(name).Inputs;
        if (count < least || count > most) throw new BrushfireException($"{name} takes {least}{(most == least ? "" : most == int.MaxValue ? " or more" : $" or {most}")} {(most == 1 ? "input" : "inputs")}, not {count}.");
    }

    private static Form FormOf(string name) =>
        s_forms.TryGetValue(name, out Form? form) ? form : throw new BrushfireException($"There is no op '{name}'; the ops are {string.Join(", ", Names.Order(StringComparer.Ordinal))}.");

    // The precision is printed where it is not f32.
    private static (string Name, object Value)[] WithPrecision(DType precision, params (string, object)[] others) =>
        precision == DType.Float32 ? others : [.. others, (Attributes.PrecisionName, precision)];

    private static void Add<TOp>(string name, (int Least, int Most) inputs, Func<TOp, (string Name, object Value)[]> print, Func<Attributes, TOp> parse) where TOp : Op =>
        s_forms.Add(name, new Form(typeof(TOp), inputs, op => print((TOp)op), parse));

    private sealed record Form(Type Record, (int Least, int Most) Inputs, Func<Op, (string Name, object Value)[]> Print, Func<Attributes, Op> Parse);
}
