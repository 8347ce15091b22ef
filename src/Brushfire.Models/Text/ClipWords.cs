// From a prompt to CLIP's words: form C, runs of white space to one blank, lower case, then contractions, runs of letters,
// single digits and runs of everything else. Works on code points: a regular expression of .NET sees letters beyond U+FFFF
// as two surrogates. Nothing is unescaped or repaired. Byte pairs are then merged within each word.

using System.Globalization;
using System.Text;

namespace Brushfire.Models.Text;

internal static class ClipWords
{
    // In this order: the first that fits wins, as in the alternation 's|'t|'re|'ve|'m|'ll|'d.
    private static readonly string[] s_contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private enum Kind { Blank, Letter, Number, Other }

    public static string Normalize(string text)
    {
        StringBuilder result = new(text.Length);
        bool blank = false;
        foreach (Rune rune in CanonicalComposition.Apply(text).EnumerateRunes())
        {
            bool wasBlank = blank;
            blank = Rune.IsWhiteSpace(rune);
            if (!blank) result.Append(Lower(rune));
            else if (!wasBlank) result.Append(' ');
        }

        return result.ToString();
    }

    public static IEnumerable<string> Split(string normalized)
    {
        for (int start = 0, end; start < normalized.Length; start = end)
        {
            Kind kind = KindAt(normalized, start, out end);
            if (kind == Kind.Blank) continue;
            if (Contraction(normalized.AsSpan(start)) is { } contraction) end = start + contraction.Length;
            else if (kind != Kind.Number)
                while (end < normalized.Length && KindAt(normalized, end, out int next) == kind) end = next;
            yield return normalized[start..end];
        }
    }

    // U+0130 is the one letter whose lower case is two code points; .NET leaves it alone.
    private static string Lower(Rune rune) => rune.Value == 0x130 ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString();

    private static string? Contraction(ReadOnlySpan<char> text)
    {
        if (text[0] != '\'') return null;
        foreach (string contraction in s_contractions)
            if (text.StartsWith(contraction, StringComparison.Ordinal)) return contraction;
        return null;
    }

    private static Kind KindAt(string text, int at, out int next)
    {
        Rune.DecodeFromUtf16(text.AsSpan(at), out Rune rune, out int length);
        next = at + length;
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => rune.Value == ' ' ? Kind.Blank : Kind.Other,
        };
    }
}
