// The text of parameters: the form that other programs write and read, quoting, and every text back as it was.

using Brushfire.Cli.Images;

namespace Brushfire.Tests.Cli.Images;

public class GenerationParametersTests
{
    private static readonly GenerationParameters s_fox = new()
    {
        Prompt = "a fox, sitting",
        NegativePrompt = "blurry",
        Steps = 25,
        Sampler = "PLMS",
        Guidance = 7.5,
        Seed = 1,
        Size = (128, 96),
        Model = "emoji",
        Others = [("Schedule type", "leading"), ("RNG", "torch-cpu"), ("Note", "a: \"b\", c\nd")],
    };

    [Fact]
    public void The_text_is_in_the_form_that_other_programs_read() =>
        Assert.Equal("""
            a fox, sitting
            Negative prompt: blurry
            Steps: 25, Sampler: PLMS, CFG scale: 7.5, Seed: 1, Size: 128x96, Model: emoji, Schedule type: leading, RNG: torch-cpu, Note: "a: \"b\", c\nd"
            """, s_fox.Format());

    [Fact]
    public void Without_a_negative_prompt_there_is_no_line_for_it() =>
        Assert.Equal("a fox\nSteps: 1, Sampler: DDIM, Seed: -3", new GenerationParameters { Prompt = "a fox", Steps = 1, Sampler = "DDIM", Seed = -3 }.Format());

    [Theory]
    [InlineData("a fox", "")]
    [InlineData("", "")]
    [InlineData("", "blurry")]
    [InlineData("two\nlines, 日本\n\nand more", "one\ntwo")]
    [InlineData("Steps: 1, Sampler: x, Seed: 2", "")]
    [InlineData("a\nNegative prompt: b", "c\nNegative prompt: \"d\"")]
    [InlineData("Negative prompt: all of it", "")]
    [InlineData("\n  around \n", " \n around\r\n")]
    public void Every_text_comes_back(string prompt, string negative)
    {
        GenerationParameters written = s_fox with { Prompt = prompt, NegativePrompt = negative };
        GenerationParameters read = GenerationParameters.Parse(written.Format());
        Assert.Equal(written.Others, read.Others);
        Assert.Equal(written with { Others = read.Others }, read);
    }

    [Fact]
    public void A_text_of_another_program_is_read()
    {
        GenerationParameters read = GenerationParameters.Parse(
            "masterpiece, (fox:1.2)\nNegative prompt: lowres, bad\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1234567890, Size: 512x768, Model hash: 6ce0161689, Lora hashes: \"x: 1, y: 2\", Version: v1.6.0");
        Assert.Equal(("masterpiece, (fox:1.2)", "lowres, bad", 20, "Euler a", 7.0, 1234567890L, (512, 768), null),
            (read.Prompt, read.NegativePrompt, read.Steps, read.Sampler, read.Guidance, read.Seed, read.Size, read.Model));
        Assert.Equal([("Model hash", "6ce0161689"), ("Lora hashes", "x: 1, y: 2"), ("Version", "v1.6.0")], read.Others);
    }

    [Fact]
    public void Text_without_parameters_is_a_prompt()
    {
        GenerationParameters read = GenerationParameters.Parse("a fox\nStyle: flat, Size: big");
        Assert.Equal(("a fox\nStyle: flat, Size: big", null, 0), (read.Prompt, read.Size, read.Others.Count));
    }

    [Fact]
    public void Values_that_are_not_what_the_name_promises_are_kept_as_texts()
    {
        GenerationParameters read = GenerationParameters.Parse("Steps: many, Seed: 99999999999999999999, Size: 1x2x3, Sampler: \"broken \\q\"");
        Assert.Equal([("Steps", "many"), ("Seed", "99999999999999999999"), ("Size", "1x2x3")], read.Others);
        Assert.Equal("\"broken \\q\"", read.Sampler);
    }

    [Fact]
    public void A_long_hostile_text_takes_no_long_time()
    {
        GenerationParameters read = GenerationParameters.Parse(new string('a', 1 << 20));
        Assert.Equal(1 << 20, read.Prompt.Length);
    }
}
