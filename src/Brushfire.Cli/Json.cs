// Results as data: printed as JSON for programs, or as an indented outline of the same for people.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brushfire.Cli;

internal static class Json
{
    private static readonly JsonSerializerOptions s_readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Print(JsonNode node) => node.ToJsonString(s_readable);

    public static JsonArray List(IEnumerable<string> texts) => [.. texts.Select(text => JsonValue.Create(text))];

    /// <summary>One line a value, names in words, nested objects indented.</summary>
    public static string Outline(JsonObject node)
    {
        var text = new StringBuilder();
        Append(text, node, 0);
        return text.ToString().TrimEnd('\n');
    }

    private static void Append(StringBuilder text, JsonObject node, int depth)
    {
        int width = node.Count == 0 ? 0 : node.Max(item => Words(item.Key).Length);
        foreach ((string key, JsonNode? value) in node)
        {
            text.Append(' ', 2 * depth).Append(Words(key).PadRight(width + 2));
            switch (value)
            {
                case JsonObject inner:
                    text.Append('\n');
                    Append(text, inner, depth + 1);
                    break;
                case JsonArray array:
                    text.AppendJoin(", ", array.Select(item => item?.ToString())).Append('\n');
                    break;
                default:
                    text.Append(value).Append('\n');
                    break;
            }
        }
    }

    // camelCase keys as words; names of other things (with capitals at the start, or '_' or '-') as they are.
    private static string Words(string key)
    {
        if (!char.IsAsciiLetterLower(key.FirstOrDefault()) || key.Any(letter => !char.IsAsciiLetter(letter))) return key;
        var words = new StringBuilder();
        foreach (char letter in key)
        {
            if (char.IsAsciiLetterUpper(letter)) words.Append(' ');
            words.Append(char.ToLowerInvariant(letter));
        }

        return words.ToString();
    }
}
