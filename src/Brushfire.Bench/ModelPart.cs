// A part of a model with inputs by formula: what benchmarks run, trace and count. Weights are read at the first run.

using Brushfire.Compiler;
using Brushfire.Diffusion.Denoising;
using Brushfire.Diffusion.Samplers;
using Brushfire.Diffusion.Schedules;
using Brushfire.Models.Catalog;
using Brushfire.Models.Clip;
using Brushfire.Models.Layers;
using Brushfire.Models.UNet;
using Brushfire.Models.Vae;
using Brushfire.Models.Weights;
using Brushfire.Tensors;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Bench;

public enum PartKind { UNet, Vae, Text }

/// <summary>A part of a model, ready to run on inputs of one size.</summary>
public sealed class ModelPart
{
    private const int Timesteps = 1000;

    private readonly Func<int, (int Width, int Height), Tensor[]> _inputs;
    private readonly Action<Tensor[]> _run, _runCompiled;

    private ModelPart(PartKind kind, int batchSize, (int Width, int Height)? latentSize, int? tokens, Func<int, (int Width, int Height), Tensor[]> inputs, Action<Tensor[]> run, Action<Tensor[]> runCompiled, CompiledFunction compiled) =>
        (Kind, BatchSize, LatentSize, Tokens, _inputs, _run, _runCompiled, Compiled) = (kind, batchSize, latentSize, tokens, inputs, run, runCompiled, compiled);

    public PartKind Kind { get; }
    public int BatchSize { get; }

    /// <summary>Null for the text encoder.</summary>
    public (int Width, int Height)? LatentSize { get; }

    /// <summary>Null for the VAE's decoder.</summary>
    public int? Tokens { get; }

    /// <summary>As on the command line.</summary>
    public static string Name(PartKind kind) => kind switch
    {
        PartKind.UNet => "unet",
        PartKind.Vae => "vae",
        PartKind.Text => "text",
    };

    /// <summary>As in tables.</summary>
    public static string Title(PartKind kind) => kind switch
    {
        PartKind.UNet => "U-Net",
        PartKind.Vae => "VAE decoder",
        PartKind.Text => "CLIP",
    };

    /// <summary>Latents or texts in one evaluation unless others are asked for: the U-Net's for one picture with guidance.</summary>
    public static int DefaultBatchSize(PartKind kind) => kind == PartKind.UNet ? 2 : 1;

    /// <param name="model">What <see cref="ModelSource.Open"/> takes.</param>
    /// <param name="latentSize">Null takes the size that the model was trained on.</param>
    /// <exception cref="BrushfireException">There is no such model, or it is none that a benchmark can feed.</exception>
    public static ModelPart Open(string model, PartKind kind, AttentionCode code = AttentionCode.Optimized, (int Width, int Height)? latentSize = null, int? batchSize = null)
    {
        ModelSource source = ModelSource.Open(model);
        UNetConfig unet = UNetConfig.Read(source["unet"].Config);
        (int, int) size = latentSize ?? (unet.SampleSize, unet.SampleSize);
        int batch = batchSize ?? DefaultBatchSize(kind);
        return kind switch
        {
            PartKind.UNet => OpenUNet(source, unet, code, size, batch),
            PartKind.Vae => OpenVae(source, size, batch),
            PartKind.Text => OpenText(source, batch),
        };
    }

    /// <summary>The part as a compiled function. Eager runs share its weights.</summary>
    public CompiledFunction Compiled { get; }

    /// <summary>Draws with the compiled U-Net: a run of the model's sampler, of so many steps, on latents of a size. Null for other parts.</summary>
    public Action<int, (int Width, int Height)>? SampleCompiled { get; private init; }

    /// <summary>New inputs, other ones for each index.</summary>
    /// <param name="latentSize">Null takes the part's own.</param>
    public Tensor[] Inputs(int index, (int Width, int Height)? latentSize = null) => _inputs(index, latentSize ?? LatentSize ?? default);

    /// <summary>One eager evaluation.</summary>
    public void Run(Tensor[] inputs) => _run(inputs);

    /// <summary>One compiled evaluation; the first one of a size compiles.</summary>
    public void RunCompiled(Tensor[] inputs) => _runCompiled(inputs);

    /// <summary>The ops of one evaluation; nothing is computed.</summary>
    public OpTrace Follow()
    {
        using var scope = new TensorScope();
        Tensor[] inputs = Inputs(0);
        return OpTrace.Follow(() => Run(inputs), inputs);
    }

    private static ModelPart OpenUNet(ModelSource source, UNetConfig config, AttentionCode code, (int Width, int Height) size, int batch)
    {
        if (config.AdditionTimeChannels is not null) throw new BrushfireException($"{source.Name}: its U-Net takes sizes and crops beside the text (SDXL), which this benchmark does not feed.");
        int tokens = Text(source).ContextLength;
        var unet = new ConditionalUNet(config, source["unet"].OpenWeights(), code);
        CompiledFunction<Func<UNetInput, Tensor>> compiled = Compile(unet);

        // The text of a picture is the same in all steps.
        Tensor context = FormulaWeights.Input("benchmark.context", [batch, tokens, config.ContextChannels], 1);
        Tensor[] Inputs(int index, (int Width, int Height) size) =>
        [
            FormulaWeights.Input($"benchmark.latents.{index}", [batch, size.Height, size.Width, config.InputChannels], 1.7f),
            Tensor.Full([batch], Timesteps - 1 - index * 37 % Timesteps),
            context,
        ];
        return new ModelPart(PartKind.UNet, batch, size, tokens, Inputs,
            inputs => unet.Call(new UNetInput(inputs[0], inputs[1], inputs[2])),
            inputs => compiled.Call(new UNetInput(inputs[0], inputs[1], inputs[2])), compiled)
        {
            SampleCompiled = (steps, size) => Sample(compiled, new NoiseSchedule(NoiseScheduleSettings.Read(source["scheduler"].Config)), context, steps, [1, size.Height, size.Width, config.InputChannels]),
        };
    }

    private static void Sample(Func<UNetInput, Tensor> unet, NoiseSchedule schedule, Tensor context, int steps, Shape latents)
    {
        using var scope = new TensorScope();
        Sampler sampler = Sampler.Of(schedule.Settings) ?? Sampler.All[0];
        NoiseLevels levels = schedule.Levels(steps, schedule.Settings.Spacing, sampler.Scale);
        var noise = new NoiseSource(NoiseSource.TorchCpu, seed: 1, batchSize: 1);
        var denoiser = new Denoiser((input, timestep, text) => unet(new UNetInput(input, Tensor.Full([input.Shape[0]], (float)timestep), text)), schedule.Settings.Prediction, context.Slice(0, 0, 1), context.Slice(0, context.Shape[0] - 1, 1), guidanceScale: 7.5);
        foreach (SamplerStep step in sampler.Run(denoiser, noise.Draw(latents) * (float)levels.StartScale, levels, noise)) step.Denoised.Dispose();
    }

    private static ModelPart OpenVae(ModelSource source, (int Width, int Height) size, int batch)
    {
        VaeConfig config = VaeConfig.Read(source["vae"].Config);
        var decoder = new VaeDecoder(config, source["vae"].OpenWeights());
        CompiledFunction<Func<Tensor, Tensor>> compiled = Compile(decoder);
        return new ModelPart(PartKind.Vae, batch, size, null,
            (index, size) => [FormulaWeights.Input($"benchmark.latents.{index}", [batch, size.Height, size.Width, config.LatentChannels], 1.7f)],
            inputs => decoder.Call(inputs[0]), inputs => compiled.Call(inputs[0]), compiled);
    }

    private static ModelPart OpenText(ModelSource source, int batch)
    {
        ClipConfig config = Text(source);
        int length = config.ContextLength;
        var encoder = new ClipTextEncoder(config, source["text_encoder"].OpenWeights());
        CompiledFunction<Func<Tensor, ClipOutput>> compiled = Compile(encoder);
        return new ModelPart(PartKind.Text, batch, null, length,
            (index, _) => [Tensor.FromArray([.. Enumerable.Range(index, batch * length).Select(id => (long)(id * 331 % config.VocabularySize))], [batch, length])],
            inputs => encoder.Call(inputs[0]), inputs => compiled.Call(inputs[0]), compiled);
    }

    private static ClipConfig Text(ModelSource source) => ClipConfig.Read(source["text_encoder"].Config, withProjection: false);
}
