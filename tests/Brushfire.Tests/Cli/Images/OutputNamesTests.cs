// Names of a run's pictures, and what is wrong with a template.

using Brushfire.Cli.Images;

namespace Brushfire.Tests.Cli.Images;

public class OutputNamesTests
{
    [Theory]
    [InlineData("fox.png", "7", "fox.png")]
    [InlineData("fox.png", "7 8 9", "fox-0.png fox-1.png fox-2.png")]
    [InlineData("fox-{seed}.webp", "7 8", "fox-7.webp fox-8.webp")]
    [InlineData("{index}.{seed}.jpg", "7 7", "0.7.jpg 1.7.jpg")]
    [InlineData("fox-{seed}.png", "7 8 7", "fox-7-0.png fox-8-1.png fox-7-2.png")]
    [InlineData("fox.v2.png", "7 8", "fox.v2-0.png fox.v2-1.png")]
    public void Every_picture_has_a_name_of_its_own(string template, string seeds, string expected)
    {
        long[] numbers = [.. seeds.Split(' ').Select(long.Parse)];
        string[] names = expected.Split(' ');
        Assert.Equal(names, OutputNames.Expand(template, numbers));
        string[] inFolder = [.. names.Select(name => Path.Combine("{seed}", name))];
        Assert.Equal(inFolder, OutputNames.Expand(Path.Combine("{seed}", template), numbers));
    }

    [Fact]
    public void Everything_wrong_is_listed_with_what_is_valid()
    {
        using TempFolder folder = new();
        Assert.Empty(OutputNames.Problems(folder["{seed}-{index}{.PNG"]));
        Assert.Empty(OutputNames.Problems("x.jpeg"));
        string bad = folder[Path.Combine("no", "{sed}-{}.gif")];
        Assert.Equal(
        [
            $"The output '{bad}' must end in one of .png, .jpg, .jpeg, .webp.",
            $"The output '{bad}' has the placeholder {{sed}}; there are {{seed}} and {{index}}.",
            $"The output '{bad}' has the placeholder {{}}; there are {{seed}} and {{index}}.",
            $"The output's folder {folder["no"]} does not exist.",
        ], OutputNames.Problems(bad));
        Directory.CreateDirectory(folder["a.png"]);
        Assert.Equal([$"The output '{folder["a.png"]}' is a folder."], OutputNames.Problems(folder["a.png"]));
        Assert.Equal(["The output has no name; give a file that ends in one of .png, .jpg, .jpeg, .webp."], OutputNames.Problems(""));
    }
}
