// Names as printed in graph texts: QuickGelu is quick_gelu.

using System.Text;

namespace Brushfire.Tensors;

internal static class Names
{
    public static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        foreach (char letter in name)
        {
            if (char.IsUpper(letter) && text.Length > 0) text.Append('_');
            text.Append(char.ToLowerInvariant(letter));
        }

        return text.ToString();
    }
}
