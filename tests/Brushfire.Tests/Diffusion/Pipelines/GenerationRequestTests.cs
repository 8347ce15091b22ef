// Requests are checked whole: every problem is told, with the way out.

using Brushfire.Diffusion.Pipelines;
using Brushfire.Diffusion.Schedules;

namespace Brushfire.Tests.Diffusion.Pipelines;

public sealed class GenerationRequestTests
{
    private static readonly LatentSpace s_space = new(8, 4, 0.18215f);

    [Fact]
    public void A_request_with_a_prompt_alone_is_fine() => Assert.Empty(Problems(new GenerationRequest("a red apple")));

    [Fact]
    public void All_problems_are_told()
    {
        var request = new GenerationRequest(null!)
        {
            NegativePrompt = null!,
            GuidanceScale = double.NaN,
            BatchSize = 0,
            PixelWidth = 130,
            PixelHeight = 0,
            Sampler = "fast",
            NoiseGenerator = "dice",
            Spacing = "wide",
            Steps = 0,
        };
        string[] problems = Problems(request);
        string[] expected =
        [
            "the prompt is missing; an empty text draws something at random",
            "the negative prompt is missing; an empty text leaves it out",
            "the guidance scale is NaN and must be 0 or more",
            "the batch size is 0 and must be 1 to 256",
            "the width of 130 pixels is not a multiple of 8 from 8 to 16384; 128 and 136 are near",
            "the height of 0 pixels is not a multiple of 8 from 8 to 16384; 8 is the nearest",
            "there is no sampler 'fast'; choose one of plms, pndm, ddim, euler, euler-ancestral",
            "there is no noise generator 'dice'; choose one of torch-cpu, philox",
            "there is no spacing 'wide'; choose one of leading, trailing, linspace",
            "0 steps cannot be taken; the model knows 1000 timesteps, so choose 1 to 1000",
        ];
        Assert.Equal(expected, problems);
    }

    [Theory]
    [InlineData(-8, "8 is the nearest")]
    [InlineData(7, "8 is the nearest")]
    [InlineData(16383, "16376 and 16384 are near")]
    [InlineData(16392, "16384 is the nearest")]
    [InlineData(int.MaxValue, "16384 is the nearest")]
    public void Near_sizes_are_named(int width, string near) =>
        Assert.EndsWith(near, Assert.Single(Problems(new GenerationRequest("") { PixelWidth = width })), StringComparison.Ordinal);

    [Fact]
    public void A_model_whose_sampler_is_not_available_needs_a_choice()
    {
        var schedule = new NoiseSchedule(new NoiseScheduleSettings { ClassName = "DPMSolverMultistepScheduler" });
        Assert.Contains("DPMSolverMultistepScheduler, is not available; name one of plms", Assert.Single(new GenerationRequest("").Problems(schedule, s_space)), StringComparison.Ordinal);
        Assert.Empty((new GenerationRequest("") { Sampler = "euler" }).Problems(schedule, s_space));
    }

    [Fact]
    public void Seeds_that_would_wrap_around_are_refused()
    {
        Assert.Empty(Problems(new GenerationRequest("") { Seed = long.MaxValue - 1, BatchSize = 2 }));
        Assert.Equal($"the seeds of 3 pictures from {long.MaxValue - 1} on pass the largest, {long.MaxValue}", Assert.Single(Problems(new GenerationRequest("") { Seed = long.MaxValue - 1, BatchSize = 3 })));
    }

    private static string[] Problems(GenerationRequest request) =>
        [.. request.Problems(new NoiseSchedule(new NoiseScheduleSettings { ClassName = "DDIMScheduler" }), s_space)];
}
