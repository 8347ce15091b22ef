// What the machine is, as far as it tells: for reports, so that numbers of two machines are not compared by mistake.

using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Brushfire.Bench;

/// <param name="Processor">The processor's own name, or its architecture where it has none.</param>
/// <param name="Processors">Processors that this process may use.</param>
/// <param name="MemoryBytes">Memory that this process may use.</param>
/// <param name="HugePages">What the system says of huge pages.</param>
/// <param name="Caches">The first processor's caches, nearest first, such as "L1 data 32K"; empty where the system does not tell.</param>
public sealed record Machine(string Processor, int Processors, long MemoryBytes, string OperatingSystem, string Runtime, string HugePages, IReadOnlyList<string> Caches)
{
    public static Machine Current { get; } = new(
        ProcessorName(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription,
        HugePageMode(),
        ReadCaches());

    // Leaves 0x80000002 to 0x80000004 hold 48 characters of the name.
    private static string ProcessorName()
    {
        string architecture = RuntimeInformation.ProcessArchitecture.ToString();
        if (!X86Base.IsSupported || (uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < 0x80000004) return architecture;
        var name = new StringBuilder();
        for (int leaf = 2; leaf <= 4; leaf++)
        {
            (int a, int b, int c, int d) = X86Base.CpuId(unchecked((int)0x80000000) + leaf, 0);
            foreach (int register in (ReadOnlySpan<int>)[a, b, c, d])
                name.Append(Encoding.Latin1.GetString(BitConverter.GetBytes(register)));
        }

        string text = name.ToString().Replace('\0', ' ').Trim();
        return text.Length > 0 ? $"{text} ({architecture})" : architecture;
    }

    private static string HugePageMode()
    {
        if (!System.OperatingSystem.IsLinux()) return "not asked for on this system";
        string[] words = Read("/sys/kernel/mm/transparent_hugepage/enabled").Split(' ');
        return words.FirstOrDefault(word => word.StartsWith('['))?.Trim('[', ']') switch
        {
            "always" => "used (transparent huge pages: always)",
            "madvise" => "used for large tensors (transparent huge pages: madvise)",
            { } mode => $"not available (transparent huge pages: {mode})",
            null => "not available",
        };
    }

    /// <summary>Bytes of the largest cache; a guess where the system does not tell.</summary>
    public long LastLevelCacheBytes => Caches.Select(Size).Append(SmallestGuess).Max();

    private const long SmallestGuess = 32 << 20;

    // "L3 32768K"
    private static long Size(string cache)
    {
        string text = cache[(cache.LastIndexOf(' ') + 1)..];
        int shift = text.EndsWith('K') ? 10 : text.EndsWith('M') ? 20 : 0;
        return long.TryParse(text.TrimEnd('K', 'M'), out long size) ? size << shift : 0;
    }

    private static List<string> ReadCaches()
    {
        var caches = new List<string>();
        for (int i = 0; Read($"/sys/devices/system/cpu/cpu0/cache/index{i.ToString(CultureInfo.InvariantCulture)}/size") is { Length: > 0 } size; i++)
        {
            string folder = $"/sys/devices/system/cpu/cpu0/cache/index{i}/", type = Read(folder + "type");
            caches.Add($"L{Read(folder + "level")} {(type == "Unified" ? "" : type.ToLowerInvariant() + " ")}{size}");
        }

        return caches;
    }

    // A file of the system in one line; empty where there is none.
    private static string Read(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Trim() : "";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
