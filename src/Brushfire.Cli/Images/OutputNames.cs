// Where pictures go: a path whose file name may have placeholders. Every picture of a run gets a name of its own.

namespace Brushfire.Cli.Images;

internal static class OutputNames
{
    private const string Seed = "seed", Index = "index";

    /// <summary>All that is wrong with a template, each in a sentence; empty where it can be used.</summary>
    public static IReadOnlyList<string> Problems(string template)
    {
        if (template.Length == 0) return [$"The output has no name; give a file that ends in one of {ImageFormats.Extensions}."];
        List<string> problems = [];
        if (ImageFormats.OfPath(template) is null) problems.Add($"The output '{template}' must end in one of {ImageFormats.Extensions}.");
        foreach (string name in Placeholders(Path.GetFileName(template)))
            if (name is not (Seed or Index)) problems.Add($"The output '{template}' has the placeholder {{{name}}}; there are {{{Seed}}} and {{{Index}}}.");
        if (Path.GetDirectoryName(Path.GetFullPath(template)) is { } folder && !Directory.Exists(folder)) problems.Add($"The output's folder {folder} does not exist.");
        if (Directory.Exists(template)) problems.Add($"The output '{template}' is a folder.");
        return problems;
    }

    /// <summary>One path a picture, in order. Where the template gives two pictures the same name, all get -0, -1 … before the extension.</summary>
    public static IReadOnlyList<string> Expand(string template, IReadOnlyList<long> seeds)
    {
        (string folder, string file) = (Path.GetDirectoryName(template) ?? "", Path.GetFileName(template));
        string[] names = [.. seeds.Select((seed, index) => file.Replace($"{{{Seed}}}", seed.ToString(), StringComparison.Ordinal).Replace($"{{{Index}}}", index.ToString(), StringComparison.Ordinal))];
        bool distinct = names.Distinct(StringComparer.OrdinalIgnoreCase).Count() == names.Length;
        return [.. names.Select((name, index) => Path.Combine(folder, distinct ? name : $"{Path.GetFileNameWithoutExtension(name)}-{index}{Path.GetExtension(name)}"))];
    }

    private static IEnumerable<string> Placeholders(string name)
    {
        for (int open = name.IndexOf('{', StringComparison.Ordinal); open >= 0; open = name.IndexOf('{', open + 1))
        {
            int close = name.IndexOf('}', open);
            if (close < 0) yield break;
            yield return name[(open + 1)..close];
        }
    }
}
