// Prompts to CLIP token ids, exactly as the models were trained: special tokens found in the text, then ClipWords' normal
// form and words, then byte pairs merged within each word. Merging is Microsoft.ML.Tokenizers' byte-level BPE with the
// end-of-word suffix, called word by word; its own normalizers and pre-tokenizers do not know CLIP's rules.

using Brushfire.Tensors;
using Microsoft.ML.Tokenizers;

namespace Brushfire.Models.Text;

public sealed class ClipTokenizer
{
    private readonly BpeTokenizer _merger;
    private readonly string _start;
    private readonly (string Text, int Id)[] _specials;

    private ClipTokenizer(ClipVocabulary vocabulary)
    {
        _merger = BpeTokenizer.Create(new BpeOptions(vocabulary.Tokens)
        {
            Merges = vocabulary.Merges,
            EndOfWordSuffix = "</w>",
            UnknownToken = vocabulary.Unknown,
            ByteLevel = true,
        });
        _start = vocabulary.Start;
        _specials = [.. new[] { vocabulary.End, vocabulary.Unknown, vocabulary.Padding }.Distinct(StringComparer.Ordinal).Select(token => (token, vocabulary.Tokens[token]))];
        (StartId, EndId, PaddingId) = (vocabulary.Tokens[vocabulary.Start], vocabulary.Tokens[vocabulary.End], vocabulary.Tokens[vocabulary.Padding]);
        (ContextLength, VocabularySize) = (vocabulary.ContextLength, vocabulary.Tokens.Count);
    }

    public int StartId { get; }
    public int EndId { get; }
    public int PaddingId { get; }

    /// <summary>Tokens that the text encoder takes at once, start and end included.</summary>
    public int ContextLength { get; }

    /// <summary>All ids are below this.</summary>
    public int VocabularySize { get; }

    /// <summary>The tokenizer in a diffusers model's `tokenizer` folder: vocab.json, merges.txt and, where present, its configuration.</summary>
    /// <exception cref="BrushfireException">A file is missing or makes no sense.</exception>
    public static ClipTokenizer Open(string folder) => new(ClipVocabulary.Read(folder));

    /// <summary>CLIP's own vocabulary, for checkpoints that bring none. SD1.x pads with the end token, SD2.x with "!" (id 0).</summary>
    public static ClipTokenizer Embedded(string padding = "<|endoftext|>") => new(ClipVocabulary.Embedded(padding));

    /// <summary>The ids of the whole text, without start, end and padding.</summary>
    public int[] Encode(string text)
    {
        List<int> ids = [];
        // As in the tokenizers that the models came with: the start token is found in the normalized text, so in any case;
        // the others as they are written. With padding "!", an exclamation mark is therefore the padding token.
        foreach ((string part, int? special) in Cut(text, _specials))
        {
            if (special is { } id) ids.Add(id);
            else EncodeOrdinary(ClipWords.Normalize(part), ids);
        }

        return [.. ids];
    }

    private void EncodeOrdinary(string normalized, List<int> ids)
    {
        foreach ((string part, int? special) in Cut(normalized, [(_start, StartId)]))
        {
            if (special is { } id) ids.Add(id);
            else
                foreach (string word in ClipWords.Split(part)) ids.AddRange(_merger.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false));
        }
    }

    /// <summary>The text in parts: ordinary ones (id null) and special tokens; the leftmost wins, then the longest.</summary>
    private static IEnumerable<(string Part, int? Id)> Cut(string text, (string Text, int Id)[] specials)
    {
        int start = 0;
        while (start < text.Length)
        {
            (int At, string Text, int Id)? first = null;
            foreach ((string token, int id) in specials)
            {
                int at = text.IndexOf(token, start, StringComparison.Ordinal);
                if (at >= 0 && (first is not { } best || at < best.At || (at == best.At && token.Length > best.Text.Length))) first = (at, token, id);
            }

            if (first is not { } found) break;
            if (found.At > start) yield return (text[start..found.At], null);
            yield return (found.Text, found.Id);
            start = found.At + found.Text.Length;
        }

        if (start < text.Length) yield return (text[start..], null);
    }
}
