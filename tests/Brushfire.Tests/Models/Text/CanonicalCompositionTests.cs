// Form C against values of another implementation (Python's unicodedata 14.0.0), and the examples of UAX #15.

using System.IO.Hashing;
using System.Text;
using Brushfire.Models.Text;

namespace Brushfire.Tests.Models.Text;

public class CanonicalCompositionTests
{
    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("e\u0301", "\u00E9")]
    [InlineData("\u212B", "\u00C5")]                           // a singleton
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]             // order without composition
    [InlineData("D\u0307\u0323", "\u1E0C\u0307")]              // D with dot below and dot above, either way round
    [InlineData("\u0958", "\u0915\u093C")]                     // excluded from composition
    [InlineData("\u1100\u1161\u11A8", "\uAC01")]               // Hangul
    [InlineData("\uAC00\u11A8", "\uAC01")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]         // beyond U+FFFF
    [InlineData("a\u0301\u0301", "\u00E1\u0301")]
    [InlineData("\u0301a", "\u0301a")]
    public void Text_is_composed(string text, string expected) => Assert.Equal(expected, CanonicalComposition.Apply(text));

    [Fact]
    public void Half_a_surrogate_pair_becomes_the_replacement_character() => Assert.Equal("\uFFFDx", CanonicalComposition.Apply("\uD800x"));

    [Fact]
    public void Every_code_point_alone_agrees_with_another_implementation() =>
        Assert.Equal(0xE3C9A764u, Checksum(Enumerable.Range(0, 0x110000).Where(Rune.IsValid).Select(code => new Rune(code).ToString())));

    [Fact]
    public void Two_marks_after_each_character_agree_with_another_implementation()
    {
        string[] marks = ["\u0301", "\u0323", "\u0338", "\u3099", "\u1161"];
        Assert.Equal(0x44990349u, Checksum(
            from code in Enumerable.Range(0, 0x3200) from first in marks from second in marks select new Rune(code) + first + second));
    }

    private static uint Checksum(IEnumerable<string> texts)
    {
        Crc32 crc = new();
        foreach (string text in texts) crc.Append(Encoding.UTF8.GetBytes(CanonicalComposition.Apply(text)));
        return crc.GetCurrentHashAsUInt32();
    }
}
