// What --json prints.

using System.Text.Json.Nodes;
using Brushfire.Cli;

namespace Brushfire.Tests.Cli;

public sealed class JsonTests
{
    [Fact]
    public void An_outline_has_a_line_a_value_names_in_words_and_nested_values_indented()
    {
        var node = new JsonObject
        {
            ["hugePages"] = "used",
            ["caches"] = Json.List(["L1 32K", "L2 1M"]),
            ["knobs"] = new JsonObject { ["BRUSHFIRE_ISA"] = "not set" },
        };
        Assert.Equal("huge pages  used\ncaches      L1 32K, L2 1M\nknobs       \n  BRUSHFIRE_ISA  not set", Json.Outline(node));
    }
}
