// Places the values between kernels in one arena: each lives from the kernel that writes it to the last one that reads it,
// and values that do not live at the same time may share memory. Large values are placed first, each at the lowest
// offset that is free for its whole life.

using System.Text;
using Brushfire.Compiler.Graphs;

namespace Brushfire.Compiler.Scheduling;

/// <summary>A value's place: bytes [Offset, Offset + Bytes) of the arena, from group First to group Last.</summary>
internal sealed record Placement(Node Node, long Offset, long Bytes, int First, int Last);

/// <param name="Placements">By the written node; the graph's outputs are memory of their own and have none.</param>
/// <param name="Bytes">Of the arena.</param>
/// <param name="UnsharedBytes">What the arena would take if no value shared memory.</param>
internal sealed record MemoryPlan(IReadOnlyDictionary<Node, Placement> Placements, long Bytes, long UnsharedBytes)
{
    private const long Alignment = 64;

    public static MemoryPlan Of(Schedule schedule)
    {
        HashSet<Node> results = [.. schedule.Outputs.Select(output => output.Base)];
        List<Placement> placed = [];
        long bytes = 0, unshared = 0;
        foreach (Placement life in Lives(schedule).Where(life => !results.Contains(life.Node)).OrderByDescending(life => life.Bytes).ThenBy(life => life.First))
        {
            long offset = 0;
            foreach (Placement other in placed.Where(other => other.First <= life.Last && life.First <= other.Last).OrderBy(other => other.Offset))
            {
                if (other.Offset >= offset + life.Bytes) break;
                offset = Math.Max(offset, other.Offset + other.Bytes);
            }

            placed.Add(life with { Offset = offset });
            bytes = Math.Max(bytes, offset + life.Bytes);
            unshared += life.Bytes;
        }

        return new MemoryPlan(placed.ToDictionary(placement => placement.Node), bytes, unshared);
    }

    /// <summary>As memory.txt: a line a value, in the order of offsets.</summary>
    public override string ToString()
    {
        var text = new StringBuilder($"arena {Bytes} bytes; {UnsharedBytes} without sharing\n");
        foreach (Placement value in Placements.Values.OrderBy(value => value.Offset).ThenBy(value => value.First))
            text.Append($"{value.Offset,12} +{value.Bytes,-11} kernels {value.First,4} to {value.Last,4}  {value.Node.Name}: {value.Node.Spec}\n");
        return text.ToString();
    }

    private static IEnumerable<Placement> Lives(Schedule schedule)
    {
        var last = new Dictionary<Node, int>();
        for (int i = 0; i < schedule.Groups.Length; i++)
        {
            foreach (Node input in schedule.Groups[i].Inputs) last[input] = i;
            foreach (Node output in schedule.Groups[i].Outputs) last[output] = i;
        }

        for (int i = 0; i < schedule.Groups.Length; i++)
            foreach (Node output in schedule.Groups[i].Outputs)
                yield return new Placement(output, 0, (output.Spec.Bytes + Alignment - 1) / Alignment * Alignment, i, last[output]);
    }
}
