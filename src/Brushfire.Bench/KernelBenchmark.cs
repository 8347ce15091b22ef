// Measures every distinct unit of work of the models on its own. The units are found by following the models' code, not
// listed by hand. The precision's own peak is measured before and after. What bounds a unit, that peak or the bandwidth of a copy,
// is measured beside each of its measurements as well: a machine that others use too changes its speed within seconds.

using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Bench;

/// <summary>What to measure.</summary>
public sealed record KernelBenchmarkOptions
{
    /// <summary>Takes only units whose part, group, name or shapes contain this text.</summary>
    public string Filter { get; init; } = "";

    /// <summary>What products are computed in.</summary>
    public DType Precision { get; init; } = DType.Float32;

    /// <summary>The attention kernel to use; null leaves the choice to the sizes.</summary>
    public AttentionBackend? Attention { get; init; }

    /// <summary>Measurements of each unit.</summary>
    public int Repeats { get; init; } = 5;
}

/// <summary>A distinct unit of a model's part and how often it occurs in one evaluation.</summary>
public sealed record KernelCase(string Part, string Group, OpUnit Unit, int Count)
{
    public bool Contains(string text) => $"{Part} {Group} {Unit.Name} {Unit.Shapes}".Contains(text, StringComparison.OrdinalIgnoreCase);
}

public sealed class KernelBenchmark
{
    // One measurement repeats a unit for at least this long.
    private const double ShortestSeconds = 0.005;
    private const int MostRepetitions = 10_000;

    private readonly KernelBenchmarkOptions _options;
    private readonly ElementKind _element;

    /// <exception cref="BrushfireException">No unit contains the filter's text.</exception>
    public KernelBenchmark(KernelBenchmarkOptions options)
    {
        _options = options;
        _element = options.Precision == DType.BFloat16 ? ElementKind.BFloat16 : ElementKind.Float32;
        Cases = [.. FindCases(options.Precision).Where(one => one.Contains(options.Filter))];
        if (Cases.Count == 0) throw new BrushfireException($"No kernel's part, group, name or shapes contain '{options.Filter}'.");
    }

    public IReadOnlyList<KernelCase> Cases { get; }

    /// <summary>The units of SD1.5: the U-Net at 64x64 latents and batch 2, the VAE's decoder to 512x512 pixels, CLIP on one text; and of SD2.1 the self-attention at the same size.</summary>
    public static IReadOnlyList<KernelCase> FindCases(DType precision = DType.Float32)
    {
        using IDisposable inUse = Autocast.Use(precision);
        return
        [
            .. Distinct(ModelPart.Title(PartKind.UNet), ModelPart.Open("sd15", PartKind.UNet, latentSize: (64, 64))),
            .. Distinct(ModelPart.Title(PartKind.Vae), ModelPart.Open("sd15", PartKind.Vae, latentSize: (64, 64))),
            .. Distinct(ModelPart.Title(PartKind.Text), ModelPart.Open("sd15", PartKind.Text)),
            .. Distinct("SD2.1", ModelPart.Open("sd21", PartKind.UNet, latentSize: (64, 64))).Where(one => one.Group.StartsWith("self-attention", StringComparison.Ordinal)),
        ];
    }

    /// <summary>The distinct units of a part, in order of first occurrence.</summary>
    public static IEnumerable<KernelCase> Distinct(string name, ModelPart part) =>
        OpUnit.Of(part.Follow()).GroupBy(unit => unit.Key, StringComparer.Ordinal).Select(same => new KernelCase(name, OpGroup.Of(same.First(), name), same.First(), same.Count()));

    /// <param name="told">Is told the number of measured units.</param>
    public KernelReport Run(Action<int>? told = null)
    {
        MachinePeak before = MachinePeak.Measure(_element);
        var rows = new List<KernelRow>();
        using (_options.Attention is { } backend ? AttentionBackends.Allow(backend) : null)
        {
            foreach (KernelCase one in Cases)
            {
                rows.Add(Measure(one));
                told?.Invoke(rows.Count);
            }
        }

        return new KernelReport { Options = _options, Rows = rows, Peaks = new Peaks(before, MachinePeak.Measure(_element)) };
    }

    private KernelRow Measure(KernelCase one)
    {
        long span = 2 * Machine.Current.LastLevelCacheBytes;
        using var scope = new TensorScope();
        using var run = new UnitRun(one.Unit, span);
        using CopyRotation? copy = one.Unit.Operations > 0 ? null : new CopyRotation(one.Unit.Bytes / 2, span);

        // The first round packs the weights and compiles; it also tells how often a measurement must repeat.
        double first = run.Seconds(run.Sets);
        int repetitions = (int)Math.Clamp(ShortestSeconds / Math.Min(first, run.Seconds(1)), 1, MostRepetitions);
        copy?.Seconds(1);
        double[] seconds = new double[_options.Repeats], limits = new double[_options.Repeats];
        double before = copy is null ? MachinePeak.Sample(_element) : 0;
        for (int i = 0; i < seconds.Length; i++)
        {
            seconds[i] = run.Seconds(repetitions);
            if (copy is not null)
            {
                limits[i] = copy.Seconds(repetitions);
                continue;
            }

            double after = MachinePeak.Sample(_element);
            limits[i] = one.Unit.Operations / Math.Max(before, after);
            before = after;
        }

        return new KernelRow(one, seconds, limits);
    }
}
