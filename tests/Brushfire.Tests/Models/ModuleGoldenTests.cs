// Every U-Net, VAE and CLIP file of the reference folder: outputs and inner modules, in both ways to write attention.

using System.Text.RegularExpressions;
using Brushfire.Compiler;
using Brushfire.Kernels;
using Brushfire.Models.Clip;
using Brushfire.Models.Layers;
using Brushfire.Models.UNet;
using Brushfire.Models.Vae;
using Brushfire.Models.Weights;
using Brushfire.Tensors;
using static Brushfire.Compiler.Compiler;

namespace Brushfire.Tests.Models;

public sealed class ModuleGoldenTests
{
    private const double UNetTolerance = 1e-3, Tolerance = 1e-4, BFloat16Tolerance = 2e-2;

    public static TheoryData<string> Small => [.. Golden.Files("modules", "*.safetensors").DefaultIfEmpty("modules")];
    public static TheoryData<string> Full => [.. Golden.Files("full", "*.safetensors").DefaultIfEmpty("full")];

    [Theory]
    [MemberData(nameof(Small))]
    public void Small_modules_agree_with_the_reference(string file) => Check(file, AttentionCode.Optimized);

    [Theory]
    [MemberData(nameof(Small))]
    public void Original_attention_agrees_with_the_reference(string file) => Check(file, AttentionCode.Original);

    [Theory]
    [MemberData(nameof(Small))]
    public void Each_attention_backend_agrees_with_the_reference(string file)
    {
        foreach (AttentionBackend backend in Enum.GetValues<AttentionBackend>())
            using (AttentionBackends.Allow(backend)) Check(file, AttentionCode.Optimized);
    }

    [Theory]
    [MemberData(nameof(Small))]
    public void Modules_in_bfloat16_agree_with_the_reference(string file) => Check(file, AttentionCode.Optimized, DType.BFloat16);

    [Theory]
    [MemberData(nameof(Small))]
    public void Original_attention_in_bfloat16_agrees_with_the_reference(string file) => Check(file, AttentionCode.Original, DType.BFloat16);

    [Theory]
    [MemberData(nameof(Small))]
    public void Compiled_modules_agree_with_the_reference(string file) => Check(file, AttentionCode.Optimized, compiled: true);

    [Theory]
    [MemberData(nameof(Small))]
    public void Compiled_original_attention_agrees_with_the_reference(string file) => Check(file, AttentionCode.Original, compiled: true);

    [Theory]
    [MemberData(nameof(Full))]
    [Trait("Size", "Full")]
    public void Full_size_modules_agree_with_the_reference(string file)
    {
        Check(file, AttentionCode.Optimized);
        Allocator.Trim();
    }

    [Theory]
    [MemberData(nameof(Full))]
    [Trait("Size", "Full")]
    public void Full_size_modules_in_bfloat16_agree_with_the_reference(string file)
    {
        Check(file, AttentionCode.Optimized, DType.BFloat16);
        Allocator.Trim();
    }

    [Theory]
    [MemberData(nameof(Full))]
    [Trait("Size", "Full")]
    public void Full_size_compiled_modules_agree_with_the_reference(string file)
    {
        Check(file, AttentionCode.Optimized, compiled: true);
        Allocator.Trim();
    }

    private static void Check(string file, AttentionCode code, DType precision = DType.Float32, bool compiled = false)
    {
        using var scope = new TensorScope();
        using IDisposable autocast = Autocast.Use(precision);
        Golden golden = Golden.Open(file);
        string model = golden.Metadata["model"];
        WeightScope weights = WeightScope.Formula(golden.Metadata.GetValueOrDefault("prefix", ""));
        ConfigReader config = ConfigReader.Parse(golden.Metadata["config"], file);
        switch (model)
        {
            case "UNet2DConditionModel": CheckUNet(golden, config, weights, code, compiled); break;
            case "AutoencoderKL": CheckVae(golden, config, weights, compiled); break;
            case "CLIPTextModel" or "CLIPTextModelWithProjection": CheckClip(golden, config, weights, withProjection: model == "CLIPTextModelWithProjection", compiled); break;
            default: Assert.Skip($"{file}: waits for {model}."); break;
        }
    }

    private static void CheckUNet(Golden golden, ConfigReader config, WeightScope weights, AttentionCode code, bool compiled)
    {
        var unet = new ConditionalUNet(UNetConfig.Read(config), weights, code);
        HashSet<string> inner = [.. golden.Names.Where(name => name.StartsWith("at.", StringComparison.Ordinal)).Select(name => name[3..])];
        if (compiled) inner.Clear(); // observers are told only while a graph is captured
        using IDisposable observation = Module.Observe((name, output) =>
        {
            if (!inner.Remove(name)) return;
            Tensor value = output.Rank == 4 ? output.ToChannelsFirst() : output;
            Close.Relative(golden.Floats("at." + name), value.ToArray(), Within(UNetTolerance), name);
        });
        Tensor result = Call(unet, compiled, new UNetInput(
            Load(golden, "sample").ToChannelsLast(), Load(golden, "timestep"), Load(golden, "context"),
            golden.Has("text_embeds") ? Load(golden, "text_embeds") : null, golden.Has("time_ids") ? Load(golden, "time_ids") : null));
        Close.Relative(golden.Floats("out"), result.ToChannelsFirst().ToArray(), Within(UNetTolerance), "out");
        Assert.True(inner.Count == 0, $"No module has the name of {string.Join(", ", inner)}.");
    }

    private static void CheckVae(Golden golden, ConfigReader reader, WeightScope weights, bool compiled)
    {
        VaeConfig config = VaeConfig.Read(reader);
        bool sampled = !golden.Has("out_decoded");
        string decodedName = sampled ? "out_decoded_every4" : "out_decoded";
        if (!golden.Has(decodedName) && !golden.Has("out_moments")) Assert.Skip("The file has neither a decoded picture nor moments.");
        if (golden.Has(decodedName))
        {
            int[] picture = golden.Shape(decodedName); // [N, imageChannels, H, W], or every fourth row and column of it
            int pixels = sampled ? 4 : 1;
            Tensor latents = Input(golden, "latents", [picture[0], config.LatentChannels, picture[2] * pixels / config.Downsampling, picture[3] * pixels / config.Downsampling]);
            Tensor decoded = Call(new VaeDecoder(config, weights), compiled, latents.ToChannelsLast()).ToChannelsFirst();
            float[] actual = sampled ? EveryFourth(decoded.ToArray(), decoded.Shape[2], decoded.Shape[3]) : decoded.ToArray();
            Close.Relative(golden.Floats(decodedName), actual, Within(Tolerance), "decoded");
        }

        if (golden.Has("out_moments"))
        {
            int[] moments = golden.Shape("out_moments"); // [N, 2 · latentChannels, H, W]
            Tensor image = Input(golden, "image", [moments[0], config.ImageChannels, moments[2] * config.Downsampling, moments[3] * config.Downsampling]);
            float[] actual = Call(new VaeEncoder(config, weights), compiled, image.ToChannelsLast()).ToChannelsFirst().ToArray();
            Close.Relative(golden.Floats("out_moments"), actual, Within(Tolerance), "moments");
        }
    }

    // A stored input, or one by formula, whose name and factor the note tells: "input.MODEL.latents * 1.7 and .image * 1".
    private static Tensor Input(Golden golden, string name, int[] shape)
    {
        if (golden.Has(name)) return Load(golden, name);
        string note = golden.Metadata["note"], prefix = golden.Metadata.GetValueOrDefault("prefix", "");
        string model = Regex.Match(note, @"input\.(\S+)\.latents").Groups[1].Value;
        float factor = float.Parse(Regex.Match(note, $@"\.{name} \* ([0-9.]*[0-9])").Groups[1].Value);
        if (!model.StartsWith(prefix, StringComparison.Ordinal)) model = prefix + model;
        return FormulaWeights.Input($"{model}.{name}", shape, factor);
    }

    private static void CheckClip(Golden golden, ConfigReader config, WeightScope weights, bool withProjection, bool compiled)
    {
        long[] ids = [.. golden.Floats("ids").Select(id => (long)id)];
        int[] shape = golden.Shape("ids") is [var length] ? [1, length] : golden.Shape("ids");
        ClipOutput output = Call(new ClipTextEncoder(ClipConfig.Read(config, withProjection), weights), compiled, Tensor.FromArray(ids, shape));
        var named = new Dictionary<string, Tensor?>
        {
            ["out_last_hidden_state"] = output.LastHiddenState,
            ["out_penultimate"] = output.Penultimate,
            ["out_pooled"] = output.Pooled,
            ["out_text_embeds"] = output.TextEmbeds,
        };
        if (!named.Keys.Any(golden.Has)) Assert.Skip("The file has no output of the encoder.");
        foreach ((string name, Tensor? value) in named)
            if (golden.Has(name)) Close.Relative(golden.Floats(name), value!.ToArray(), Within(Tolerance), name);
    }

    private static float[] EveryFourth(float[] planes, int height, int width)
    {
        List<float> values = [];
        for (int plane = 0; plane < planes.Length / height / width; plane++)
            for (int y = 0; y < height; y += 4)
                for (int x = 0; x < width; x += 4) values.Add(planes[(plane * height + y) * width + x]);
        return [.. values];
    }

    private static double Within(double tolerance) => Autocast.Current == DType.BFloat16 ? BFloat16Tolerance : tolerance;

    // A compiled module is captured by its first call; the second one runs only what was compiled.
    private static TOutput Call<TInput, TOutput>(ITensorFunction<TInput, TOutput> module, bool compiled, TInput input)
    {
        if (!compiled) return module.Call(input);
        CompiledFunction<Func<TInput, TOutput>> function = Compile(module, fullGraph: true);
        function.Call(input);
        TOutput output = function.Call(input);
        Assert.Empty(function.Recompiles);
        Assert.All(Assert.Single(function.Reports).Programs, program => Assert.Equal(0, program.InterpretedNodes));
        return output;
    }

    private static Tensor Load(Golden golden, string name) => Tensor.FromArray(golden.Floats(name), golden.Shape(name));
}
