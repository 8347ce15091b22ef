// What scheduler_config.json says about noise, read strictly: a setting that would change pictures and is not served is an
// error that names it, never passed over.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Diffusion.Schedules;

/// <summary>How noise grows over the timesteps that a network was trained on.</summary>
/// <param name="TrainTimesteps">Timesteps of training; at least 1.</param>
/// <param name="BetaStart">Variance added at the first timestep; above 0, below 1.</param>
/// <param name="BetaEnd">Variance added at the last timestep; above 0, below 1.</param>
/// <param name="BetaSchedule">linear, scaled_linear or squaredcos_cap_v2.</param>
public sealed record NoiseScheduleSettings(int TrainTimesteps = 1000, double BetaStart = 0.0001, double BetaEnd = 0.02, string BetaSchedule = "linear")
{
    /// <summary>The most timesteps of training, and so the most steps of a run.</summary>
    public const int MaxTimesteps = 1_000_000;

    private static readonly HashSet<string> s_served =
    [
        "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type", "timestep_spacing", "steps_offset", "set_alpha_to_one", "skip_prk_steps",
    ];

    // Settings of single samplers, which make their own choice.
    private static readonly HashSet<string> s_ofSamplers =
    [
        "algorithm_type", "clip_sample_range", "disable_corrector", "dynamic_thresholding_ratio", "euler_at_final", "flow_shift", "gamma",
        "lambda_min_clipped", "lower_order_final", "original_inference_steps", "predict_x0", "sample_max_value", "solver_order", "solver_p",
        "solver_type", "time_shift_type", "timestep_scaling", "variance_type",
    ];

    private static readonly Dictionary<string, string> s_onlyValues = new(StringComparer.Ordinal)
    {
        ["final_sigmas_type"] = "zero",
        ["interpolation_type"] = "linear",
        ["timestep_type"] = "discrete",
    };

    /// <summary>Variances of all timesteps, in place of the three settings above.</summary>
    public IReadOnlyList<double>? TrainedBetas { get; init; }

    public PredictionKind Prediction { get; init; } = PredictionKind.Epsilon;
    public SigmaSpacing Spacing { get; init; } = SigmaSpacing.Leading;

    /// <summary>Added to every timestep of the leading spacing.</summary>
    public int StepsOffset { get; init; }

    /// <summary>True where runs in the variance-preserving scale end without noise, false where they end with that of timestep 0.</summary>
    public bool SetAlphaToOne { get; init; }

    /// <summary>The sampler class that the file names, or null.</summary>
    public string? ClassName { get; init; }

    /// <summary>False where PNDM is to start with Runge-Kutta steps.</summary>
    public bool SkipPrkSteps { get; init; }

    /// <summary>Reads scheduler_config.json; what it leaves out is as the class that it names has it.</summary>
    /// <exception cref="BrushfireException">Lists everything that is wrong or not supported.</exception>
    public static NoiseScheduleSettings Read(ConfigReader config)
    {
        string className = config.String("_class_name", "");
        var settings = new NoiseScheduleSettings(config.Int("num_train_timesteps", 1000), config.Double("beta_start", 0.0001), config.Double("beta_end", 0.02), config.String("beta_schedule", "linear"))
        {
            TrainedBetas = config.Has("trained_betas") ? config.Doubles("trained_betas") : null,
            Prediction = config.String("prediction_type", "epsilon") switch
            {
                "epsilon" => PredictionKind.Epsilon,
                "v_prediction" => PredictionKind.V,
                "sample" => PredictionKind.Sample,
                string other => throw config.Error("prediction_type", $"'{other}' is not supported; epsilon, v_prediction and sample are"),
            },
            Spacing = ReadSpacing(config, className),
            StepsOffset = config.Int("steps_offset", 0),
            SetAlphaToOne = config.Bool("set_alpha_to_one", className == "DDIMScheduler"),
            SkipPrkSteps = config.Bool("skip_prk_steps", false),
            ClassName = className == "" ? null : className,
        };
        string[] problems = [.. Unsupported(config), .. settings.Problems()];
        return problems.Length == 0 ? settings : throw new BrushfireException($"{config.Name} cannot be used: {string.Join("; ", problems)}. Set what is not supported to null there to draw without it.");
    }

    /// <summary>Everything that is wrong with these settings.</summary>
    public IEnumerable<string> Problems()
    {
        // The table of the cumulative products is small, but a hostile file must not make it large.
        if (TrainTimesteps is < 1 or > MaxTimesteps) yield return $"num_train_timesteps is {TrainTimesteps} and must be 1 to {MaxTimesteps}";
        if (BetaSchedule is not ("linear" or "scaled_linear" or "squaredcos_cap_v2")) yield return $"beta_schedule '{BetaSchedule}' is not known; it is linear, scaled_linear or squaredcos_cap_v2";
        if (!(BetaStart is > 0 and < 1)) yield return $"beta_start is {BetaStart} and must lie between 0 and 1";
        if (!(BetaEnd is > 0 and < 1)) yield return $"beta_end is {BetaEnd} and must lie between 0 and 1";
        if (StepsOffset < 0 || StepsOffset >= TrainTimesteps) yield return $"steps_offset is {StepsOffset} and must be 0 to {TrainTimesteps - 1}";
        if (TrainedBetas is null) yield break;
        if (TrainedBetas.Count != TrainTimesteps) yield return $"trained_betas has {TrainedBetas.Count} values, but num_train_timesteps is {TrainTimesteps}";
        if (!TrainedBetas.All(beta => beta is > 0 and < 1)) yield return "trained_betas has values outside of 0 to 1";
    }

    private static SigmaSpacing ReadSpacing(ConfigReader config, string className)
    {
        // What the classes that write these files fill in for a missing key.
        string name = config.String("timestep_spacing", className is "" or "PNDMScheduler" or "DDIMScheduler" ? "leading" : "linspace");
        return SigmaSpacing.All.FirstOrDefault(spacing => spacing.Name == name)
            ?? throw config.Error("timestep_spacing", $"'{name}' is not supported; {string.Join(", ", SigmaSpacing.All.Select(spacing => spacing.Name))} are");
    }

    // A setting that nobody here knows may stand only where it is switched off.
    private static IEnumerable<string> Unsupported(ConfigReader config)
    {
        foreach (string key in config.Keys)
        {
            if (key.StartsWith('_') || s_served.Contains(key) || s_ofSamplers.Contains(key) || config.IsOff(key)) continue;
            if (!s_onlyValues.TryGetValue(key, out string? only)) yield return $"{key} = {config.Raw(key)} is not supported";
            else if (config.String(key) != only) yield return $"{key} = {config.Raw(key)} is not supported; only {only} is";
        }
    }
}
