// A command of the program, and how it reads its options: every problem is collected, none is thrown before all are known.

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Brushfire.Cli.Commands;

internal abstract class ProgramCommand(string name, string description) : Command(name, description)
{
    /// <summary>Does the command's work. It calls <see cref="OptionValues.ThrowIfWrong"/> when it has read all options.</summary>
    public abstract void Run(OptionValues values, Terminal terminal, CancellationToken cancellation);

    /// <summary>An option with a value. Its text is checked when it is read, so that all problems come together.</summary>
    protected Option<string?> AddOption(string name, string valueName, string description, params string[] aliases)
    {
        var option = new Option<string?>(name, aliases) { HelpName = valueName, Description = description };
        Options.Add(option);
        return option;
    }

    protected Option<bool> AddSwitch(string name, string description)
    {
        var option = new Option<bool>(name) { Description = description, Arity = ArgumentArity.Zero };
        Options.Add(option);
        return option;
    }
}

/// <summary>The values of a parsed command line. A value that is missing, or wrong and noted, is null.</summary>
internal sealed class OptionValues
{
    private readonly ParseResult _parsed;
    private readonly List<string> _problems;
    private bool _knowsEnvironment;

    public OptionValues(ParseResult parsed)
    {
        _parsed = parsed;
        _problems = [.. parsed.Errors.Select(error => error.Message)];
    }

    /// <summary>The text as given.</summary>
    public string? this[Option<string?> option] => _parsed.GetResult(option) is { Tokens: [var token] } ? token.Value : null;

    public bool this[Option<bool> option] => _parsed.GetResult(option) is { Implicit: false };

    /// <summary>The text as given. What looks like an option is taken for a misspelled one, unless "--" stands before it.</summary>
    public string? this[Argument<string?> argument]
    {
        get
        {
            if (_parsed.GetResult(argument) is not { Tokens: [var token] }) return null;
            if (token.Value is not ['-', _, ..] || _parsed.Tokens.Any(other => other.Type == TokenType.DoubleDash)) return token.Value;
            Add($"there is no option '{token.Value}'; if it is meant as {argument.Name}, write -- before it");
            return null;
        }
    }

    /// <summary>A whole number from <paramref name="min"/> to <paramref name="max"/>.</summary>
    public T? Whole<T>(Option<string?> option, T min, T max) where T : struct, IBinaryInteger<T>
    {
        if (this[option] is not { } text) return null;
        if (T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T value) && value >= min && value <= max) return value;
        Add($"{option.Name} is '{text}' and must be a whole number from {min} to {max}");
        return null;
    }

    public double? Number(Option<string?> option)
    {
        if (this[option] is not { } text) return null;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)) return value;
        Add($"{option.Name} is '{text}' and must be a number");
        return null;
    }

    /// <summary>The one of these that is named; the type's default where none is.</summary>
    public T? Choice<T>(Option<string?> option, params IReadOnlyList<(string Name, T Value)> choices)
    {
        if (this[option] is not { } text) return default;
        foreach ((string name, T value) in choices)
            if (name == text) return value;

        string[] names = [.. choices.Select(choice => choice.Name)];
        Add($"{option.Name} is '{text}' and must be {(names.Length == 1 ? names[0] : $"one of {string.Join(", ", names)}")}");
        return default;
    }

    /// <summary>Whether something is wrong, with the environment too; to be asked once all options are read.</summary>
    public bool HasProblems
    {
        get
        {
            if (!_knowsEnvironment) _problems.AddRange(EnvironmentCheck.Problems());
            _knowsEnvironment = true;
            return _problems.Count > 0;
        }
    }

    public void Add(string problem) => _problems.Add(problem);

    public void Add(IEnumerable<string> problems) => _problems.AddRange(problems);

    /// <exception cref="UsageException">Something was wrong.</exception>
    public void ThrowIfWrong()
    {
        if (HasProblems) throw new UsageException(_problems);
    }
}
