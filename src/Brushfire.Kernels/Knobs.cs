// Every environment variable that Brushfire reads, one line each. Nothing else reads the environment.
// The documentation's table and `brushfire info` are made from this list.

namespace Brushfire.Kernels;

/// <summary>An environment variable: its name, what it takes, and what it does.</summary>
public sealed record Knob(string Name, string Values, string Effect)
{
#pragma warning disable RS0030 // the one place that reads the environment
    public string? Value => Environment.GetEnvironmentVariable(Name) is { Length: > 0 } value ? value : null;
#pragma warning restore RS0030
}

public static class Knobs
{
    public static readonly Knob Isa = new("BRUSHFIRE_ISA", "avx512 | avx2 | portable", "forces an instruction set; the best one that the processor has otherwise");
    public static readonly Knob Threads = new("BRUSHFIRE_THREADS", "1 …", "number of threads that kernels use; all processors otherwise");
    public static readonly Knob Convolution = new("BRUSHFIRE_CONVOLUTION", "direct | winograd2 | winograd3 | winograd4 | winograd4rounded", "forces the algorithm of 3x3 convolutions with stride 1; chosen by shape otherwise");
    public static readonly Knob Cache = new("BRUSHFIRE_CACHE", "folder", "where compiled kernels are kept between runs; the user's cache folder otherwise");
    public static readonly Knob Reference = new("BRUSHFIRE_REFERENCE", "folder", "where tests read reference values; ../shared/golden otherwise");
    public static readonly Knob Golden = new("BRUSHFIRE_GOLDEN", "update", "tests write the texts that they otherwise compare with");

    public static readonly Knob Executor = new("BRUSHFIRE_EXECUTOR", "compiled | interpreted | eager", "what runs a compiled function: generated code, its graph op by op, or the function itself");
    public static readonly Knob Log = new("BRUSHFIRE_LOG", "capture,guards,passes,schedule", "what the compiler tells while it works");
    public static readonly Knob Dump = new("BRUSHFIRE_DUMP", "folder", "where the compiler writes every stage of each graph");
    public static readonly Knob Override = new("BRUSHFIRE_OVERRIDE", "folder", "edited graphs of such a folder, used instead of the computed ones");
    public static readonly Knob Skip = new("BRUSHFIRE_SKIP", "pass,…", "passes that the compiler leaves out");
    public static readonly Knob Verify = new("BRUSHFIRE_VERIFY", "0 | 1 | 2", "verifies graphs after every pass; 2 also compares every launched kernel with its interpreted loops and raises mistakes in generating them; 1 otherwise");

    /// <summary>Where the desktop keeps caches on Linux; not ours, so not in the list.</summary>
    public static readonly Knob UserCache = new("XDG_CACHE_HOME", "folder", "the user's cache folder; ~/.cache otherwise");

    public static IReadOnlyList<Knob> All { get; } = [Isa, Threads, Convolution, Cache, Reference, Golden, Executor, Log, Dump, Override, Skip, Verify];
}
