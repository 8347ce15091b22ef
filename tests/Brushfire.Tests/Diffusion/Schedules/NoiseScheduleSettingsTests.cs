// scheduler_config.json: defaults of the class that it names, and settings that are refused by name.

using Brushfire.Diffusion.Samplers;
using Brushfire.Diffusion.Schedules;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Diffusion.Schedules;

public sealed class NoiseScheduleSettingsTests
{
    [Fact]
    public void All_settings_are_read()
    {
        NoiseScheduleSettings settings = Read("""
            {
              "_class_name": "PNDMScheduler", "_diffusers_version": "0.6", "num_train_timesteps": 3, "beta_start": 0.1, "beta_end": 0.2, "beta_schedule": "squaredcos_cap_v2",
              "prediction_type": "v_prediction", "timestep_spacing": "trailing", "steps_offset": 2, "set_alpha_to_one": true, "skip_prk_steps": true, "clip_sample": false,
              "trained_betas": [0.1, 0.2, 0.3], "rescale_betas_zero_snr": false, "lambda_min_clipped": -Infinity, "solver_order": 2, "final_sigmas_type": "zero"
            }
            """);
        Assert.Equal((3, 0.1, 0.2, "squaredcos_cap_v2"), (settings.TrainTimesteps, settings.BetaStart, settings.BetaEnd, settings.BetaSchedule));
        Assert.Equal((PredictionKind.V, SigmaSpacing.Trailing, 2, true), (settings.Prediction, settings.Spacing, settings.StepsOffset, settings.SetAlphaToOne));
        Assert.Equal([0.1, 0.2, 0.3], settings.TrainedBetas!);
        Assert.Equal("plms", Sampler.Of(settings)!.Name);
    }

    [Theory]
    [InlineData("PNDMScheduler", "leading", false, "pndm")]
    [InlineData("DDIMScheduler", "leading", true, "ddim")]
    [InlineData("EulerDiscreteScheduler", "linspace", false, "euler")]
    [InlineData("EulerAncestralDiscreteScheduler", "linspace", false, "euler-ancestral")]
    [InlineData("DPMSolverMultistepScheduler", "linspace", false, null)]
    public void What_is_missing_is_the_default_of_the_class(string className, string spacing, bool alphaToOne, string? sampler)
    {
        NoiseScheduleSettings settings = Read($$"""{"_class_name": "{{className}}"}""");
        Assert.Equal((1000, 0.0001, 0.02, "linear"), (settings.TrainTimesteps, settings.BetaStart, settings.BetaEnd, settings.BetaSchedule));
        Assert.Equal((spacing, alphaToOne, PredictionKind.Epsilon, 0), (settings.Spacing.Name, settings.SetAlphaToOne, settings.Prediction, settings.StepsOffset));
        Assert.Equal(sampler, Sampler.Of(settings)?.Name);
    }

    [Theory]
    [InlineData("\"rescale_betas_zero_snr\": true", "rescale_betas_zero_snr = true is not supported")]
    [InlineData("\"use_karras_sigmas\": true", "use_karras_sigmas = true is not supported")]
    [InlineData("\"clip_sample\": true", "clip_sample = true is not supported")]
    [InlineData("\"something_new\": 3", "something_new = 3 is not supported")]
    [InlineData("\"final_sigmas_type\": \"sigma_min\"", "only zero is")]
    [InlineData("\"prediction_type\": \"flow\"", "prediction_type")]
    [InlineData("\"timestep_spacing\": \"karras\"", "timestep_spacing")]
    [InlineData("\"beta_start\": \"small\"", "beta_start")]
    [InlineData("\"trained_betas\": [0.1]", "trained_betas has 1 values, but num_train_timesteps is 1000")]
    [InlineData("\"num_train_timesteps\": 2000000000", "num_train_timesteps")]
    public void What_would_change_pictures_is_refused_by_name(string setting, string message) =>
        Assert.Contains(message, Assert.Throws<BrushfireException>(() => Read($"{{{setting}}}")).Message, StringComparison.Ordinal);

    [Fact]
    public void All_settings_that_are_refused_are_told_at_once()
    {
        string message = Assert.Throws<BrushfireException>(() => Read("""{"use_beta_sigmas": true, "thresholding": true, "beta_end": 3}""")).Message;
        foreach (string problem in new[] { "test settings", "use_beta_sigmas", "thresholding", "beta_end is 3", "Set what is not supported to null" }) Assert.Contains(problem, message, StringComparison.Ordinal);
    }

    private static NoiseScheduleSettings Read(string json) => NoiseScheduleSettings.Read(ConfigReader.Parse(json, "test settings"));
}
