// Reads a graph's text back. Weights and long constants are only named in the text; the reader is asked for them.

using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Brushfire.Tensors;

namespace Brushfire.Compiler.Graphs;

/// <summary>The tensor behind a weight's key, or behind a long constant's "#hash"; of this spec.</summary>
internal delegate Tensor LeafValues(string key, TensorSpec spec);

internal sealed partial class GraphParser
{
    private readonly LeafValues _values;
    private readonly Dictionary<string, Node> _nodes = new(StringComparer.Ordinal);
    private readonly GraphBuilder _builder;

    private GraphParser(string name, LeafValues values) => (_builder, _values) = (new GraphBuilder(name), values);

    /// <summary>The graph that a text tells.</summary>
    /// <exception cref="BrushfireException">A line is none, names what is not there, or has another result than it says; told with its number.</exception>
    public static Graph Parse(string text, LeafValues values)
    {
        GraphParser? parser = null;
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line.StartsWith('#')) continue;
            try
            {
                if (parser is null) parser = Header(line, values);
                else if (line.StartsWith("return ", StringComparison.Ordinal)) return parser._builder.Build([.. parser.Inputs(line["return ".Length..])]);
                else parser.Add(line);
            }
            catch (BrushfireException exception)
            {
                throw new BrushfireException($"Line {i + 1} of the graph, '{line}': {exception.Message}", exception);
            }
        }

        throw new BrushfireException("The text of a graph must end in a line 'return %…'.");
    }

    private static GraphParser Header(string line, LeafValues values)
    {
        Match header = HeaderPattern().Match(line);
        if (!header.Success) throw new BrushfireException("a graph begins with 'graph name(%input: f32[2,3], …)'.");
        var parser = new GraphParser(header.Groups["name"].Value, values);
        foreach (Match input in InputPattern().Matches(header.Groups["inputs"].Value))
        {
            string name = input.Groups["name"].Value;
            parser.Define(name, parser._builder.Add(new Input(name[1..], Spec(input.Groups["spec"].Value))));
        }

        return parser;
    }

    private void Add(string line)
    {
        Match match = NodePattern().Match(line);
        if (!match.Success) throw new BrushfireException("a node is '%name: f32[2,3] = op(%input, …) attribute=value …'.");
        TensorSpec spec = Spec(match.Groups["spec"].Value);
        Node node = match.Groups["leaf"].Success
            ? _builder.Add(LeafOf(match.Groups["leaf"].Value, match.Groups["value"].Value, spec))
            : _builder.Add(OpCatalogue.Parse(match.Groups["op"].Value, AttributesOf(match.Groups["attributes"].Value)), InputsOf(match.Groups["op"].Value, match.Groups["inputs"].Value));
        if (node.Spec != spec) throw new BrushfireException($"the line says {spec}, but the result is {node.Spec}.");
        Define(match.Groups["name"].Value, node);
    }

    private Leaf LeafOf(string leaf, string value, TensorSpec spec) => (leaf, value.StartsWith('"')) switch
    {
        ("weight", true) => new Weight(value.Trim('"'), _values(value.Trim('"'), spec)),
        ("constant", true) => new Constant(_values(value.Trim('"'), spec)),
        ("constant", false) => new Constant(Numbers(value, spec)),
        _ => throw new BrushfireException("a weight is named by its key in quotation marks."),
    };

    private static Tensor Numbers(string text, TensorSpec spec)
    {
        try
        {
            return ConstantText.Parse(text, spec);
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            throw new BrushfireException($"'{text}' cannot be the values of {spec}.", exception);
        }
    }

    private ImmutableArray<Node> InputsOf(string op, string names)
    {
        ImmutableArray<Node> inputs = [.. Inputs(names)];
        OpCatalogue.RequireInputs(op, inputs.Length);
        return inputs;
    }

    private void Define(string name, Node node)
    {
        if (!_nodes.TryAdd(name, node)) throw new BrushfireException($"{name} is already another node.");
    }

    private IEnumerable<Node> Inputs(string names) => names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        .Select(name => _nodes.TryGetValue(name, out Node? node) ? node : throw new BrushfireException($"there is no {name} above."));

    private static Dictionary<string, string> AttributesOf(string text)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string[] parts in text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(attribute => attribute.Split('=', 2)))
            if (!attributes.TryAdd(parts[0], parts[1])) throw new BrushfireException($"the attribute '{parts[0]}' stands twice.");
        return attributes;
    }

    private static TensorSpec Spec(string text)
    {
        int bracket = text.IndexOf('[', StringComparison.Ordinal);
        try
        {
            return new TensorSpec(Attributes.DTypeOf(text[..bracket]), new Shape(Attributes.Integers(text[bracket..])));
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            throw new BrushfireException($"'{text}' is not a type and shape such as f32[2,3].", exception);
        }
    }

    [GeneratedRegex(@"^graph (?<name>[^\s(]+)\((?<inputs>.*)\)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HeaderPattern();

    [GeneratedRegex(@"(?<name>%[^\s,:]+): (?<spec>\w+\[[\d,]*\])", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex InputPattern();

    [GeneratedRegex(@"^(?<name>%[^\s,:]+): (?<spec>\w+\[[\d,]*\]) = ((?<leaf>weight|constant) (?<value>"".*""|\S+)|(?<op>\w+)\((?<inputs>[^)]*)\)(?<attributes>( \S+=\S+)*))$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NodePattern();
}
