// A model, ready to draw: opens its components for the first run and keeps them; each weight is read when it is first used.
// Holds nothing of a run, so that runs can go on side by side on one pipeline.

using Brushfire.Compiler;
using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Imaging;
using Brushfire.Diffusion.Schedules;
using Brushfire.Kernels;
using Brushfire.Models.Catalog;
using Brushfire.Models.Clip;
using Brushfire.Models.Layers;
using Brushfire.Models.Text;
using Brushfire.Models.UNet;
using Brushfire.Models.Vae;
using Brushfire.Models.Weights;
using Brushfire.Tensors;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Diffusion.Pipelines;

/// <summary>Draws pictures from texts with one model.</summary>
public sealed class DiffusionPipeline
{
    private readonly UNetConfig _unetConfig;
    private readonly Lazy<Components> _components;

    /// <summary>Reads the configurations of a model; its weights are read when a run needs them.</summary>
    /// <exception cref="BrushfireException">The model is not one that draws from texts with these parts, or a setting is not supported.</exception>
    /// <param name="code">How attention is written.</param>
    /// <param name="compile">Whether U-Net, decoder and text encoder are compiled at their first call.</param>
    public DiffusionPipeline(ModelSource model, AttentionCode code = AttentionCode.Optimized, bool compile = false)
    {
        _unetConfig = UNetConfig.Read(model["unet"].Config);
        VaeConfig vae = VaeConfig.Read(model["vae"].Config);
        ClipConfig clip = ClipConfig.Read(model["text_encoder"].Config, withProjection: false);
        LatentSpace = LatentSpace.Of(vae);
        Schedule = new NoiseSchedule(NoiseScheduleSettings.Read(model["scheduler"].Config));
        CheckFits(model.Name, clip, vae);
        _components = new(() => OpenComponents(model, clip, vae, code, compile));
    }

    /// <param name="Compiled">U-Net and decoder where they are compiled.</param>
    /// <param name="Notices">What is worth telling about the model's files.</param>
    private sealed record Components(
        ClipTokenizer Tokenizer, Func<Tensor, ClipOutput> TextEncoder, Func<UNetInput, Tensor> UNet, Func<Tensor, Tensor> Decoder, (CompiledFunction UNet, CompiledFunction Decoder)? Compiled, IReadOnlyList<string> Notices);

    public NoiseSchedule Schedule { get; }
    public LatentSpace LatentSpace { get; }

    /// <summary>Width and height of the pictures that the model was trained on, in pixels.</summary>
    public int TrainedPixels => LatentSpace.ToPixels(_unetConfig.SampleSize);

    /// <summary>Opens a model by its name in the catalogue, its folder or its file; see <see cref="ModelSource.Open"/>.</summary>
    /// <exception cref="BrushfireException">There is no such model, or it cannot be used.</exception>
    public static DiffusionPipeline Open(string model, AttentionCode code = AttentionCode.Optimized, bool compile = false) => new(ModelSource.Open(model), code, compile);

    /// <summary>Checks a request and prepares its run, which enumerating the result carries out.</summary>
    /// <exception cref="BrushfireException">Lists everything that is wrong with the request.</exception>
    public Generation Generate(GenerationRequest request, CancellationToken cancellation = default)
    {
        string[] problems = [.. request.Problems(Schedule, LatentSpace)];
        if (problems.Length > 0) throw new BrushfireException($"The request cannot be served: {string.Join("; ", problems)}.");
        GenerationRequest whole = request with
        {
            Sampler = request.Sampler ?? Samplers.Sampler.Of(Schedule.Settings)!.Name,
            Spacing = request.Spacing ?? Schedule.Settings.Spacing.Name,
            PixelWidth = request.PixelWidth ?? TrainedPixels,
            PixelHeight = request.PixelHeight ?? TrainedPixels,
        };
        string[] texts = whole.GuidanceScale == 1 ? [whole.Prompt] : [whole.Prompt, whole.NegativePrompt];
        PromptEncoding prompts = PromptEncoding.Encode(_components.Value.Tokenizer, texts);
        Prepare(prompts, whole, cancellation);
        return new Generation(this, whole, prompts, _components.Value.Notices, cancellation);
    }

    /// <summary>Latents of the U-Net [N, height, width, channels] as N pictures. They are decoded one by one, which bounds the memory.</summary>
    public RgbImage[] Decode(Tensor latents)
    {
        var images = new RgbImage[latents.Shape[0]];
        for (int i = 0; i < images.Length; i++)
        {
            using var scope = new TensorScope();
            Tensor picture = _components.Value.Decoder(latents.Slice(0, i, 1) / LatentSpace.Scale); // [1, H, W, 3] in about [-1, 1]
            images[i] = ToImage(picture);
        }

        return images;
    }

    /// <summary>A denoiser that leads a batch from the negative prompt, where there is one, to the prompt.</summary>
    internal Denoiser CreateDenoiser(PromptEncoding prompts, GenerationRequest request)
    {
        Tensor[] contexts = [.. prompts.Chunks.Select(chunks => Encode(chunks, request.BatchSize))];
        Func<UNetInput, Tensor> unet = _components.Value.UNet;
        return new Denoiser(
            (latents, timestep, context) => unet(new UNetInput(latents, Tensor.Full([latents.Shape[0]], (float)timestep), context)),
            Schedule.Settings.Prediction, contexts[0], contexts.ElementAtOrDefault(1), request.GuidanceScale);
    }

    // Compiles the U-Net on another thread, and then the decoder, while this one goes on to encode the prompts. Nobody waits: a call that
    // comes earlier does what is not done yet, and meets the mistakes.
    private void Prepare(PromptEncoding prompts, GenerationRequest request, CancellationToken cancellation)
    {
        if (_components.Value.Compiled is not var (unet, decoder)) return;
        int batch = request.BatchSize * prompts.Chunks.Count, tokens = prompts.ChunkCount * prompts.ContextLength;
        int width = LatentSpace.ToLatents(request.PixelWidth!.Value), height = LatentSpace.ToLatents(request.PixelHeight!.Value);
        _ = Task.Run(
            () =>
            {
                using var scope = new TensorScope();
                using IDisposable precision = Autocast.Use(request.Precision), cancelling = WorkerPool.Use(cancellation);
                unet.Prepare(new UNetInput(Tensor.Zeros([batch, height, width, LatentSpace.Channels]), Tensor.Zeros([batch]), Tensor.Zeros([batch, tokens, _unetConfig.ContextChannels])));
                decoder.Prepare(Tensor.Zeros([1, height, width, LatentSpace.Channels]));
            },
            cancellation);
    }

    // Chunks of one text to [batch, chunks * L, features].
    private Tensor Encode(int[][] chunks, int batch)
    {
        long[] ids = [.. chunks.SelectMany(chunk => chunk).Select(id => (long)id)];
        Tensor states = _components.Value.TextEncoder(Tensor.FromArray(ids, [chunks.Length, chunks[0].Length])).LastHiddenState; // [chunks, L, features]
        int features = states.Shape[2];
        return states.Reshape(1, ids.Length, features).Expand(batch, ids.Length, features).Contiguous();
    }

    // [1, H, W, 3] in [-1, 1] to bytes; what lies outside is clamped.
    private static RgbImage ToImage(Tensor picture)
    {
        float[] values = picture.ToArray();
        byte[] pixels = new byte[values.Length];
        for (int i = 0; i < values.Length; i++) pixels[i] = (byte)MathF.Round(Math.Clamp(values[i] * 0.5f + 0.5f, 0, 1) * 255);
        return new RgbImage(picture.Shape[2], picture.Shape[1], pixels);
    }

    private Components OpenComponents(ModelSource model, ClipConfig clip, VaeConfig vae, AttentionCode code, bool compile)
    {
        WeightScope text = model["text_encoder"].OpenWeights(), unet = model["unet"].OpenWeights(), pixels = model["vae"].OpenWeights();
        ClipTokenizer tokenizer = OpenTokenizer(model, clip);
        var textEncoder = new ClipTextEncoder(clip, text);
        var network = new ConditionalUNet(_unetConfig, unet, code);
        var decoder = new VaeDecoder(vae, pixels);

        // The VAE's encoder has its keys in the same file and is not needed here.
        string[] unusedOfVae = [.. pixels.Unused.Where(key => !key.StartsWith("encoder.", StringComparison.Ordinal) && !key.StartsWith("quant_conv.", StringComparison.Ordinal))];
        string[] notices =
        [
            .. Unused(text.Name, "the text encoder does not use", text.Unused),
            .. Unused(unet.Name, "the U-Net does not use", unet.Unused),
            .. Unused(pixels.Name, "the VAE does not use", unusedOfVae),
            .. Unused(model.Name, "belong to no component", model.UnknownKeys),
        ];
        if (!compile) return new Components(tokenizer, textEncoder.Call, network.Call, decoder.Call, null, notices);
        var compiledNetwork = Compile(network);
        var compiledDecoder = Compile(decoder);
        return new Components(tokenizer, Compile(textEncoder).Call, compiledNetwork.Call, compiledDecoder.Call, (compiledNetwork, compiledDecoder), notices);
    }

    private static IEnumerable<string> Unused(string file, string problem, IReadOnlyList<string> keys)
    {
        const int Named = 3;
        if (keys.Count > 0) yield return $"{file} has keys that {problem} ({keys.Count}): {string.Join(", ", keys.Take(Named))}{(keys.Count > Named ? ", …" : "")}.";
    }

    // Models without a vocabulary of their own have CLIP's; those with OpenCLIP's text encoder (SD2.x) pad with id 0.
    private static ClipTokenizer OpenTokenizer(ModelSource model, ClipConfig clip)
    {
        ClipTokenizer tokenizer = model.Find("tokenizer")?.Folder is { } folder ? ClipTokenizer.Open(folder)
            : clip.Activation == ClipActivation.Gelu ? ClipTokenizer.Embedded(padding: "!")
            : ClipTokenizer.Embedded();
        return tokenizer.VocabularySize <= clip.VocabularySize && tokenizer.ContextLength <= clip.ContextLength
            ? tokenizer
            : throw new BrushfireException($"{model.Name}: the tokenizer has {tokenizer.VocabularySize} tokens and a context of {tokenizer.ContextLength}, more than the text encoder's {clip.VocabularySize} and {clip.ContextLength}; they do not belong together.");
    }

    // Parts that do not belong together, and networks that want more than latents, a timestep and a text.
    private void CheckFits(string name, ClipConfig clip, VaeConfig vae)
    {
        List<string> problems = [];
        if (_unetConfig.AdditionTimeChannels is not null) problems.Add("the U-Net takes sizes and crops beside the text (SDXL), which is not supported");
        if (_unetConfig.InputChannels != vae.LatentChannels) problems.Add($"the U-Net takes {_unetConfig.InputChannels} channels, but latents have {vae.LatentChannels}; networks for in-painting with more channels are not supported");
        if (_unetConfig.OutputChannels != vae.LatentChannels) problems.Add($"the U-Net gives {_unetConfig.OutputChannels} channels, but latents have {vae.LatentChannels}");
        if (_unetConfig.ContextChannels != clip.HiddenSize) problems.Add($"the U-Net attends to {_unetConfig.ContextChannels} features, but the text encoder gives {clip.HiddenSize}");
        if (vae.ImageChannels != 3) problems.Add($"the VAE makes pictures of {vae.ImageChannels} channels, not 3");
        if (problems.Count > 0) throw new BrushfireException($"{name} cannot draw: {string.Join("; ", problems)}.");
    }
}
