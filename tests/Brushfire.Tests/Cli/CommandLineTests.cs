// Options, help, and exit codes of usage errors.

using System.Diagnostics;
using Brushfire.Cli;

namespace Brushfire.Tests.Cli;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("")]
    [InlineData("paint")]
    [InlineData("benchmark")]
    [InlineData("info --loud")]
    [InlineData("inspect")]
    [InlineData("generate fox --steps")]
    [InlineData("generate fox --steps 1 --steps 2")]
    public void A_command_line_that_makes_no_sense_is_told_on_stderr_with_exit_code_2(string line)
    {
        ProgramRun run = ProgramRun.Of(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Empty(run.Data);
        Assert.All(run.Lines, text => Assert.StartsWith("brushfire: ", text));
        Assert.NotEmpty(run.Lines);
    }

    [Theory]
    [InlineData("")]
    [InlineData("paint")]
    public void Without_a_command_all_are_named(string line) =>
        Assert.Contains("brushfire: name one of generate, benchmark, inspect, info; --help tells what they do", ProgramRun.Of(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Lines);

    [Theory]
    [InlineData("PATH has no name; give a picture, a weight file, a model folder, or one of emoji, sd15, sd21", "inspect", "")]
    [InlineData("--model has no name; give a folder, a checkpoint, or one of emoji, sd15, sd21", "generate", "fox", "--model", "")]
    [InlineData("--model has no name; give a folder, a checkpoint, or one of emoji, sd15, sd21", "benchmark", "step", "--model", "")]
    [InlineData("--model has no name; give a folder, a checkpoint, or one of emoji, sd15, sd21", "benchmark", "compile", "--model", "")]
    [InlineData("--prompts has no name of a file", "generate", "--prompts", "")]
    [InlineData("--json has no name of a file", "benchmark", "kernels", "--json", "")]
    [InlineData("--json is '.', which is a folder", "benchmark", "kernels", "--json", ".")]
    public void Empty_names_and_folders_for_files_are_told(string expected, params string[] arguments)
    {
        ProgramRun run = ProgramRun.Of(arguments);
        Assert.Equal(CommandLine.Usage, run.ExitCode);
        Assert.Equal($"brushfire: {expected}", Assert.Single(run.Lines));
    }

    [Theory]
    [InlineData("--help", "generate")]
    [InlineData("generate --help", "--guidance")]
    [InlineData("benchmark step --help", "--repeat")]
    public void Help_goes_to_stdout(string line, string expected)
    {
        ProgramRun run = ProgramRun.Succeed(line.Split(' '));
        Assert.Contains(expected, run.Data);
        Assert.Empty(run.Talk);
    }

    [Fact]
    public void What_cannot_be_done_is_one_line_with_exit_code_1()
    {
        ProgramRun run = ProgramRun.Of("inspect", "no/such/model");
        Assert.Equal(CommandLine.Failure, run.ExitCode);
        Assert.Contains("no/such/model", Assert.Single(run.Lines));
    }

    [Theory]
    [InlineData("BRUSHFIRE_EXECUTOR", "fast", "BRUSHFIRE_EXECUTOR='fast' is not known; it takes compiled | interpreted | eager.")]
    [InlineData("BRUSHFIRE_SKIP", "simple", "BRUSHFIRE_SKIP names simple, which the compiler does not have; there are ")]
    [InlineData("BRUSHFIRE_CONVOLUTION", "fast", "'fast' is not an algorithm of convolution; BRUSHFIRE_CONVOLUTION takes ")]
    [InlineData("BRUSHFIRE_ISA", "sse", "'sse' is not an instruction set; BRUSHFIRE_ISA takes ")]
    [InlineData("BRUSHFIRE_THREADS", "0", "BRUSHFIRE_THREADS='0' is not a number of threads; it takes ")]
    public async Task A_setting_that_cannot_be_is_told_before_anything_else_with_exit_code_2(string name, string value, string expected)
    {
        using var folder = new TempFolder();
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "brushfire.dll"), "generate", "a fox", "--compile", "unet", "--steps", "1", "-o", folder["fox.png"]])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            Environment = { [name] = value },
        };
        using Process process = Process.Start(start)!;
        string talk = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(CommandLine.Usage, process.ExitCode);
        Assert.StartsWith($"brushfire: {expected}", Assert.Single(talk.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_elsewhere_than_on_a_terminal_is_plain_lines()
    {
        using var talk = new StringWriter { NewLine = "\n" };
        new Terminal(TextWriter.Null, talk).ShowProgress("a fox", 3, told =>
        {
            for (int done = 1; done <= 3; done++) told(done);
        });
        Assert.Equal("a fox: 3 of 3\n", talk.ToString());
    }
}
