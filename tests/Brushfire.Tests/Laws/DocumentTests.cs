// Code in documents: every C# block compiles against the libraries, and README's runs.

using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Brushfire.Tests.Laws;

public sealed class DocumentTests
{
    private const string ImplicitUsings = "using System; using System.Collections.Generic; using System.IO; using System.Linq; using System.Threading;\n";

    public static TheoryData<string> Documents =>
    [
        .. new[] { "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md" },
        .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Select(path => Path.GetRelativePath(Repository.Root, path)),
    ];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Code_in_documents_compiles(string document)
    {
        foreach (string block in Blocks(document)) Compile(block);
    }

    [Fact]
    public void The_code_in_readme_draws_a_picture()
    {
        // The same program with fewer steps, and its lines in a list instead of on the console.
        string code = Blocks("README.md").First();
        Assert.InRange(code.Count(letter => letter == '\n'), 5, 18);
        code = code.Replace("Steps = 25", "Steps = 2", StringComparison.Ordinal).Replace("Console.WriteLine(", "Lines.All.Add(", StringComparison.Ordinal)
            + "\npublic static class Lines { public static List<string> All { get; } = []; }";
        Assembly program = Assembly.Load(Compile(code));
        program.EntryPoint!.Invoke(null, program.EntryPoint.GetParameters().Length == 0 ? null : [Array.Empty<string>()]);
        var lines = (List<string>)program.GetType("Lines")!.GetProperty("All")!.GetValue(null)!;
        Assert.Equal("128 x 128 pixels, 49152 bytes of red, green, blue", lines[^1]);
    }

    [Fact]
    public void Links_between_documents_lead_somewhere()
    {
        foreach (string document in Documents.Select(row => row.Data))
        {
            string folder = Path.GetDirectoryName(Path.Combine(Repository.Root, document))!;
            foreach (Match link in Regex.Matches(File.ReadAllText(Path.Combine(Repository.Root, document)), @"\]\((?<path>[^)#:]+)\)", RegexOptions.ExplicitCapture))
                Assert.True(Path.Exists(Path.Combine(folder, link.Groups["path"].Value)), $"{document} links to {link.Groups["path"].Value}, which is not there.");
        }
    }

    private static IEnumerable<string> Blocks(string document) =>
        Regex.Matches(File.ReadAllText(Path.Combine(Repository.Root, document)), "```csharp\n(?<code>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture).Select(match => match.Groups["code"].Value);

    private static byte[] Compile(string code)
    {
        // Everything that this test project runs with can be referenced.
        var trusted = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        MetadataReference[] references = [.. trusted.Split(Path.PathSeparator).Where(File.Exists).Select(path => MetadataReference.CreateFromFile(path))];
        CSharpCompilation compilation = CSharpCompilation.Create("Document", [CSharpSyntaxTree.ParseText(ImplicitUsings + code, cancellationToken: TestContext.Current.CancellationToken)], references, new CSharpCompilationOptions(OutputKind.ConsoleApplication));
        using var stream = new MemoryStream();
        var result = compilation.Emit(stream, cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Append<object>(code)));
        return stream.ToArray();
    }
}
