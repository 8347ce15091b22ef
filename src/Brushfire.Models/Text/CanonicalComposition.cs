// Unicode normalization form C (UAX #15): decompose canonically, order combining marks by class, compose again.
// string.Normalize does nothing under invariant globalization, which the program needs to run on a machine without ICU,
// and the tokenizer's ids must not depend on what a machine has installed.

using System.Globalization;
using System.Text;

namespace Brushfire.Models.Text;

internal static class CanonicalComposition
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, HangulCount = LeadCount * VowelCount * TrailCount;

    private static readonly Lazy<Tables> s_tables = new(ReadTables);

    private sealed record Tables(Dictionary<int, int[]> Decompositions, Dictionary<(int First, int Second), int> Compositions, Dictionary<int, byte> Classes);

    /// <summary>The text in form C; unpaired surrogates become U+FFFD.</summary>
    public static string Apply(string text)
    {
        // All below U+0300 is in form C already.
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u02FF')) return text;

        Tables tables = s_tables.Value;
        List<(int Code, byte Class)> marks = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes()) Decompose(tables, rune.Value, marks);
        Order(marks);
        StringBuilder result = new(text.Length);
        foreach (int code in Compose(tables, marks)) result.Append(new Rune(code).ToString());
        return result.ToString();
    }

    private static void Decompose(Tables tables, int code, List<(int Code, byte Class)> to)
    {
        int syllable = code - HangulBase;
        if ((uint)syllable < HangulCount)
        {
            to.Add((LeadBase + syllable / (VowelCount * TrailCount), 0));
            to.Add((VowelBase + syllable / TrailCount % VowelCount, 0));
            if (syllable % TrailCount != 0) to.Add((TrailBase + syllable % TrailCount, 0));
        }
        else if (tables.Decompositions.TryGetValue(code, out int[]? parts))
        {
            foreach (int part in parts) Decompose(tables, part, to);
        }
        else
        {
            to.Add((code, tables.Classes.GetValueOrDefault(code)));
        }
    }

    /// <summary>Sorts each run of marks (class above 0) by class; marks of one class keep their order.</summary>
    private static void Order(List<(int Code, byte Class)> marks)
    {
        for (int start = 0; start < marks.Count; start++)
        {
            if (marks[start].Class == 0) continue;
            int end = start;
            while (end < marks.Count && marks[end].Class != 0) end++;
            (int Code, byte Class)[] run = [.. marks.GetRange(start, end - start).OrderBy(mark => mark.Class)];
            for (int i = 0; i < run.Length; i++) marks[start + i] = run[i];
            start = end;
        }
    }

    private static List<int> Compose(Tables tables, List<(int Code, byte Class)> marks)
    {
        List<int> result = new(marks.Count);
        int starter = -1;
        int last = 0; // class of the last mark that stayed behind the starter
        foreach ((int code, byte combiningClass) in marks)
        {
            // A mark reaches its starter unless one of the same or a higher class, or another starter, stands between.
            bool adjacent = starter == result.Count - 1;
            if (starter >= 0 && (adjacent || last < combiningClass) && Pair(tables, result[starter], code) is { } composed)
            {
                result[starter] = composed;
                continue;
            }

            if (combiningClass == 0) starter = result.Count;
            last = combiningClass;
            result.Add(code);
        }

        return result;
    }

    private static int? Pair(Tables tables, int first, int second)
    {
        int lead = first - LeadBase, vowel = second - VowelBase;
        if ((uint)lead < LeadCount && (uint)vowel < VowelCount) return HangulBase + (lead * VowelCount + vowel) * TrailCount;
        int syllable = first - HangulBase, trail = second - TrailBase;
        if ((uint)syllable < HangulCount && syllable % TrailCount == 0 && trail is > 0 and < TrailCount) return first + trail;
        return tables.Compositions.TryGetValue((first, second), out int composed) ? composed : null;
    }

    private static Tables ReadTables()
    {
        Tables tables = new([], [], []);
        using Stream stream = typeof(CanonicalComposition).Assembly.GetManifestResourceStream("canonical-composition.txt")!;
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            int mark = line.AsSpan().IndexOfAny("=>:");
            if (line[mark] == ':')
            {
                int dash = line.IndexOf('-', StringComparison.Ordinal);
                for (int code = Hex(line[..dash]); code <= Hex(line[(dash + 1)..mark]); code++) tables.Classes[code] = byte.Parse(line.AsSpan(mark + 1));
                continue;
            }

            int character = Hex(line[..mark]);
            int[] parts = [.. line[(mark + 1)..].Split(' ').Select(Hex)];
            tables.Decompositions[character] = parts;
            if (line[mark] == '=') tables.Compositions[(parts[0], parts[1])] = character;
        }

        return tables;
    }

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber);
}
