// Prompts as the text encoder takes them: rows of exactly the context length. A prompt that does not fit is not cut off but
// spread over several rows (chunks), whose encodings are joined along the tokens. Prompt and negative prompt must come out
// equally long, so the shorter one gets empty chunks.

namespace Brushfire.Models.Text;

/// <summary>The ids of several texts: <c>Chunks[text][chunk]</c> is one row of <c>ContextLength</c> ids.</summary>
/// <param name="Chunks">One list of rows a text, all of the same count.</param>
/// <param name="ContextLength">Ids in a row: start, at most ContextLength - 2 tokens, end, padding.</param>
public sealed record PromptEncoding(IReadOnlyList<int[][]> Chunks, int ContextLength)
{
    /// <summary>Rows a text; more than 1 where a text was longer than the context, which is worth a notice.</summary>
    public int ChunkCount => Chunks[0].Length;

    /// <summary>Encodes texts that will be used together: a prompt and its negative prompt, or one prompt alone.</summary>
    public static PromptEncoding Encode(ClipTokenizer tokenizer, params IReadOnlyList<string> texts)
    {
        ArgumentOutOfRangeException.ThrowIfZero(texts.Count);
        int[][] ids = [.. texts.Select(tokenizer.Encode)];
        int room = tokenizer.ContextLength - 2;
        int count = Math.Max(1, ids.Max(text => (text.Length + room - 1) / room));
        return new([.. ids.Select(text => Enumerable.Range(0, count).Select(chunk => Row(tokenizer, text, chunk * room)).ToArray())], tokenizer.ContextLength);
    }

    private static int[] Row(ClipTokenizer tokenizer, int[] ids, int from)
    {
        int[] row = new int[tokenizer.ContextLength];
        ReadOnlySpan<int> tokens = ids.AsSpan(Math.Min(from, ids.Length));
        tokens = tokens[..Math.Min(tokens.Length, row.Length - 2)];
        row[0] = tokenizer.StartId;
        tokens.CopyTo(row.AsSpan(1));
        row[tokens.Length + 1] = tokenizer.EndId;
        row.AsSpan(tokens.Length + 2).Fill(tokenizer.PaddingId);
        return row;
    }
}
