// Tables of measurements: texts on the left, numbers on the right, in a form that reads well as Markdown too.

using Spectre.Console;

namespace Brushfire.Cli;

internal static class Tables
{
    public static Table New(string[] texts, string[] numbers)
    {
        Table table = new Table().Border(TableBorder.Markdown);
        foreach (string text in texts) table.AddColumn(new TableColumn(text));
        foreach (string number in numbers) table.AddColumn(new TableColumn(number).RightAligned());
        return table;
    }

    /// <summary>A row of plain texts.</summary>
    public static void AddTexts(this Table table, params string[] texts) => table.AddRow([.. texts.Select(Markup.Escape)]);

    /// <summary>Arithmetic where there is any, else memory traffic.</summary>
    public static string Speed(double operations, double bytes, double seconds) =>
        operations > 0 ? $"{operations / seconds / 1e9:F1} GFLOP/s" : $"{bytes / seconds / 1e9:F1} GB/s";
}
