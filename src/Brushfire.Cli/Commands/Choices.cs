// Option values that several commands share.

using System.CommandLine;
using Brushfire.Bench;
using Brushfire.Kernels;
using Brushfire.Models.Layers;

namespace Brushfire.Cli.Commands;

internal static class Choices
{
    public const string Attention = "auto|math|memory-efficient", Code = "optimized|original";

    /// <summary>Optimized unless original is named.</summary>
    public static AttentionCode ReadCode(this OptionValues values, Option<string?> option) =>
        values.Choice(option, ("optimized", AttentionCode.Optimized), ("original", AttentionCode.Original));

    /// <summary>The kernel that is named; null for auto.</summary>
    public static AttentionBackend? ReadBackend(this OptionValues values, Option<string?> option) =>
        values.Choice<AttentionBackend?>(option, [("auto", null), .. Enum.GetValues<AttentionBackend>().Select(backend => (StepReport.Name(backend), (AttentionBackend?)backend))]);

    /// <summary>Sets the threads that kernels use, where the option is there.</summary>
    public static void SetThreads(this OptionValues values, Option<string?> option)
    {
        if (values.Whole(option, 1, 1024) is { } threads) WorkerPool.Threads = threads;
    }
}
