// The entries of the reference file of random numbers, named FUNCTION/SEED/COUNT.

namespace Brushfire.Tests.Kernels;

internal static class RandomReference
{
    public static Golden Open() => Golden.Open("random.safetensors");

    /// <summary>The entries whose function satisfies the condition; at least one.</summary>
    public static IEnumerable<(string Name, string Function, ulong Seed, int Count)> Entries(Golden golden, Func<string, bool> matches)
    {
        var entries = golden.Names.Select(name => name.Split('/'))
            .Where(parts => matches(parts[0]))
            .Select(parts => (string.Join('/', parts), parts[0], ulong.Parse(parts[1]), int.Parse(parts[2])))
            .ToList();
        if (entries.Count == 0) Assert.Skip("The reference file of random numbers has no such entries.");
        return entries;
    }
}
