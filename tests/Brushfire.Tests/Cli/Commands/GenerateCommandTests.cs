// brushfire generate, run in the process: pictures, errors, cancellation.

using System.Diagnostics;
using System.Text.Json.Nodes;
using Brushfire.Cli;
using Brushfire.Cli.Commands;
using Brushfire.Cli.Images;

namespace Brushfire.Tests.Cli.Commands;

public sealed class GenerateCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void All_problems_of_a_request_are_listed_at_once()
    {
        ProgramRun run = ProgramRun.Of("generate", "--steps", "many", "--width", "13", "--batch", "0", "--sampler", "magic", "--guidance", "x", "--seed", "-1", "--rng", "dice",
            "--code", "new", "--precision", "fp8", "--compile", "all", "--threads", "0", "-o", "x.gif", "--loud");
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Empty(run.Data);
        foreach (string expected in (string[])["--loud", "no prompt", "--steps", "width", "--batch", "sampler", "--guidance", "--seed", "noise generator", "--code", "--precision", "--compile", "--threads", ".gif"])
            Assert.Single(run.Lines, line => line.Contains(expected, StringComparison.Ordinal));
        Assert.Equal(14, run.Lines.Length);
    }

    [Fact]
    public void A_model_that_is_missing_is_one_of_the_problems()
    {
        ProgramRun run = ProgramRun.Of("generate", "a fox", "--model", "no/such/model", "--threads", "x");
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Equal(2, run.Lines.Length);
        Assert.Contains("no/such/model", run.Talk);
        Assert.Equal(CommandLine.Failure, ProgramRun.Of("generate", "a fox", "--model", "no/such/model").ExitCode);
    }

    [Theory]
    [InlineData("--width", "99999999999", "--width is '99999999999' and must be a whole number from 8 to 16384")]
    [InlineData("--height", "16385", "--height is '16385' and must be a whole number from 8 to 16384")]
    [InlineData("--width", "12", "the width of 12 pixels is not a multiple of 8 from 8 to 16384; 8 and 16 are near")]
    [InlineData("--batch", "99999999999", "--batch is '99999999999' and must be a whole number from 1 to 256")]
    [InlineData("--steps", "99999999999", "--steps is '99999999999' and must be a whole number from 1 to 1000000")]
    [InlineData("--steps", "1001", "1001 steps cannot be taken; the model knows 1000 timesteps, so choose 1 to 1000")]
    public void A_number_out_of_range_is_told_with_the_range(string option, string value, string expected)
    {
        ProgramRun run = ProgramRun.Of("generate", "a fox", option, value);
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Equal($"brushfire: {expected}", Assert.Single(run.Lines));
    }

    [Fact]
    public void A_picture_too_large_for_its_format_is_refused_before_it_is_drawn()
    {
        ProgramRun run = ProgramRun.Of("generate", "a fox", "--width", "64", "--height", "16384", "-o", _folder["fox.webp"]);
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Equal("brushfire: --height is '16384', but WebP takes at most 16383 pixels a side; write PNG or JPEG, or a smaller picture", Assert.Single(run.Lines));
    }

    [Fact]
    public void Files_of_a_model_that_are_damaged_are_told_before_the_seed()
    {
        string model = _folder["model"];
        foreach (string path in Directory.GetFiles(ShippedModel.Folder, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(model, Path.GetRelativePath(ShippedModel.Folder, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(path, copy);
        }

        File.WriteAllText(Path.Combine(model, "vae", "diffusion_pytorch_model.safetensors"), "damaged");
        ProgramRun run = ProgramRun.Of("generate", "a fox", "--model", model, "-o", _folder["fox.png"]);
        Assert.Equal(CommandLine.Failure, run.ExitCode);
        Assert.Contains("vae", Assert.Single(run.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_request_gives_the_same_bytes_with_any_number_of_threads()
    {
        foreach ((string name, string threads) in ((string, string)[])[("first.png", "1"), ("again.png", "1"), ("two.png", "2")])
            ProgramRun.Succeed("generate", "a red apple", "--steps", "2", "--seed", "5", "--threads", threads, "-o", _folder[name]);
        byte[] first = File.ReadAllBytes(_folder["first.png"]);
        Assert.Equal(first, File.ReadAllBytes(_folder["again.png"]));
        Assert.Equal(first, File.ReadAllBytes(_folder["two.png"]));
    }

    [Fact]
    public void A_picture_of_a_batch_is_the_one_of_its_own_seed()
    {
        ProgramRun.Succeed("generate", "a red apple", "--steps", "2", "--seed", "5", "--batch", "2", "-o", _folder["{index}-{seed}.png"]);
        ProgramRun.Succeed("generate", "a red apple", "--steps", "2", "--seed", "6", "-o", _folder["alone.png"]);
        Assert.True(File.Exists(_folder["0-5.png"]));
        Assert.Equal(File.ReadAllBytes(_folder["alone.png"]), File.ReadAllBytes(_folder["1-6.png"]));
    }

    [Fact]
    public void Json_tells_paths_seeds_settings_and_timings()
    {
        string path = _folder["fox.webp"];
        ProgramRun run = ProgramRun.Succeed("generate", "a fox", "--negative", "blurry", "--steps", "2", "--sampler", "euler", "--spacing", "trailing", "--guidance", "4.5", "--seed", "7", "--rng", "philox",
            "--width", "64", "--height", "96", "--code", "original", "--attention", "math", "--precision", "bf16", "--json", "-o", path);
        JsonObject picture = Assert.Single(run.Json["pictures"]!.AsArray())!.AsObject();
        Assert.Equal((path, "a fox", 7), (picture["path"]!.GetValue<string>(), picture["prompt"]!.GetValue<string>(), picture["seed"]!.GetValue<int>()));
        JsonObject settings = run.Json["settings"]!.AsObject();
        (string, string)[] expected = [("model", "emoji"), ("negative", "blurry"), ("steps", "2"), ("sampler", "euler"), ("spacing", "trailing"), ("guidance", "4.5"), ("rng", "philox"), ("width", "64"), ("height", "96"), ("batch", "1"), ("code", "original"), ("attention", "math"), ("precision", "bf16")];
        foreach ((string key, string value) in expected) Assert.Equal(value, settings[key]!.ToString());
        Assert.True(run.Json["seconds"]!["total"]!.GetValue<double>() > run.Json["seconds"]!["steps"]!.GetValue<double>());
        Assert.Equal((64, 96), (ImageFile.Read(path).Width, ImageFile.Read(path).Height));
    }

    [Fact]
    public void The_file_says_what_made_it_and_inspect_tells_it()
    {
        ProgramRun.Succeed("generate", "a fox, sitting", "--steps", "2", "--seed", "7", "-o", _folder["fox.png"]);
        JsonObject parameters = ProgramRun.Succeed("inspect", _folder["fox.png"], "--json").Json["parameters"]!.AsObject();
        (string, string)[] expected = [("prompt", "a fox, sitting"), ("steps", "2"), ("sampler", "plms"), ("guidance", "7.5"), ("seed", "7"), ("width", "128"), ("height", "128"), ("model", "emoji"), ("RNG", "torch-cpu"), ("Spacing", "leading")];
        foreach ((string key, string value) in expected) Assert.Equal(value, parameters[key]!.ToString());
    }

    [Fact]
    public void A_missing_seed_is_drawn_and_told()
    {
        ProgramRun run = ProgramRun.Succeed("generate", "a fox", "--steps", "1", "-o", _folder["{seed}.png"]);
        long seed = long.Parse(Path.GetFileNameWithoutExtension(Assert.Single(Directory.GetFiles(_folder.Path))));
        Assert.Contains($"seed {seed}\n", run.Talk);
    }

    [Fact]
    public void A_file_of_prompts_gives_a_picture_for_each()
    {
        File.WriteAllText(_folder["list.txt"], "# fruit\na red apple\n\n  a lemon  \n");
        ProgramRun run = ProgramRun.Succeed("generate", "--prompts", _folder["list.txt"], "--steps", "1", "--seed", "3", "--json", "-o", _folder["{index}.png"]);
        Assert.Equal(["a red apple", "a lemon"], run.Json["pictures"]!.AsArray().Select(picture => picture!["prompt"]!.GetValue<string>()));
        Assert.NotEqual(File.ReadAllBytes(_folder["0.png"]), File.ReadAllBytes(_folder["1.png"]));
    }

    [Fact]
    public void Prompts_that_are_missing_or_double_are_refused()
    {
        File.WriteAllText(_folder["empty.txt"], "# nothing\n");
        Assert.Contains("holds no prompt", ProgramRun.Of("generate", "--prompts", _folder["empty.txt"]).Talk);
        Assert.Contains("cannot be read", ProgramRun.Of("generate", "--prompts", _folder["missing.txt"]).Talk);
        Assert.Contains("give one of them", ProgramRun.Of("generate", "a fox", "--prompts", _folder["empty.txt"]).Talk);
    }

    [Theory]
    [InlineData("a red fox", "a red fox")]
    [InlineData("", "picture")]
    [InlineData("\n \t", "picture")]
    [InlineData("a\u001b[31m\nfox", "a [31m fox")]
    [InlineData("a fox in a forest, with a very long tail!", "a fox in a forest, with a very long tai…")]
    [InlineData("38 characters before the animal here: \U0001F98A\U0001F98A", "38 characters before the animal here: …")]
    public void Progress_is_titled_with_the_prompts_beginning(string prompt, string expected) => Assert.Equal(expected, GenerateRun.Title(prompt));

    [Fact]
    public void A_long_prompt_is_drawn_with_a_notice()
    {
        ProgramRun run = ProgramRun.Succeed("generate", string.Join(' ', Enumerable.Repeat("apple", 100)), "--steps", "1", "-o", _folder["long.png"]);
        Assert.Contains(run.Lines, line => line.Contains("chunks", StringComparison.Ordinal));
    }

    [Fact]
    public void Cancelling_stops_soon_and_leaves_no_file()
    {
        using var cancellation = new CancellationTokenSource(300);
        long start = Stopwatch.GetTimestamp();
        ProgramRun run = ProgramRun.Until(cancellation.Token, "generate", "a fox", "--steps", "900", "-o", _folder["fox.png"]);
        Assert.Equal(CommandLine.Cancelled, run.ExitCode);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 10);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Theory]
    [InlineData("A Red, red Apple!", "a-red-red-apple")]
    [InlineData("../{x}", "x")]
    [InlineData("", "picture")]
    public void A_name_is_made_of_the_prompts_letters_and_digits(string prompt, string expected) => Assert.Equal(expected, GenerateCommand.Slug(prompt));
}
