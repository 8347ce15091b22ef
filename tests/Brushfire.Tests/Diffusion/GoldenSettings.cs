// Scheduler classes and settings of reference cases, and what those wait for that cannot be served yet.

using System.Text.Json.Nodes;
using Brushfire.Diffusion.Schedules;
using Brushfire.Models.Weights;

namespace Brushfire.Tests.Diffusion;

internal static class GoldenSettings
{
    // Settings beyond the four samplers and three spacings, with what each waits for.
    private static readonly (string Key, string What)[] s_later =
    [
        ("rescale_betas_zero_snr", "schedules with zero terminal signal"),
        ("use_karras_sigmas", "the Karras spacing"),
        ("use_exponential_sigmas", "the exponential spacing"),
        ("use_beta_sigmas", "the beta spacing"),
    ];

    /// <summary>Python writes infinities, which JSON does not know.</summary>
    public static JsonNode Parse(string json) => JsonNode.Parse(json.Replace("-Infinity", "null", StringComparison.Ordinal))!;

    /// <summary>What a case waits for, or null where it must pass.</summary>
    public static string? WaitsFor(string className, JsonNode config, JsonNode? eta)
    {
        if (className is not ("PNDMScheduler" or "DDIMScheduler" or "EulerDiscreteScheduler" or "EulerAncestralDiscreteScheduler")) return $"the sampler of {className}";
        if (eta is not null && (double)eta != 0) return "DDIM with eta";
        return s_later.FirstOrDefault(setting => config[setting.Key] is { } value && (bool)value).What;
    }

    public static NoiseScheduleSettings Read(string className, JsonNode config) =>
        NoiseScheduleSettings.Read(ConfigReader.Parse(SchedulerConfig(className, config), className));

    /// <summary>The text of a scheduler_config.json with these settings.</summary>
    public static string SchedulerConfig(string className, JsonNode config)
    {
        JsonNode named = config.DeepClone();
        named["_class_name"] = className;
        return named.ToJsonString();
    }
}
