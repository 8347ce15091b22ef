// What made a picture, as the text that is kept in its file, in the form of AUTOMATIC1111's web UI that other programs read:
//     a fox, sitting
//     Negative prompt: blurry
//     Steps: 25, Sampler: PLMS, CFG scale: 7.5, Seed: 1, Size: 128x128, Model: emoji, Model hash: "a, b"
// A value with a comma, colon or line end is a JSON string. The last line is one of parameters where it has three or more.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Brushfire.Cli.Images;

/// <summary>Parameters that other programs know by these names; null where a text does not say.</summary>
internal sealed record GenerationParameters
{
    public const string Keyword = "parameters";
    private const string NegativeMark = "Negative prompt:", PromptName = "Prompt", NegativeName = "Negative prompt";

    // Without backtracking: the text may come from a hostile file, and the time must stay proportional to its length.
    private static readonly Regex s_field = new(
        """\s*(?<name>\w[\w \-/]+):\s*(?<value>"(\\.|[^\\"])*"|[^,]*)(,|$)""", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);

    private static readonly JsonSerializerOptions s_readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public string Prompt { get; init; } = "";
    public string NegativePrompt { get; init; } = "";
    public int? Steps { get; init; }
    public string? Sampler { get; init; }
    public double? Guidance { get; init; }
    public long? Seed { get; init; }
    public (int Width, int Height)? Size { get; init; }
    public string? Model { get; init; }

    /// <summary>Any others, in their order. Names have two or more letters, digits, blanks, '-' and '/'.</summary>
    public IReadOnlyList<(string Name, string Value)> Others { get; init; } = [];

    public string Format()
    {
        StringBuilder text = new();
        if (Prompt.Length > 0) text.Append(Prompt).Append('\n');
        if (NegativePrompt.Length > 0) text.Append(NegativeMark).Append(' ').Append(NegativePrompt).Append('\n');
        IEnumerable<(string Name, string? Value)> fields =
        [
            ("Steps", Steps?.ToString()), ("Sampler", Sampler), ("CFG scale", Guidance?.ToString()), ("Seed", Seed?.ToString()),
            ("Size", Size is var (width, height) ? $"{width}x{height}" : null), ("Model", Model), .. Others,
        ];
        string line = string.Join(", ", fields.Where(field => field.Value is not null).Select(field => $"{field.Name}: {Quote(field.Value!)}"));

        // A prompt may look like the text's own marks. Then, and only then, it stands in the parameters once more, quoted.
        (string prompt, string negative) = SplitPrompts(text.ToString().Trim('\n'));
        if (prompt != Prompt || negative != NegativePrompt) line += $", {PromptName}: {JsonQuote(Prompt)}, {NegativeName}: {JsonQuote(NegativePrompt)}";
        return text.Append(line).ToString();
    }

    public static GenerationParameters Parse(string text)
    {
        text = text.Trim('\n');
        int lastLine = text.LastIndexOf('\n') + 1;
        MatchCollection matches = s_field.Matches(text[lastLine..]);
        if (matches.Count < 3) return Prompts(text);

        GenerationParameters result = Prompts(text[..Math.Max(0, lastLine - 1)]);
        List<(string, string)> others = [];
        foreach (Match match in matches)
        {
            (string name, string value) = (match.Groups["name"].Value, Unquote(match.Groups["value"].Value.Trim()));
            GenerationParameters? known = result.With(name, value);
            if (known is null) others.Add((name, value));
            else result = known;
        }

        return result with { Others = others };
    }

    /// <summary>These parameters with one more that has a property of its own; null for others and for values that are not what the name promises.</summary>
    private GenerationParameters? With(string name, string value) => name switch
    {
        "Steps" => int.TryParse(value, out int steps) ? this with { Steps = steps } : null,
        "Sampler" => this with { Sampler = value },
        "CFG scale" => double.TryParse(value, out double guidance) ? this with { Guidance = guidance } : null,
        "Seed" => long.TryParse(value, out long seed) ? this with { Seed = seed } : null,
        "Size" => value.Split('x') is [var w, var h] && int.TryParse(w, out int width) && int.TryParse(h, out int height) ? this with { Size = (width, height) } : null,
        "Model" => this with { Model = value },
        PromptName => this with { Prompt = value },
        NegativeName => this with { NegativePrompt = value },
        _ => null,
    };

    private static GenerationParameters Prompts(string text)
    {
        (string prompt, string negative) = SplitPrompts(text);
        return new() { Prompt = prompt, NegativePrompt = negative };
    }

    private static (string Prompt, string Negative) SplitPrompts(string text)
    {
        if (text.StartsWith(NegativeMark, StringComparison.Ordinal)) return ("", text[NegativeMark.Length..].TrimStart(' '));
        int mark = text.IndexOf('\n' + NegativeMark, StringComparison.Ordinal);
        return mark < 0 ? (text, "") : (text[..mark], text[(mark + 1 + NegativeMark.Length)..].TrimStart(' '));
    }

    private static string Quote(string value) => value.AsSpan().IndexOfAny(",:\n") < 0 && !value.StartsWith('"') && value.Trim() == value ? value : JsonQuote(value);

    private static string JsonQuote(string value) => JsonSerializer.Serialize(value, s_readable);

    private static string Unquote(string value)
    {
        if (value is not ['"', .., '"']) return value;
        try
        {
            return JsonSerializer.Deserialize<string>(value) ?? value;
        }
        catch (JsonException)
        {
            return value; // not quoted, only framed by quotes
        }
    }
}
