// Before and after texts of passes. Simplify.md and the others explain each rule with a graph before and the graph after;
// here the pass is applied, the text compared, and both graphs are run on the same inputs.

using Brushfire.Compiler.Graphs;
using Brushfire.Compiler.Passes;
using Brushfire.Tensors;
using Brushfire.Tests.Compiler.Graphs;
using Brushfire.Tests.Laws;

namespace Brushfire.Tests.Compiler.Passes;

public sealed class PassTexts
{
    private static readonly Dictionary<string, Func<Graph, Graph>> s_passes = new(StringComparer.Ordinal)
    {
        ["FoldConstants"] = FoldConstants.Run,
        ["Simplify"] = Simplify.Run,
        ["Decompose"] = Decompose.Run,
        ["FindAttention"] = graph => Simplify.Run(FindAttention.Run(Simplify.Run(graph))),
        ["MergeEqual"] = MergeEqual.Run,
        ["JoinLinears"] = JoinLinears.Run,
    };

    public static TheoryData<string, string> Rules { get; } = [.. s_passes.Keys.SelectMany(pass => Sections(pass).Select(section => (pass, section.Title)))];

    [Theory]
    [MemberData(nameof(Rules))]
    public void The_pass_does_what_its_text_says(string pass, string rule)
    {
        using var scope = new TensorScope();
        (_, string before, string after) = Sections(pass).Single(section => section.Title == rule);
        Graph graph = GraphSamples.Parse(before), result = s_passes[pass](graph);
        GraphVerifier.Verify(result, pass);
        Assert.Equal(Normal(after), Normal(result.ToString()));
        Same(graph, result, rule);
    }

    /// <summary>Fails unless both graphs give about the same on the same inputs.</summary>
    internal static void Same(Graph expected, Graph actual, string what, double tolerance = 1e-5)
    {
        Tensor[] inputs = GraphSamples.Inputs(expected);
        foreach ((Tensor before, Tensor after) in GraphInterpreter.Run(expected, inputs).Zip(GraphInterpreter.Run(actual, inputs)))
        {
            Assert.Equal(before.Spec, after.Spec);
            Close.Relative(before.ToArray(), after.ToArray(), tolerance, what);
        }
    }

    private static string Normal(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    // A section is a heading, words, and two blocks of graph text.
    private static IEnumerable<(string Title, string Before, string After)> Sections(string pass)
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "tests/Brushfire.Tests/Compiler/Passes", $"{pass}.md"));
        foreach (string section in text.Split("\n## ").Skip(1))
        {
            string[] blocks = section.Split("```");
            Assert.True(blocks.Length == 5, $"{pass}.md: '{section.Split('\n')[0]}' needs a graph before and a graph after.");
            yield return (section.Split('\n')[0].Trim(), blocks[1], blocks[3]);
        }
    }
}
