// Rows of the context length: where a long prompt is cut, what fills the rest, and what a shorter companion gets.

using Brushfire.Models.Text;

namespace Brushfire.Tests.Models.Text;

public class PromptEncodingTests
{
    private const int Start = 49406, End = 49407;
    private static readonly ClipTokenizer s_tokenizer = ClipTokenizer.Embedded();
    private static readonly int s_cat = Assert.Single(s_tokenizer.Encode("cat"));

    [Fact]
    public void A_short_prompt_is_one_padded_row()
    {
        PromptEncoding encoding = PromptEncoding.Encode(s_tokenizer, "cat");
        Assert.Equal((1, 77), (encoding.ChunkCount, encoding.ContextLength));
        Assert.Equal([Start, s_cat, .. Enumerable.Repeat(End, 75)], Assert.Single(Assert.Single(encoding.Chunks)));
    }

    [Fact]
    public void Padding_is_the_tokenizers()
    {
        int[] row = PromptEncoding.Encode(ClipTokenizer.Embedded("!"), "cat").Chunks[0][0];
        Assert.Equal([Start, s_cat, End, .. Enumerable.Repeat(0, 74)], row);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(75, 1)]
    [InlineData(76, 2)]
    [InlineData(150, 2)]
    [InlineData(151, 3)]
    public void A_long_prompt_is_cut_in_rows_and_the_shorter_one_gets_empty_rows(int count, int chunks)
    {
        PromptEncoding encoding = PromptEncoding.Encode(s_tokenizer, string.Join(' ', Enumerable.Repeat("cat", count)), "");
        Assert.Equal(chunks, encoding.ChunkCount);
        int[] expected = [.. Enumerable.Range(0, chunks).Select(chunk => Math.Clamp(count - 75 * chunk, 0, 75))];
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            Assert.Equal([Start, .. Enumerable.Repeat(s_cat, expected[chunk]), .. Enumerable.Repeat(End, 76 - expected[chunk])], encoding.Chunks[0][chunk]);
            Assert.Equal([Start, .. Enumerable.Repeat(End, 76)], encoding.Chunks[1][chunk]);
        }
    }
}
