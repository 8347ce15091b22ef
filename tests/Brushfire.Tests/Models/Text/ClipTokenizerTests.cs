// Ids of the reference texts, of the small vocabulary that is shipped, and of random words merged by a naive loop;
// vocabularies that make no sense, one by one.

using System.Text;
using System.Text.Json;
using Brushfire.Cli;
using Brushfire.Models.Text;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Text;

public class ClipTokenizerTests
{
    private static readonly Lazy<ClipVocabulary> s_clip = new(() => ClipVocabulary.Embedded("<|endoftext|>"));
    private static readonly string s_emoji = Path.Combine(ShippedModel.Folder, "tokenizer");

    [Fact]
    public void Reference_texts_give_the_reference_ids()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Embedded();
        Assert.Equal((49406, 49407, 49407, 77, 49408), (tokenizer.StartId, tokenizer.EndId, tokenizer.PaddingId, tokenizer.ContextLength, tokenizer.VocabularySize));
        AssertReferenceIds(tokenizer);
    }

    [Fact]
    public void Reference_texts_give_the_reference_ids_with_a_vocabulary_from_a_folder()
    {
        using TempFolder folder = new();
        WriteVocabulary(folder, s_clip.Value.Tokens, s_clip.Value.Merges);
        AssertReferenceIds(ClipTokenizer.Open(folder.Path));
    }

    [Fact]
    public void Special_tokens_map_wins_over_the_configuration()
    {
        using TempFolder folder = new();
        WriteVocabulary(folder, s_clip.Value.Tokens, s_clip.Value.Merges);
        File.WriteAllText(folder["tokenizer_config.json"], """{"pad_token": "<|endoftext|>", "model_max_length": 77}""");
        File.WriteAllText(folder["special_tokens_map.json"], """{"pad_token": "!", "eos_token": {"content": "<|endoftext|>", "normalized": true}}""");
        ClipTokenizer tokenizer = ClipTokenizer.Open(folder.Path);
        Assert.Equal((0, 49407), (tokenizer.PaddingId, tokenizer.EndId));
        Assert.Equal([.. tokenizer.Encode("stop"), 0, .. tokenizer.Encode("now")], tokenizer.Encode("stop! now"));
    }

    [Fact]
    public void Special_tokens_are_found_in_the_text()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Embedded();
        int[] cat = tokenizer.Encode("cat");
        Assert.Equal([49406, .. cat, 49407, .. cat], tokenizer.Encode("<|startoftext|>cat<|endoftext|>Cat"));
        Assert.Equal([49406, .. cat], tokenizer.Encode("<|StartOfText|> CAT"));
        Assert.DoesNotContain(49407, tokenizer.Encode("<|EndOfText|>"));
    }

    [Fact]
    public void Words_of_the_shipped_model_are_tokenized_by_its_own_vocabulary()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Open(s_emoji);
        Assert.Equal((8512, 8513, 8513, 32, 8514), (tokenizer.StartId, tokenizer.EndId, tokenizer.PaddingId, tokenizer.ContextLength, tokenizer.VocabularySize));
        ClipVocabulary vocabulary = ClipVocabulary.Read(s_emoji);
        string[] names = [.. vocabulary.Tokens.OrderBy(token => token.Value).Select(token => token.Key)];
        string[] things = File.ReadAllLines(Path.Combine(ShippedModel.Folder, "things.txt"));
        string[] backgrounds = File.ReadAllLines(Path.Combine(ShippedModel.Folder, "backgrounds.txt"));
        Assert.Equal((74, 14), (things.Length, backgrounds.Length));
        Dictionary<string, int> ranks = Ranks(vocabulary);
        foreach (string text in things.SelectMany(thing => backgrounds.Select(background => $"a {thing} on a {background} background")))
        {
            int[] ids = tokenizer.Encode(text);
            Assert.Equal(NaiveIds(vocabulary, ranks, text.Split(' ')), ids);
            Assert.Equal(text, string.Concat(ids.Select(id => names[id])).Replace("</w>", " ", StringComparison.Ordinal).TrimEnd());
            Assert.InRange(ids.Length, 6, 14);
        }
    }

    [Fact]
    public void Random_words_are_merged_as_by_a_naive_loop()
    {
        ClipTokenizer tokenizer = ClipTokenizer.Embedded();
        Dictionary<string, int> ranks = Ranks(s_clip.Value);
        Random random = new(1);
        string[] parts = [.. s_clip.Value.Tokens.Keys.Select(token => token.Replace("</w>", "", StringComparison.Ordinal)).Where(token => token.All(char.IsAsciiLetterLower))];
        for (int i = 0; i < 2000; i++)
        {
            StringBuilder word = new();
            for (int count = random.Next(1, i % 500 == 0 ? 100 : 6); count > 0; count--) word.Append(parts[random.Next(parts.Length)]);
            Assert.Equal(NaiveIds(s_clip.Value, ranks, [word.ToString()]), tokenizer.Encode(word.ToString()));
        }
    }

    [Fact]
    public void Bytes_outside_the_vocabulary_become_the_unknown_token()
    {
        using TempFolder folder = new();
        WriteVocabulary(folder, Tokens("a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>", "?"), ["a b</w>"]);
        File.WriteAllText(folder["tokenizer_config.json"], """{"unk_token": "?", "model_max_length": 1000000000000000019884624838656}""");
        ClipTokenizer tokenizer = ClipTokenizer.Open(folder.Path);
        Assert.Equal([7, 4, 7, 7, 2], tokenizer.Encode("x ab yz a"));
        Assert.Equal(77, tokenizer.ContextLength);
    }

    [Theory]
    [InlineData("vocab.json", null, "vocab.json: cannot be read.")]
    [InlineData("vocab.json", "{\"a\": 0,", "vocab.json: not valid JSON.")]
    [InlineData("vocab.json", "[1]", "vocab.json: the file is not a JSON object.")]
    [InlineData("vocab.json", "{\"a\": \"x\"}", "vocab.json: the id of token 'a' is \"x\", not an integer.")]
    [InlineData("vocab.json", "{\"a\": 1.5}", "vocab.json: the id of token 'a' is 1.5, not an integer.")]
    [InlineData("vocab.json", "{\"a\": 0, \"b\": 2}", "vocab.json: the id 2 of token 'b' is out of range; 2 tokens have the ids 0 to 1.")]
    [InlineData("vocab.json", "{\"a\": -1}", "vocab.json: the id -1 of token 'a' is out of range")]
    [InlineData("vocab.json", "{\"a\": 0, \"b\": 0}", "vocab.json: tokens 'a' and 'b' both have the id 0.")]
    [InlineData("vocab.json", "{\"a\": 0, \"a\": 1}", "vocab.json: the token 'a' stands there twice, with the ids 0 and 1.")]
    [InlineData("vocab.json", "{\"\\ud800\": 0}", "a tokenizer file has text that is not Unicode.")]
    [InlineData("merges.txt", null, "merges.txt: cannot be read.")]
    [InlineData("merges.txt", "#version: 0.2\na b c\n", "merges.txt, line 2: 'a b c' is not two tokens")]
    [InlineData("merges.txt", "a b</w>\na x\n", "merges.txt, line 2: the token 'x' is not in vocab.json")]
    [InlineData("merges.txt", "a a\n", "merges.txt, line 1: the token 'aa' is not in vocab.json")]
    [InlineData("tokenizer_config.json", "{\"bos_token\": \"<s>\"}", "vocab.json: the bos_token '<s>' is not in the vocabulary")]
    [InlineData("tokenizer_config.json", "{\"pad_token\": 3}", "tokenizer_config.json: pad_token is 3, not a token.")]
    [InlineData("tokenizer_config.json", "{\"model_max_length\": 2}", "tokenizer_config.json: model_max_length is 2; it must be an integer from 3 to 65536.")]
    [InlineData("tokenizer_config.json", "{\"model_max_length\": \"77\"}", "tokenizer_config.json: model_max_length is \"77\"")]
    [InlineData("special_tokens_map.json", "nonsense", "special_tokens_map.json: not valid JSON.")]
    [InlineData("special_tokens_map.json", "{\"unk_token\": {}}", "special_tokens_map.json: unk_token is {}, not a token.")]
    public void A_vocabulary_that_makes_no_sense_is_refused_by_name(string file, string? content, string message)
    {
        using TempFolder folder = new();
        WriteVocabulary(folder, Tokens("a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"), ["a b</w>"]);
        Assert.Equal([4], ClipTokenizer.Open(folder.Path).Encode("ab"));
        if (content is null) File.Delete(folder[file]);
        else File.WriteAllText(folder[file], content);
        BrushfireException exception = Assert.Throws<BrushfireException>(() => ClipTokenizer.Open(folder.Path));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder.Path, exception.Message, StringComparison.Ordinal);
    }

    private static void AssertReferenceIds(ClipTokenizer tokenizer)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Golden.PathOf("tokens.json")));
        foreach (JsonElement test in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            string text = test.GetProperty("text").GetString()!;
            int[] expected = [.. test.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.True(expected.SequenceEqual(tokenizer.Encode(text)), $"'{text}' gives {string.Join(' ', tokenizer.Encode(text))} instead of {string.Join(' ', expected)}");
        }
    }

    /// <summary>Merges the pair of lowest rank until none is left, looking through all of them each time; ASCII words only.</summary>
    private static int[] NaiveIds(ClipVocabulary vocabulary, Dictionary<string, int> ranks, IEnumerable<string> words)
    {
        List<int> ids = [];
        foreach (string word in words)
        {
            List<string> tokens = [.. word.Select(character => character.ToString())];
            tokens[^1] += "</w>";
            while (tokens.Count > 1)
            {
                (int rank, int at) = Enumerable.Range(0, tokens.Count - 1).Min(i => (ranks.GetValueOrDefault($"{tokens[i]} {tokens[i + 1]}", int.MaxValue), i));
                if (rank == int.MaxValue) break;
                tokens[at] += tokens[at + 1];
                tokens.RemoveAt(at + 1);
            }

            ids.AddRange(tokens.Select(token => vocabulary.Tokens[token]));
        }

        return [.. ids];
    }

    private static Dictionary<string, int> Ranks(ClipVocabulary vocabulary) => Tokens([.. vocabulary.Merges]);

    private static Dictionary<string, int> Tokens(params string[] tokens) => tokens.Select((token, id) => (token, id)).ToDictionary(pair => pair.token, pair => pair.id, StringComparer.Ordinal);

    private static void WriteVocabulary(TempFolder folder, IReadOnlyDictionary<string, int> tokens, IEnumerable<string> merges)
    {
        File.WriteAllText(folder["vocab.json"], JsonSerializer.Serialize(tokens));
        File.WriteAllText(folder["merges.txt"], "#version: 0.2\n" + string.Join('\n', merges) + "\n");
    }
}
