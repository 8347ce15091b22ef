// What a CLIP tokenizer is made of: tokens with ids, merges in order of rank, special tokens, context length. Read from the
// `tokenizer` folder of a diffusers model, or made from OpenAI's merge list, embedded for single-file checkpoints, which
// bring no vocabulary. Everything is checked here, so that the tokenizer only ever sees a vocabulary that works.

using System.IO.Compression;
using System.Text.Json;
using Brushfire.Tensors;

namespace Brushfire.Models.Text;

internal sealed record ClipVocabulary(
    IReadOnlyDictionary<string, int> Tokens, IReadOnlyList<string> Merges, string Start, string End, string Unknown, string Padding, int ContextLength)
{
    private const int ClipContextLength = 77, ClipMerges = 48_894;
    private const string EndOfWord = "</w>", DefaultStart = "<|startoftext|>", DefaultEnd = "<|endoftext|>";
    private const long LargestFile = 64 << 20;

    /// <summary>The vocabulary of OpenAI's CLIP: 49,408 tokens, context of 77.</summary>
    public static ClipVocabulary Embedded(string padding)
    {
        using Stream stream = typeof(ClipVocabulary).Assembly.GetManifestResourceStream("bpe_simple_vocab_16e6.txt.gz")!;
        using StreamReader reader = new(new GZipStream(stream, CompressionMode.Decompress));
        reader.ReadLine(); // the version
        string[] merges = new string[ClipMerges];
        for (int i = 0; i < merges.Length; i++) merges[i] = reader.ReadLine()!;

        string[] bytes = ByteCharacters();
        Dictionary<string, int> tokens = new(capacity: 50_000, StringComparer.Ordinal);
        foreach (string character in bytes) tokens.Add(character, tokens.Count);
        foreach (string character in bytes) tokens.Add(character + EndOfWord, tokens.Count);
        foreach (string merge in merges) tokens.Add(merge.Replace(" ", "", StringComparison.Ordinal), tokens.Count);
        tokens.Add(DefaultStart, tokens.Count);
        tokens.Add(DefaultEnd, tokens.Count);
        if (!tokens.ContainsKey(padding)) throw new BrushfireException($"The CLIP vocabulary has no padding token '{padding}'; use '{DefaultEnd}' (SD1.x) or '!' (SD2.x).");
        return new(tokens, merges, DefaultStart, DefaultEnd, DefaultEnd, padding, ClipContextLength);
    }

    public static ClipVocabulary Read(string folder)
    {
        try
        {
            return ReadChecked(folder);
        }
        catch (InvalidOperationException exception)
        {
            // The JSON reader lets an escaped half of a surrogate pair through until the text is asked for.
            throw new BrushfireException($"{folder}: a tokenizer file has text that is not Unicode. {exception.Message}", exception);
        }
    }

    private static ClipVocabulary ReadChecked(string folder)
    {
        string vocabularyPath = Path.Combine(folder, "vocab.json");
        Dictionary<string, int> tokens = ReadTokens(vocabularyPath);
        List<string> merges = ReadMerges(Path.Combine(folder, "merges.txt"), tokens, vocabularyPath);

        // The map is the older and stronger of the two: SD2.x says there that padding is '!', and not in its config.
        using JsonDocument? config = ReadOptional(Path.Combine(folder, "tokenizer_config.json"));
        using JsonDocument? map = ReadOptional(Path.Combine(folder, "special_tokens_map.json"));
        string Special(string role, string otherwise)
        {
            string token = SpecialToken(map, folder, "special_tokens_map.json", role) ?? SpecialToken(config, folder, "tokenizer_config.json", role) ?? otherwise;
            return tokens.ContainsKey(token) ? token
                : throw new BrushfireException($"{vocabularyPath}: the {role} '{token}' is not in the vocabulary; correct special_tokens_map.json or tokenizer_config.json beside it.");
        }

        string end = Special("eos_token", DefaultEnd);
        return new(tokens, merges, Special("bos_token", DefaultStart), end, Special("unk_token", end), Special("pad_token", end), ReadContextLength(config, folder));
    }

    /// <summary>One character for each byte, in the order of their ids: bytes that print, then the others, moved to U+0100 and on.</summary>
    private static string[] ByteCharacters()
    {
        static bool Prints(int value) => value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
        int[] values = [.. Enumerable.Range(0, 256)];
        return [.. values.Where(Prints).Select(value => ((char)value).ToString()), .. values.Where(value => !Prints(value)).Select((_, i) => ((char)(256 + i)).ToString())];
    }

    private static Dictionary<string, int> ReadTokens(string path)
    {
        using JsonDocument document = ReadJson(path);
        Dictionary<string, int> tokens = new(StringComparer.Ordinal);
        string?[] byId = new string?[document.RootElement.EnumerateObject().Count()];
        foreach (JsonProperty entry in document.RootElement.EnumerateObject())
        {
            string token = entry.Name;
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out int id))
                throw new BrushfireException($"{path}: the id of token '{token}' is {Short(entry.Value.GetRawText())}, not an integer.");
            if ((uint)id >= (uint)byId.Length)
                throw new BrushfireException($"{path}: the id {id} of token '{token}' is out of range; {byId.Length} tokens have the ids 0 to {byId.Length - 1}.");
            if (byId[id] is { } other)
                throw new BrushfireException($"{path}: tokens '{other}' and '{token}' both have the id {id}.");
            if (!tokens.TryAdd(token, id)) throw new BrushfireException($"{path}: the token '{token}' stands there twice, with the ids {tokens[token]} and {id}.");
            byId[id] = token;
        }

        return tokens;
    }

    private static List<string> ReadMerges(string path, Dictionary<string, int> tokens, string vocabularyPath)
    {
        List<string> merges = [];
        string[] lines = ReadText(path).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].TrimEnd('\r');
            if (line.Length == 0 || (i == 0 && line.StartsWith("#version", StringComparison.Ordinal))) continue;
            string[] pair = line.Split(' ');
            if (pair.Length != 2 || pair[0].Length == 0 || pair[1].Length == 0)
                throw new BrushfireException($"{path}, line {i + 1}: '{Short(line)}' is not two tokens with a blank between them.");
            foreach (string token in (ReadOnlySpan<string>)[pair[0], pair[1], pair[0] + pair[1]])
                if (!tokens.ContainsKey(token)) throw new BrushfireException($"{path}, line {i + 1}: the token '{Short(token)}' is not in {Path.GetFileName(vocabularyPath)}; the two files do not belong together.");
            merges.Add(line);
        }

        return merges;
    }

    private static string? SpecialToken(JsonDocument? document, string folder, string file, string role)
    {
        if (document is null || !document.RootElement.TryGetProperty(role, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out JsonElement content)) value = content;
        if (value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } token) return token;
        throw new BrushfireException($"{Path.Combine(folder, file)}: {role} is {Short(value.GetRawText())}, not a token.");
    }

    private static int ReadContextLength(JsonDocument? config, string folder)
    {
        // Tokenizers without a limit of their own have a number there that no integer type holds.
        if (config is null || !config.RootElement.TryGetProperty("model_max_length", out JsonElement value)) return ClipContextLength;
        if (value.ValueKind == JsonValueKind.Number && !value.TryGetInt32(out _) && value.GetDouble() > int.MaxValue) return ClipContextLength;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int length) && length is >= 3 and <= 65_536 ? length
            : throw new BrushfireException($"{Path.Combine(folder, "tokenizer_config.json")}: model_max_length is {Short(value.GetRawText())}; it must be an integer from 3 to 65536.");
    }

    private static JsonDocument? ReadOptional(string path) => File.Exists(path) ? ReadJson(path) : null;

    private static JsonDocument ReadJson(string path)
    {
        try
        {
            JsonDocument document = JsonDocument.Parse(ReadText(path));
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
        }
        catch (JsonException exception)
        {
            throw new BrushfireException($"{path}: not valid JSON. {exception.Message}", exception);
        }

        throw new BrushfireException($"{path}: the file is not a JSON object.");
    }

    private static string ReadText(string path)
    {
        try
        {
            if (new FileInfo(path).Length is > LargestFile and var length) throw new BrushfireException($"{path}: {length} bytes are over the limit of {LargestFile} for a vocabulary file.");
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BrushfireException($"{path}: cannot be read. {exception.Message}", exception);
        }
    }

    private static string Short(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
