// Settings by type and range, and errors that name file and key.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public class ConfigReaderTests
{
    private static readonly ConfigReader s_config = ConfigReader.Parse("""
        { "int": 3, "whole": 4.0, "half": 0.5, "none": null, "text": "silu", "yes": true, "list": [1, 2, 3], "names": ["a", "b"], "huge": 1e300, "negative": -1, "nested": {} }
        """, "config.json");

    [Fact]
    public void Values_come_in_their_types()
    {
        Assert.Equal(3, s_config.Int("int"));
        Assert.Equal(4, s_config.Int("whole"));
        Assert.Equal(0.5, s_config.Double("half"));
        Assert.Equal(3.0, s_config.Double("int"));
        Assert.Equal("silu", s_config.String("text"));
        Assert.True(s_config.Bool("yes"));
        Assert.Equal([1, 2, 3], s_config.Ints("list"));
        Assert.Equal(["a", "b"], s_config.Strings("names"));
        Assert.Equal([1, 2, 3], s_config.IntOrList("list", 3));
        Assert.Equal([3, 3], s_config.IntOrList("int", 2));
    }

    [Fact]
    public void Lists_of_numbers_switches_and_raw_values_are_read()
    {
        Assert.Equal([1.0, 2.0, 3.0], s_config.Doubles("list"));
        Assert.Contains("'names' should be a list of numbers, not \"a\"", Assert.Throws<BrushfireException>(() => s_config.Doubles("names")).Message, StringComparison.Ordinal);
        ConfigReader config = ConfigReader.Parse("""{ "on": true, "off": false, "none": null, "zero": 0 }""", "config.json");
        Assert.Equal([false, true, true, true, false], new[] { "on", "off", "none", "absent", "zero" }.Select(config.IsOff));
        Assert.Equal(["true", "null", "0"], new[] { "on", "absent", "zero" }.Select(config.Raw));
    }

    [Fact]
    public void Infinities_as_Python_writes_them_are_null()
    {
        ConfigReader config = ConfigReader.Parse("""{ "low": -Infinity, "high": Infinity, "not": [NaN], "text": "NaN \" Infinity \\", "after": 3 }""", "config.json");
        Assert.Equal([false, false], new[] { "low", "high" }.Select(config.Has));
        Assert.Equal("[null]", config.Raw("not"));
        Assert.Equal("NaN \" Infinity \\", config.String("text"));
        Assert.Equal(3, config.Int("after"));
    }

    [Fact]
    public void A_missing_or_null_value_is_the_default()
    {
        foreach (string key in (string[])["none", "absent"])
        {
            Assert.False(s_config.Has(key));
            Assert.Equal(7, s_config.Int(key, 7));
            Assert.Equal(7.5, s_config.Double(key, 7.5));
            Assert.Equal("x", s_config.String(key, "x"));
            Assert.True(s_config.Bool(key, true));
            Assert.Equal([1], s_config.Ints(key, [1]));
            Assert.Equal(["y"], s_config.Strings(key, ["y"]));
            Assert.Equal([5, 5], s_config.IntOrList(key, 2, 5));
        }
    }

    public static TheoryData<string, Action<ConfigReader>> Mistakes() => new()
    {
        { "config.json has no 'absent'; it should be a whole number.", config => config.Int("absent") },
        { "config.json has no 'none'; it should be a list of texts.", config => config.Strings("none") },
        { "config.json: 'text' should be a whole number, not \"silu\".", config => config.Int("text") },
        { "config.json: 'half' should be a whole number, not 0.5.", config => config.Int("half") },
        { "config.json: 'negative' should be a whole number from 0 to 1000000, not -1.", config => config.Int("negative") },
        { "config.json: 'huge' should be a whole number from 1 to 9, not 1e300.", config => config.Int("huge", 1, 1, 9) },
        { "config.json: 'huge' should be a number from -1000000000000 to 1000000000000, not 1e300.", config => config.Double("huge") },
        { "config.json: 'list' should be a whole number, not [1, 2, 3].", config => config.Int("list") },
        { "config.json: 'list' should be one number or a list of 2, not [1, 2, 3].", config => config.IntOrList("list", 2) },
        { "config.json: 'names' should be a whole number, not \"a\".", config => config.Ints("names") },
        { "config.json: 'int' should be true or false, not 3.", config => config.Bool("int") },
        { "config.json: 'nested' should be a text, not {}.", config => config.String("nested") },
        { "config.json: 'int': 3 levels are too many.", config => throw config.Error("int", "3 levels are too many") },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void Mistakes_name_file_and_key(string message, Action<ConfigReader> read) =>
        Assert.Equal(message, Assert.Throws<BrushfireException>(() => read(s_config)).Message);

    [Fact]
    public void Overrides_lie_in_front_and_errors_name_the_file_that_has_the_value()
    {
        ConfigReader both = s_config.With(ConfigReader.Parse("""{ "int": "x", "half": 2, "new": 1, "text": null }""", "mine.json"));
        Assert.Equal(2, both.Double("half"));
        Assert.Equal(1, both.Int("new"));
        Assert.Equal("gelu", both.String("text", "gelu"));
        Assert.True(both.Bool("yes"));
        Assert.Contains("new", both.Keys);
        Assert.StartsWith("mine.json: 'int'", Assert.Throws<BrushfireException>(() => both.Int("int")).Message, StringComparison.Ordinal);
        Assert.StartsWith("config.json: 'huge'", Assert.Throws<BrushfireException>(() => both.Int("huge")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is not valid JSON")]
    [InlineData("{", "is not valid JSON")]
    [InlineData("{\"a\": \"\\ud800\"}", "is not valid JSON")]
    [InlineData("{\"\\ud800\": 1}", "is not valid JSON")]
    [InlineData("[1]", "holds a JSON Array, not an object of settings")]
    public void What_is_no_object_is_refused(string json, string message) =>
        Assert.Contains(message, Assert.Throws<BrushfireException>(() => ConfigReader.Parse(json, "x.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void Deep_nesting_is_refused() =>
        Assert.Contains("is not valid JSON", Assert.Throws<BrushfireException>(() => ConfigReader.Parse("{\"a\":" + new string('[', 100_000), "x.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_byte_order_mark_is_no_mistake()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(1, ConfigReader.Open(folder.Write("x.json", "\uFEFF{\"a\":1}")).Int("a"));
    }
}
