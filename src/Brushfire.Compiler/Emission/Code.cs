// Lines of C# with indentation.

using System.Text;

namespace Brushfire.Compiler.Emission;

internal sealed class Code
{
    private readonly StringBuilder _text = new();
    private int _depth;

    public void Line(string line = "")
    {
        if (line.Length > 0) _text.Append(' ', 4 * _depth).Append(line);
        _text.Append('\n');
    }

    /// <summary>A line and what belongs to it, in braces.</summary>
    public void Block(string line, Action body)
    {
        Line(line);
        Line("{");
        _depth++;
        body();
        _depth--;
        Line("}");
    }

    public override string ToString() => _text.ToString();
}
