// The pipeline on the shipped model: requests and runs, batches, cancellation, runs side by side.

using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brushfire.Diffusion.Imaging;
using Brushfire.Diffusion.Pipelines;
using Brushfire.Kernels;
using Brushfire.Tensors;

namespace Brushfire.Tests.Diffusion.Pipelines;

public sealed class DiffusionPipelineTests
{
    private static readonly Lazy<DiffusionPipeline> s_emoji = new(() => DiffusionPipeline.Open("emoji"));

    // Small and quick: 32x32 pixels.
    private static readonly GenerationRequest s_small = new("a red apple") { Steps = 3, Seed = 5, PixelWidth = 32, PixelHeight = 32 };

    [Fact]
    public void What_the_request_leaves_out_comes_from_the_model()
    {
        GenerationRequest request = Generate(new GenerationRequest("a red apple")).Request;
        Assert.Equal(("plms", "leading", 128, 128), (request.Sampler, request.Spacing, request.PixelWidth, request.PixelHeight));
        GenerationRequest chosen = new("a red apple") { Sampler = "euler", Spacing = "trailing", PixelWidth = 64, PixelHeight = 192 };
        Assert.Equal(chosen, Generate(chosen).Request);
    }

    [Fact]
    public void All_problems_of_a_request_are_one_error()
    {
        string message = Assert.Throws<BrushfireException>(() => Generate(s_small with { Steps = 1001, PixelWidth = 33 })).Message;
        Assert.StartsWith("The request cannot be served: the width of 33 pixels", message, StringComparison.Ordinal);
        Assert.Contains("; 1001 steps cannot be taken", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_are_counted_and_the_last_one_decodes_to_pictures()
    {
        GenerationStep[] steps = [.. Generate(s_small with { PixelWidth = 48 })];
        Assert.Equal([(1, 3, false), (2, 3, false), (3, 3, true)], steps.Select(step => (step.Number, step.Count, step.IsLast)));
        Assert.Equal([667, 334, 1], steps.Select(step => step.Timestep));
        Assert.All(steps, step => Assert.Equal(new Shape(1, 4, 6, 4), step.Latents.Shape));
        RgbImage image = Assert.Single(steps[2].Decode());
        Assert.Equal((48, 32), (image.Width, image.Height));
        Assert.NotEqual(image.Pixels, Assert.Single(steps[0].Decode()).Pixels);
    }

    [Fact]
    public void A_picture_of_a_batch_is_that_of_its_own_seed()
    {
        GenerationRequest request = s_small with { Sampler = "euler-ancestral" };
        float[] batch = Latents(request with { BatchSize = 2 });
        Close.Relative(Latents(request with { Seed = 6 }), batch.AsSpan(batch.Length / 2), 1e-4, "the second picture");
        Close.Relative(Latents(request), batch.AsSpan(0, batch.Length / 2), 1e-4, "the first picture");
    }

    [Fact]
    public void Long_prompts_are_encoded_in_chunks_with_a_notice()
    {
        Generation run = Generate(s_small with { Prompt = string.Join(' ', Enumerable.Repeat("apple", 40)), Steps = 1 });
        Assert.Contains("longer than the model's context of 32 tokens", Assert.Single(run.Notices), StringComparison.Ordinal);
        Assert.True(run.Single().IsLast);
        Assert.Empty(Generate(s_small).Notices);
    }

    [Fact]
    public void Keys_that_nobody_uses_are_told_and_those_of_the_encoder_are_not()
    {
        using var model = new ModelCopy();
        Assert.Empty(Notices());
        Append(model["unet/diffusion_pytorch_model.safetensors"], "a.weight", "b.weight", "c.weight", "d.weight");
        Append(model["vae/diffusion_pytorch_model.safetensors"], "decoder.extra.bias");
        string[] notices = Notices();
        Assert.Equal(2, notices.Length);
        Assert.EndsWith("has keys that the U-Net does not use (4): a.weight, b.weight, c.weight, ….", notices[0], StringComparison.Ordinal);
        Assert.EndsWith("has keys that the VAE does not use (1): decoder.extra.bias.", notices[1], StringComparison.Ordinal);

        string[] Notices() => [.. Generate(model, s_small).Notices];
    }

    [Fact]
    public void A_damaged_part_is_told_before_the_first_step()
    {
        using var model = new ModelCopy();
        File.Delete(model["vae/diffusion_pytorch_model.safetensors"]);
        Assert.Contains("vae has no weights", Assert.Throws<BrushfireException>(() => Generate(model, s_small)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_that_drawing_does_not_need_may_be_missing()
    {
        using var model = new ModelCopy();
        string index = File.ReadAllText(model["model_index.json"]);
        File.WriteAllText(model["model_index.json"], index.Insert(index.IndexOf('{', StringComparison.Ordinal) + 1, """ "checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],"""));
        Assert.True(Generate(model, s_small with { Steps = 1 }).Single().IsLast);
        Directory.Delete(model["tokenizer"], recursive: true);
        Assert.Contains(model["tokenizer"], Assert.Throws<BrushfireException>(() => Generate(model, s_small)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancelling_ends_a_run_in_the_middle_of_a_step()
    {
        using var cancellation = new CancellationTokenSource();
        int steps = 0;
        Assert.ThrowsAny<OperationCanceledException>(() =>
        {
            foreach (GenerationStep step in s_emoji.Value.Generate(s_small with { Steps = 1000, Spacing = "trailing" }, cancellation.Token))
            {
                steps = step.Number;
                if (steps == 1) cancellation.CancelAfter(20);
            }
        });
        Assert.InRange(steps, 1, 999);
        Assert.False(WorkerPool.Cancellation.CanBeCanceled);
    }

    [Fact]
    public void A_cancelled_token_starts_nothing()
    {
        Generation run = s_emoji.Value.Generate(s_small, new CancellationToken(canceled: true));
        Assert.ThrowsAny<OperationCanceledException>(() => run.First());
    }

    [Fact]
    public void Runs_side_by_side_give_the_same_bytes()
    {
        float[] alone = Latents(s_small), other = Latents(s_small with { Seed = 9 });
        float[][] together = new float[4][];
        Parallel.For(0, together.Length, i => together[i] = Latents(i % 2 == 0 ? s_small : s_small with { Seed = 9 }));
        for (int i = 0; i < together.Length; i++) Assert.Equal(i % 2 == 0 ? alone : other, together[i]);
    }

    [Fact]
    public void Guidance_of_one_needs_no_negative_prompt() =>
        Assert.Equal(Latents(s_small with { GuidanceScale = 1 }), Latents(s_small with { GuidanceScale = 1, NegativePrompt = "a green apple" }));

    private static Generation Generate(GenerationRequest request) => s_emoji.Value.Generate(request, TestContext.Current.CancellationToken);

    private static Generation Generate(ModelCopy model, GenerationRequest request) => DiffusionPipeline.Open(model.Path).Generate(request, TestContext.Current.CancellationToken);

    private static float[] Latents(GenerationRequest request) => Generate(request).Last().Latents.ToArray();

    // Writes tensors of one number behind those of a safetensors file.
    private static void Append(string path, params string[] keys)
    {
        byte[] file = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        JsonObject header = JsonNode.Parse(file.AsSpan(8, length))!.AsObject();
        byte[] data = file[(8 + length)..];
        for (int i = 0; i < keys.Length; i++)
            header[keys[i]] = new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray(1), ["data_offsets"] = new JsonArray(data.Length + 4 * i, data.Length + 4 * (i + 1)) };
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header), size = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(size, json.Length);
        File.WriteAllBytes(path, [.. size, .. json, .. data, .. new byte[4 * keys.Length]]);
    }
}
