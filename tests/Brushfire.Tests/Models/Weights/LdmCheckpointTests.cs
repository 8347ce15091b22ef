// Single-file checkpoints: the family and its configurations told from keys and shapes.

using System.Buffers.Binary;
using System.Text;
using Brushfire.Models.Catalog;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Weights;

public sealed class LdmCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // A checkpoint with the published keys and shapes. Its values are a hole in the file: nothing but the header is written.
    private string Checkpoint(string name, bool sd2, params (string Key, int[] Shape)[] additional)
    {
        LdmKeys keys = LdmKeys.Open();
        IEnumerable<(string Key, int[] Shape)> unet = keys.Section("unet").Select(entry => (entry.Ldm, sd2 ? Sd2Shape(entry.Ldm, entry.Shape) : entry.Shape));
        IEnumerable<(string Key, int[] Shape)> others = keys.Section("vae").Concat(keys.Section(sd2 ? "text-sd2" : "text-sd1")).Select(entry => (entry.Ldm, entry.Shape));
        var tensors = unet.Concat(others).ToDictionary(entry => entry.Key, entry => entry.Shape);
        foreach ((string key, int[] shape) in additional) tensors[key] = shape;

        var header = new StringBuilder("{");
        long offset = 0;
        foreach ((string key, int[] shape) in tensors)
        {
            long end = offset + 2 * new Shape(shape).Count;
            header.Append($$"""{{(offset == 0 ? "" : ",")}}"{{key}}":{"dtype":"F16","shape":[{{string.Join(',', shape)}}],"data_offsets":[{{offset}},{{end}}]}""");
            offset = end;
        }

        byte[] json = Encoding.UTF8.GetBytes(header.Append('}').ToString());
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        string path = _folder.Write(name, [.. length, .. json]);
        using FileStream stream = File.OpenWrite(path);
        stream.SetLength(8 + json.Length + offset);
        return path;
    }

    // How the reference's note says that SD2.x differs: linear projections around transformers, contexts of 1024.
    private static int[] Sd2Shape(string key, int[] shape)
    {
        if (shape is [var rows, var columns, 1, 1] && (key.Contains(".proj_in.", StringComparison.Ordinal) || key.Contains(".proj_out.", StringComparison.Ordinal))) return [rows, columns];
        return shape is [var width, 768] ? [width, 1024] : shape;
    }

    private static void AssertSameConfig(ConfigReader expected, ConfigReader actual)
    {
        foreach (string key in expected.Keys)
        {
            Assert.True(actual.TryGet(key, out var value), $"{key} is missing from {actual.Name}");
            Assert.True(expected.TryGet(key, out var wanted));
            Assert.True(System.Text.Json.JsonElement.DeepEquals(wanted, value), $"{key} is {value} instead of {wanted}");
        }
    }

    [Theory]
    [InlineData("sd15")]
    [InlineData("sd21")]
    public void The_family_is_told_from_keys_and_shapes(string family)
    {
        bool sd2 = family == "sd21";
        ModelSource model = ModelSource.Open(Checkpoint("model.safetensors", sd2));
        ModelSource expected = ModelSource.Open(family);
        Assert.Contains(sd2 ? "SD2.x" : "SD1.x", model.Kind, StringComparison.Ordinal);
        Assert.Empty(model.UnknownKeys);
        foreach (ModelComponent component in expected.Components) AssertSameConfig(component.Config, model[component.Name].Config);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Models_find_every_parameter_under_its_diffusers_name(bool sd2)
    {
        LdmKeys keys = LdmKeys.Open();
        ModelSource model = ModelSource.Open(Checkpoint("model.safetensors", sd2));
        (string Section, string Component)[] sections = [("unet", "unet"), ("vae", "vae"), (sd2 ? "text-sd2" : "text-sd1", "text_encoder")];
        foreach ((string section, string component) in sections)
        {
            WeightScope scope = model[component].OpenWeights();
            foreach ((string ldm, string diffusers, int[] shape) in keys.Section(section).Where(entry => !entry.Diffusers.Contains("unused", StringComparison.Ordinal)))
            {
                string[] names = [.. LdmKeys.NamesIn(diffusers)];
                int[] stored = section == "unet" && sd2 ? Sd2Shape(ldm, shape) : shape;

                // The VAE asks for linear attention weights, as diffusers has them; three joined matrices come one by one.
                int[] wanted = names.Length == 3 ? [stored[0] / 3, .. stored[1..]]
                    : component == "vae" && diffusers.Contains("attentions", StringComparison.Ordinal) ? new Shape(stored).Sizes.TrimEnd(1).ToArray() : stored;
                foreach (string name in names) scope.Take(name, wanted);
            }

            Assert.Empty(scope.Unused);
        }
    }

    [Fact]
    public void Inpainting_is_told_by_nine_channels_and_predicts_epsilon()
    {
        ModelSource model = ModelSource.Open(Checkpoint("x", sd2: true, ("model.diffusion_model.input_blocks.0.0.weight", [320, 9, 3, 3])));
        Assert.Equal(9, model["unet"].Config.Int("in_channels"));
        Assert.Equal("epsilon", model["scheduler"].Config.String("prediction_type"));
        Assert.Equal(64, model["unet"].Config.Int("sample_size"));
    }

    [Fact]
    public void A_JSON_file_beside_the_checkpoint_overrides_what_weights_cannot_tell()
    {
        string path = Checkpoint("base.safetensors", sd2: true);
        Assert.Equal("v_prediction", ModelSource.Open(path)["scheduler"].Config.String("prediction_type"));
        _folder.Write("base.json", """{ "prediction_type": "epsilon", "sample_size": 64 }""");
        ModelSource model = ModelSource.Open(path);
        Assert.Equal("epsilon", model["scheduler"].Config.String("prediction_type"));
        Assert.Equal("leading", model["scheduler"].Config.String("timestep_spacing"));
        Assert.Equal(64, model["unet"].Config.Int("sample_size"));
    }

    [Fact]
    public void Joined_and_transposed_tensors_are_cut_and_turned()
    {
        WeightFile file = WeightFile.Open(_folder.Write("tiny", FileBytes.Safetensors([.. TinySd2(),
            ("cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight", [6, 2]), ("cond_stage_model.model.transformer.resblocks.0.attn.in_proj_bias", [6]), ("cond_stage_model.model.text_projection", [2, 3])])));
        float[] joined = file.Entries["cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight"].Load().ToArray<float>();
        float[] projection = file.Entries["cond_stage_model.model.text_projection"].Load().ToArray<float>();
        WeightScope text = WeightScope.Of(new LdmCheckpoint(file, useEma: false).Entries("text_encoder"), "tiny");
        WeightScope attention = text["text_model.encoder.layers.0.self_attn"];
        Assert.Equal(joined[0..4], attention.Take("q_proj.weight", [2, 2]).ToArray<float>());
        Assert.Equal(joined[4..8], attention.Take("k_proj.weight", [2, 2]).ToArray<float>());
        Assert.Equal(joined[8..12], attention.Take("v_proj.weight", [2, 2]).ToArray<float>());
        Assert.Equal("f32[2]", attention.Take("v_proj.bias", [2]).Spec.ToString());
        Assert.Equal([projection[0], projection[3], projection[1], projection[4], projection[2], projection[5]], text.Take("text_projection.weight", [3, 2]).ToArray<float>());
    }

    [Fact]
    public void Moving_averages_are_used_only_when_asked_for()
    {
        (string Key, int[] Shape)[] tensors = TinySd2();
        (string Key, int[] Shape)[] averages = [.. tensors.Where(tensor => tensor.Key.StartsWith(LdmNames.UNet, StringComparison.Ordinal)).Select(tensor => (LdmNames.EmaOf(tensor.Key), tensor.Shape))];
        string path = _folder.Write("ema", FileBytes.Safetensors([.. tensors, .. averages]));
        WeightFile file = WeightFile.Open(path);
        foreach (bool useEma in (bool[])[false, true])
        {
            ModelSource model = ModelSource.Open(path, useEma);
            Assert.Empty(model.UnknownKeys);
            string key = LdmNames.UNet + "input_blocks.0.0.weight";
            Assert.Equal(file.Entries[useEma ? LdmNames.EmaOf(key) : key].Load().ToArray<float>(), model["unet"].OpenWeights()["conv_in"].Take("weight", [64, 4, 3, 3]).ToArray<float>());
        }

        string without = _folder.Write("plain", FileBytes.Safetensors(tensors));
        Assert.Contains("has no moving average of 'model.diffusion_model.", Assert.Throws<BrushfireException>(() => ModelSource.Open(without, useEma: true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_keys_are_reported()
    {
        string path = _folder.Write("x", FileBytes.Safetensors([.. TinySd2(), ("hello", [1]), ("control_model.x", [1]), ("betas", [2])]));
        Assert.Equal(["hello", "control_model.x"], ModelSource.Open(path).UnknownKeys);
    }

    [Fact]
    public void Files_of_other_models_are_refused()
    {
        string Error(params (string Key, int[] Shape)[] tensors) => Assert.Throws<BrushfireException>(() => ModelSource.Open(_folder.Write("x", FileBytes.Safetensors(tensors)))).Message;
        Assert.Contains("is a checkpoint of SDXL", Error(("conditioner.embedders.0.x", [1])), StringComparison.Ordinal);
        Assert.Contains("is not a whole model: it has no 'model.diffusion_model.input_blocks.0.0.weight' (1 keys, such as lora_up)", Error(("lora_up", [1])), StringComparison.Ordinal);
        Assert.Contains("lacks 'down_blocks.0.resnets.0.conv1.weight' of unet", Error((LdmNames.UNet + "input_blocks.0.0.weight", [4, 4, 3, 3])), StringComparison.Ordinal);
        Assert.Contains("has the shape [7], from which no configuration can be told", Error([.. TinySd2(), (LdmNames.UNet + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", [7])]), StringComparison.Ordinal);
        Assert.Contains("three equal parts of a vector or matrix were expected", Error([.. TinySd2(), ("cond_stage_model.model.transformer.resblocks.0.attn.in_proj_bias", [7])]), StringComparison.Ordinal);
    }

    // The least from which configurations can be told.
    private static (string Key, int[] Shape)[] TinySd2() =>
    [
        (LdmNames.UNet + "input_blocks.0.0.weight", [64, 4, 3, 3]),
        (LdmNames.UNet + "input_blocks.1.0.in_layers.2.weight", [64, 64, 3, 3]),
        (LdmNames.UNet + "input_blocks.1.1.proj_in.weight", [64, 64]),
        (LdmNames.UNet + "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", [64, 2]),
        (LdmNames.UNet + "out.2.weight", [4, 64, 3, 3]),
        (LdmNames.OpenClip + "token_embedding.weight", [5, 2]),
        (LdmNames.OpenClip + "positional_embedding", [3, 2]),
        (LdmNames.OpenClip + "transformer.resblocks.0.mlp.c_fc.weight", [8, 2]),
        (LdmNames.OpenClip + "transformer.resblocks.0.ln_1.weight", [2]),
        (LdmNames.OpenClip + "transformer.resblocks.1.ln_1.weight", [2]),
    ];
}
