// The normal form and the words of a prompt, by the rules told beside the reference ids.

using Brushfire.Models.Text;

namespace Brushfire.Tests.Models.Text;

public class ClipWordsTests
{
    [Theory]
    [InlineData("  A\t\r\nB\u00A0\u3000c ", " a b c ")]
    [InlineData("\u0130I\u00C5\U00010400", "i\u0307i\u00E5\U00010428")]
    [InlineData("a\u200Bb &amp;", "a\u200Bb &amp;")]
    public void Text_is_composed_blanked_and_lowered(string text, string expected) => Assert.Equal(expected, ClipWords.Normalize(text));

    [Theory]
    [InlineData("a cat's 42nd", "a|cat|'s|4|2|nd")]
    [InlineData("they're we've i'll i'm you'd don't", "they|'re|we|'ve|i|'ll|i|'m|you|'d|don|'t")]
    [InlineData("''s rock'n'roll", "''|s|rock|'|n|'|roll")]
    [InlineData("wow!!! (1.2)", "wow|!!!|(|1|.|2|)")]
    [InlineData("a_b-c", "a|_|b|-|c")]
    [InlineData("\U0001D4BB\U0001D4B6x\U0001F98A\U0001F680", "\U0001D4BB\U0001D4B6x|\U0001F98A\U0001F680")]
    [InlineData(" ", "")]
    public void Text_is_split_into_words(string text, string expected) => Assert.Equal(expected, string.Join('|', ClipWords.Split(text)));
}
