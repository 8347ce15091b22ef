// A part of a model with inputs by formula: what benchmarks run, trace and count. Weights are read at the first run.

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

    private readonly Func<int, Tensor[]> _inputs;
    private readonly Action<Tensor[]> _run;

    private ModelPart(PartKind kind, int batchSize, (int Width, int Height)? latentSize, int? tokens, Func<int, Tensor[]> inputs, Action<Tensor[]> run) =>
        (Kind, BatchSize, LatentSize, Tokens, _inputs, _run) = (kind, batchSize, latentSize, tokens, inputs, run);

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
    /// <param name="compile">Whether the first run compiles the part.</param>
    /// <exception cref="BrushfireException">There is no such model, or it is none that a benchmark can feed.</exception>
    public static ModelPart Open(string model, PartKind kind, AttentionCode code = AttentionCode.Optimized, (int Width, int Height)? latentSize = null, int? batchSize = null, bool compile = false)
    {
        ModelSource source = ModelSource.Open(model);
        UNetConfig unet = UNetConfig.Read(source["unet"].Config);
        (int, int) size = latentSize ?? (unet.SampleSize, unet.SampleSize);
        int batch = batchSize ?? DefaultBatchSize(kind);
        return kind switch
        {
            PartKind.UNet => OpenUNet(source, unet, code, size, batch, compile),
            PartKind.Vae => OpenVae(source, size, batch, compile),
            PartKind.Text => OpenText(source, batch, compile),
        };
    }

    /// <summary>New inputs, other ones for each index.</summary>
    public Tensor[] Inputs(int index) => _inputs(index);

    /// <summary>One evaluation.</summary>
    public void Run(Tensor[] inputs) => _run(inputs);

    /// <summary>The ops of one evaluation; nothing is computed.</summary>
    public OpTrace Follow()
    {
        using var scope = new TensorScope();
        Tensor[] inputs = Inputs(0);
        return OpTrace.Follow(() => Run(inputs), inputs);
    }

    private static ModelPart OpenUNet(ModelSource source, UNetConfig config, AttentionCode code, (int Width, int Height) size, int batch, bool compile)
    {
        if (config.AdditionTimeChannels is not null) throw new BrushfireException($"{source.Name}: its U-Net takes sizes and crops beside the text (SDXL), which this benchmark does not feed.");
        int tokens = Text(source).ContextLength;
        var unet = new ConditionalUNet(config, source["unet"].OpenWeights(), code);
        Func<UNetInput, Tensor> call = compile ? Compile(unet).Call : unet.Call;

        // The text of a picture is the same in all steps.
        Tensor context = FormulaWeights.Input("benchmark.context", [batch, tokens, config.ContextChannels], 1);
        return new ModelPart(PartKind.UNet, batch, size, tokens, index =>
        [
            FormulaWeights.Input($"benchmark.latents.{index}", [batch, size.Height, size.Width, config.InputChannels], 1.7f),
            Tensor.Full([batch], Timesteps - 1 - index * 37 % Timesteps),
            context,
        ], inputs => call(new UNetInput(inputs[0], inputs[1], inputs[2])));
    }

    private static ModelPart OpenVae(ModelSource source, (int Width, int Height) size, int batch, bool compile)
    {
        VaeConfig config = VaeConfig.Read(source["vae"].Config);
        var decoder = new VaeDecoder(config, source["vae"].OpenWeights());
        Func<Tensor, Tensor> call = compile ? Compile(decoder).Call : decoder.Call;
        return new ModelPart(PartKind.Vae, batch, size, null,
            index => [FormulaWeights.Input($"benchmark.latents.{index}", [batch, size.Height, size.Width, config.LatentChannels], 1.7f)],
            inputs => call(inputs[0]));
    }

    private static ModelPart OpenText(ModelSource source, int batch, bool compile)
    {
        ClipConfig config = Text(source);
        int length = config.ContextLength;
        var encoder = new ClipTextEncoder(config, source["text_encoder"].OpenWeights());
        Func<Tensor, ClipOutput> call = compile ? Compile(encoder).Call : encoder.Call;
        return new ModelPart(PartKind.Text, batch, null, length,
            index => [Tensor.FromArray([.. Enumerable.Range(index, batch * length).Select(id => (long)(id * 331 % config.VocabularySize))], [batch, length])],
            inputs => call(inputs[0]));
    }

    private static ClipConfig Text(ModelSource source) => ClipConfig.Read(source["text_encoder"].Config, withProjection: false);
}
