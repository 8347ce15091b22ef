// The repository's laws: which project may know which, how long files get, where unsafe code may stand, and that every
// knob is documented.

using System.Text.RegularExpressions;
using System.Xml.Linq;
using Brushfire.Kernels;

namespace Brushfire.Tests.Laws;

public sealed partial class LawTests
{
    private const int LongestFile = 450;

    // A project and the ones below it that it may name; and the packages it may use.
    private static readonly Dictionary<string, (string[] Projects, string[] Packages)> s_layers = new(StringComparer.Ordinal)
    {
        ["Brushfire.Kernels"] = ([], ["Iced"]),
        ["Brushfire.Tensors"] = (["Brushfire.Kernels"], []),
        ["Brushfire.Compiler"] = (["Brushfire.Tensors"], ["Microsoft.CodeAnalysis.CSharp"]),
        ["Brushfire.Models"] = (["Brushfire.Tensors"], ["Microsoft.ML.Tokenizers"]),
        ["Brushfire.Diffusion"] = (["Brushfire.Compiler", "Brushfire.Models"], []),
        ["Brushfire.Bench"] = (["Brushfire.Diffusion"], []),
        ["Brushfire.Cli"] = (["Brushfire.Diffusion", "Brushfire.Bench"], ["SkiaSharp", "SkiaSharp.NativeAssets.Linux.NoDependencies", "Spectre.Console", "System.CommandLine", "System.IO.Hashing"]),
    };

    [Fact]
    public void Layers_name_only_the_ones_below()
    {
        string[] projects = [.. Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)];
        Assert.Equal(s_layers.Keys.Order(StringComparer.Ordinal), projects.Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));
        foreach (string path in projects)
        {
            XDocument project = XDocument.Load(path);
            (string[] allowed, string[] packages) = s_layers[Path.GetFileNameWithoutExtension(path)];
            string[] references = [.. project.Descendants("ProjectReference").Select(item => Path.GetFileNameWithoutExtension(item.Attribute("Include")!.Value))];
            Assert.Equal(allowed.Order(StringComparer.Ordinal), references.Order(StringComparer.Ordinal));
            Assert.Equal(packages.Order(StringComparer.Ordinal), project.Descendants("PackageReference").Select(item => item.Attribute("Include")!.Value).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void Unsafe_code_stays_in_kernels_storage_and_what_generates_and_calls_kernels()
    {
        foreach (string path in Repository.Sources("src"))
        {
            string[] folders = Path.GetRelativePath(Path.Combine(Repository.Root, "src"), path).Split(Path.DirectorySeparatorChar);
            if (folders is ["Brushfire.Kernels" or "Brushfire.Tensors", ..] or ["Brushfire.Compiler", "Loops" or "Emission" or "Runtime", ..]) continue;
            Assert.False(Unsafe().IsMatch(File.ReadAllText(path)), $"{path} has unsafe code; it belongs in Brushfire.Kernels, Brushfire.Tensors, or what generates and calls kernels.");
        }
    }

    [Fact]
    public void Files_stay_short_and_say_what_they_are()
    {
        foreach (string path in Repository.Sources("src").Concat(Repository.Sources("tests")))
        {
            string[] lines = File.ReadAllLines(path);
            Assert.True(lines.Length <= LongestFile, $"{path} has {lines.Length} lines; cut it at a joint (at most {LongestFile}).");
            Assert.True(lines[0].StartsWith("// ", StringComparison.Ordinal), $"{path} does not open with a comment that says what it is.");
        }
    }

    [Fact]
    public void Every_knob_is_documented()
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        foreach (Knob knob in Knobs.All) Assert.Contains($"`{knob.Name}`", readme, StringComparison.Ordinal);
        Assert.InRange(readme.Count(letter => letter == '\n'), 1, 150);
    }

    [Fact]
    public void The_shipped_model_and_licences_are_in_the_repository()
    {
        foreach (string path in new[] { "LICENSE", "THIRD-PARTY-NOTICES.md", "models/emoji/model_index.json", "models/emoji/unet/diffusion_pytorch_model.safetensors" })
            Assert.True(File.Exists(Path.Combine(Repository.Root, path)), $"{path} is missing.");
    }

    [GeneratedRegex(@"^[^/""]*\bunsafe\b", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Unsafe();
}
