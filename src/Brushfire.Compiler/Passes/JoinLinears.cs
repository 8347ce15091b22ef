// Joins linear layers of one input into one, whose result is then sliced: queries, keys and values of an attention, the
// keys and values of all cross-attentions, the time embedding's projections. One large product is faster than several
// small ones, and reads its input once. The joined weight is a parameter like any other: loaded and packed at first use.

using System.Runtime.CompilerServices;
using Brushfire.Compiler.Graphs;
using Brushfire.Tensors;
using Brushfire.Tensors.Execution;
using Brushfire.Tensors.Ops;

namespace Brushfire.Compiler.Passes;

internal static class JoinLinears
{
    public static Graph Run(Graph graph)
    {
        var groups = new Dictionary<Node, Group>();
        foreach (var members in graph.Nodes.Where(IsJoinable).GroupBy(node => new Kind(node.Inputs[0], node.Op, node.Inputs.Length)).Where(members => members.Count() > 1))
        {
            var group = new Group([.. members]);
            foreach (Node member in members) groups.Add(member, group);
        }

        return graph.Rewrite((builder, node, original) => groups.TryGetValue(original, out Group? group) ? group.Part(builder, node, original) : node);
    }

    // A weight with other users would have to be kept twice.
    private static bool IsJoinable(Node node) => node.Op is Linear && node.Inputs.Skip(1).All(input => input is { Op: Weight, Users.Count: 1 });

    private sealed record Kind(Node Input, Op Op, int Inputs);

    private sealed class Group(Node[] members)
    {
        private Node? _joined;

        public Node Part(GraphBuilder builder, Node node, Node original)
        {
            _joined ??= builder.Add(node.Op, [node.Inputs[0], .. Enumerable.Range(1, node.Inputs.Length - 1).Select(i => Joined(builder, i))]);
            int start = members.TakeWhile(member => member != original).Sum(member => member.Shape[^1]);
            return builder.Add(new Slice(node.Shape.Rank - 1, start, node.Shape[^1]), _joined);
        }

        private Node Joined(GraphBuilder builder, int input) => builder.Add(JoinedWeights.Of([.. members.Select(member => (Weight)member.Inputs[input].Op)]));
    }
}

/// <summary>Parameters made of others, by the memory of these: a recompilation, or another graph, gets the same one.</summary>
internal static class JoinedWeights
{
    private static readonly ConditionalWeakTable<Storage, List<(IReadOnlyList<Weight> Parts, Tensor Joined)>> s_joined = [];

    /// <summary>The parts one after the other along their first axis. Their values are read when the joined ones are.</summary>
    public static Weight Of(IReadOnlyList<Weight> parts)
    {
        string key = Key([.. parts.Select(part => part.Key)]);
        Tensor[] values = [.. parts.Select(part => part.Value)];
        List<(IReadOnlyList<Weight> Parts, Tensor Joined)> known = s_joined.GetOrCreateValue(values[0].Storage);
        lock (known)
        {
            foreach ((IReadOnlyList<Weight> others, Tensor joined) in known)
                if (others.SequenceEqual(parts)) return new Weight(key, joined);
            Tensor made = Parameter.Create(key, values[0].Shape.With(0, values.Sum(value => value.Shape[0])), () => Load(values));
            known.Add((parts, made));
            return new Weight(key, made);
        }
    }

    private static Tensor Load(Tensor[] parts)
    {
        using IDisposable eager = Executor.Use(EagerExecutor.Instance);
        Tensor[] values = [.. parts.Select(Parameter.Values)];
        Tensor joined = Tensor.Concatenate(0, values);
        foreach (Tensor value in values) value.Dispose();
        return joined;
    }

    // attn1.{to_q,to_k,to_v}.weight
    private static string Key(string[] keys)
    {
        string[][] names = [.. keys.Select(key => key.Split('.'))];
        int shortest = names.Min(name => name.Length) - 1;
        int head = Enumerable.Range(0, shortest).TakeWhile(i => names.All(name => name[i] == names[0][i])).Count();
        int tail = Enumerable.Range(1, shortest - head).TakeWhile(i => names.All(name => name[^i] == names[0][^i])).Count();
        string middle = $"{{{string.Join(',', names.Select(name => string.Join('.', name[head..^tail])))}}}";
        return string.Join('.', [.. names[0][..head], middle, .. names[0][^tail..]]);
    }
}
