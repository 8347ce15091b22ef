// Texts that are compared with files beside the tests; BRUSHFIRE_GOLDEN=update writes the files instead.

using Brushfire.Kernels;
using Brushfire.Tests.Laws;

namespace Brushfire.Tests;

public static class GoldenText
{
    /// <summary>Fails unless the file, named from tests/Brushfire.Tests on, holds this text.</summary>
    public static void Check(string file, string text)
    {
        string path = Path.Combine(Repository.Root, "tests", "Brushfire.Tests", file);
        if (Knobs.Golden.Value == "update")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
            return;
        }

        if (!File.Exists(path)) Assert.Fail($"{file} is missing; run the test with {Knobs.Golden.Name}=update and review the file.");
        string[] expected = File.ReadAllText(path).Split('\n'), actual = text.Split('\n');
        for (int i = 0; i < Math.Max(expected.Length, actual.Length); i++)
        {
            string left = i < expected.Length ? expected[i] : "(end)", right = i < actual.Length ? actual[i] : "(end)";
            if (left != right) Assert.Fail($"{file}, line {i + 1}:\n  expected: {left}\n  actual:   {right}\nIf the change is meant, run the test with {Knobs.Golden.Name}=update and review the file.");
        }
    }
}
