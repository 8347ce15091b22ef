// Option values that several commands share.

using System.CommandLine;
using Brushfire.Bench;
using Brushfire.Kernels;
using Brushfire.Models.Catalog;
using Brushfire.Models.Layers;
using Brushfire.Tensors;

namespace Brushfire.Cli.Commands;

internal static class Choices
{
    public const string Attention = "auto|math|memory-efficient|flash", Code = "optimized|original", Isa = "avx512|avx2|portable", Precision = "fp32|bf16", Compile = "unet|none";

    /// <summary>Optimized unless original is named.</summary>
    public static AttentionCode ReadCode(this OptionValues values, Option<string?> option) =>
        values.Choice(option, ("optimized", AttentionCode.Optimized), ("original", AttentionCode.Original));

    /// <summary>The kernel that is named; null for auto.</summary>
    public static AttentionBackend? ReadBackend(this OptionValues values, Option<string?> option) =>
        values.Choice<AttentionBackend?>(option, [("auto", null), .. Enum.GetValues<AttentionBackend>().Select(backend => (StepReport.Name(backend), (AttentionBackend?)backend))]);

    /// <summary>Whether to compile the networks: none unless unet is named.</summary>
    public static bool ReadCompile(this OptionValues values, Option<string?> option) => values.Choice(option, ("none", false), ("unet", true));

    /// <summary>fp32 unless bf16 is named.</summary>
    public static DType ReadPrecision(this OptionValues values, Option<string?> option) =>
        values.Choice(option, [.. new[] { DType.Float32, DType.BFloat16 }.Select(precision => (StepReport.Name(precision), precision))]);

    /// <summary>A catalogue name, folder or file of a model, as named or else this one.</summary>
    public static string Model(this OptionValues values, Option<string?> option, string usual)
    {
        string model = values[option] ?? usual;
        if (model.Length == 0) values.Add($"{option.Name} has no name; give a folder, a checkpoint, or one of {string.Join(", ", ModelSource.CatalogueNames)}");
        return model;
    }

    /// <summary>Sets the threads that kernels use, where the option is there.</summary>
    public static void SetThreads(this OptionValues values, Option<string?> option)
    {
        if (values.Whole(option, 1, 1024) is { } threads) WorkerPool.Threads = threads;
    }

    /// <summary>Sets the instruction set of the process, where the option is there.</summary>
    public static void SetIsa(this OptionValues values, Option<string?> option)
    {
        if (values.Choice<Isa?>(option, [.. Enum.GetValues<Isa>().Select(isa => (isa.ToString().ToLowerInvariant(), (Isa?)isa))]) is { } isa && !Isas.TryForce(isa))
            values.Add($"{option.Name} is '{values[option]}', but this process already runs with {Isas.Current.ToString().ToLowerInvariant()}; start another one");
    }

    /// <summary>A file to be written, in a folder that exists.</summary>
    public static string? OutputFile(this OptionValues values, Option<string?> option)
    {
        if (values[option] is not { } file) return null;
        if (file.Length == 0) values.Add($"{option.Name} has no name of a file");
        else if (Directory.Exists(file)) values.Add($"{option.Name} is '{file}', which is a folder");
        else if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(file)))) values.Add($"{option.Name} is '{file}', whose folder does not exist");
        return file;
    }
}
