// A model folder in the diffusers layout: its files under their usual names, and what is told when one is missing.

using Brushfire.Models.Catalog;
using Brushfire.Models.Weights;
using Brushfire.Tensors;
using Brushfire.Tests.Models.Weights;

namespace Brushfire.Tests.Models.Catalog;

public sealed class ModelFolderTests : IDisposable
{
    private const string Index = """
        { "_class_name": "StableDiffusionPipeline", "_diffusers_version": "1", "requires_safety_checker": false, "safety_checker": [null, null],
          "unet": ["diffusers", "UNet2DConditionModel"], "tokenizer": ["transformers", "CLIPTokenizer"], "scheduler": ["diffusers", "PNDMScheduler"] }
        """;

    private readonly TemporaryFolder _folder = new();

    public ModelFolderTests()
    {
        _folder.Write("model_index.json", Index);
        _folder.Write("unet/config.json", """{ "in_channels": 4 }""");
        _folder.Write("scheduler/scheduler_config.json", """{ "steps_offset": 1 }""");
        _folder.Write("tokenizer/vocab.json", "{}");
    }

    public void Dispose() => _folder.Dispose();

    private ModelSource Open() => ModelSource.Open(_folder.Path);
    private string ErrorOf(Action<ModelSource> action) => Assert.Throws<BrushfireException>(() => action(Open())).Message;

    [Fact]
    public void Components_configurations_and_folders_are_found()
    {
        ModelSource model = Open();
        Assert.Equal("diffusers folder (StableDiffusionPipeline)", model.Kind);
        Assert.Equal("unet:UNet2DConditionModel tokenizer:CLIPTokenizer scheduler:PNDMScheduler", string.Join(' ', model.Components.Select(component => $"{component.Name}:{component.ClassName}")));
        Assert.Equal(4, model["unet"].Config.Int("in_channels"));
        Assert.Equal(1, model["scheduler"].Config.Int("steps_offset"));
        Assert.Equal(Path.Combine(_folder.Path, "tokenizer"), model["tokenizer"].Folder);
        Assert.Null(model.Find("safety_checker"));
    }

    [Theory]
    [InlineData("diffusion_pytorch_model.safetensors")]
    [InlineData("diffusion_pytorch_model.fp16.safetensors")]
    [InlineData("diffusion_pytorch_model.bf16.safetensors")]
    [InlineData("diffusion_pytorch_model.non_ema.safetensors")]
    [InlineData("diffusion_pytorch_model.bin")]
    [InlineData("model.fp16.safetensors")]
    [InlineData("pytorch_model.bin")]
    public void Weights_are_found_under_the_usual_names(string name)
    {
        _folder.Write("unet/" + name, FileBytes.Safetensors(("x", [2])));
        WeightScope scope = Open()["unet"].OpenWeights();
        Assert.Equal(Path.Combine(_folder.Path, "unet", name), scope.Name);
        Assert.Equal([0f, 1], scope.Take("x", [2]).ToArray<float>());
    }

    [Theory]
    [InlineData("diffusion_pytorch_model.safetensors.index.json")]
    [InlineData("diffusion_pytorch_model.safetensors.index.fp16.json")]
    public void Shards_are_found_by_their_index(string name)
    {
        _folder.Write("unet/part-1.safetensors", FileBytes.Safetensors(("x", [2])));
        _folder.Write("unet/" + name, """{ "weight_map": { "x": "part-1.safetensors" } }""");
        Assert.True(Open()["unet"].OpenWeights().Has("x"));
    }

    [Fact]
    public void The_main_file_is_preferred_to_variants_and_safetensors_to_pickles()
    {
        string[] byPreference = ["diffusion_pytorch_model.bin", "diffusion_pytorch_model.non_ema.safetensors", "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors"];
        foreach (string name in byPreference)
        {
            _folder.Write("unet/" + name, FileBytes.Safetensors(("x", [2])));
            Assert.EndsWith(name, Open()["unet"].OpenWeights().Name, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_missing_is_named_with_what_was_looked_for()
    {
        Assert.Contains("unet has no weights: none of diffusion_pytorch_model.safetensors, ", ErrorOf(model => model["unet"].OpenWeights()), StringComparison.Ordinal);
        Assert.Contains("tokenizer has no weights", ErrorOf(model => model["tokenizer"].OpenWeights()), StringComparison.Ordinal);
        Assert.Contains("tokenizer has no configuration; config.json, scheduler_config.json, tokenizer_config.json, preprocessor_config.json were looked for in", ErrorOf(model => _ = model["tokenizer"].Config), StringComparison.Ordinal);
        Directory.Delete(Path.Combine(_folder.Path, "unet"), recursive: true);
        Assert.Equal(1, Open()["scheduler"].Config.Int("steps_offset"));
        Assert.Contains("unet has no configuration; config.json", ErrorOf(model => _ = model["unet"].Config), StringComparison.Ordinal);
        Assert.Contains("unet has no weights: none of", ErrorOf(model => model["unet"].OpenWeights()), StringComparison.Ordinal);
        File.Delete(Path.Combine(_folder.Path, "model_index.json"));
        Assert.Contains("is no model folder: it has no model_index.json", ErrorOf(_ => { }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "../unet": ["a", "b"] }""", "names the component '../unet'; components must be folders beside it")]
    [InlineData("""{ "unet": ["a"], "vae": 7 }""", "names no components")]
    [InlineData("[]", "holds a JSON Array")]
    public void A_hostile_index_is_refused(string index, string message)
    {
        _folder.Write("model_index.json", index);
        Assert.Contains(message, ErrorOf(_ => { }), StringComparison.Ordinal);
    }

    [Fact]
    public void The_emoji_model_opens_from_the_folder_beside_the_program()
    {
        ModelSource model = ModelSource.Open("emoji");
        Assert.Equal("PNDMScheduler", model["scheduler"].ClassName);
        Assert.Equal(16, model["unet"].Config.Int("sample_size"));
        Assert.Equal("f32[128,4,3,3]", model["unet"].OpenWeights()["conv_in"].Take("weight", [128, 4, 3, 3]).Spec.ToString());
        Assert.True(model["vae"].OpenWeights().Has("decoder.conv_in.weight"));
        Assert.True(model["text_encoder"].OpenWeights().Has("text_model.final_layer_norm.weight"));
    }
}
