// The catalogue: what a name, a folder or a file opens, and what is wrong with those that do not.

using Brushfire.Models.Catalog;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Tests.Models.Catalog;

public class ModelSourceTests
{
    [Theory]
    [InlineData("sd15", 768, 12, "quick_gelu", "epsilon", 64)]
    [InlineData("sd21", 1024, 23, "gelu", "v_prediction", 96)]
    public void Full_size_entries_have_weights_by_formula(string name, int width, int layers, string activation, string prediction, int sampleSize)
    {
        ModelSource model = ModelSource.Open(name);
        Assert.Equal(["unet", "vae", "text_encoder", "scheduler"], model.Components.Select(component => component.Name));
        Assert.Equal(width, model["unet"].Config.Int("cross_attention_dim"));
        Assert.Equal(width, model["text_encoder"].Config.Int("hidden_size"));
        Assert.Equal(layers, model["text_encoder"].Config.Int("num_hidden_layers"));
        Assert.Equal(activation, model["text_encoder"].Config.String("hidden_act"));
        Assert.Equal(prediction, model["scheduler"].Config.String("prediction_type"));
        Assert.Equal(sampleSize, model["unet"].Config.Int("sample_size"));
        Assert.Equal("f32[320]", model["unet"].OpenWeights()["conv_in"].Take("bias", [320]).Spec.ToString());
        Assert.Contains("scheduler has no weights", Assert.Throws<BrushfireException>(() => model["scheduler"].OpenWeights()).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> References => new()
    {
        { "sd15", "unet", "full/unet-sd15.safetensors" }, { "sd15", "vae", "full/vae-sd15.safetensors" }, { "sd15", "text_encoder", "full/clip-vit-l14.safetensors" }, { "sd21", "unet", "full/unet-sd21.safetensors" },
    };

    [Theory]
    [MemberData(nameof(References))]
    public void Full_size_configurations_are_those_of_the_reference(string name, string component, string file)
    {
        // The reference U-Net of SD2.1 is measured at the base model's size.
        ConfigReader expected = ConfigReader.Parse(Golden.Open(file).Metadata["config"], file);
        ConfigReader actual = ModelSource.Open(name)[component].Config;
        string size = component == "text_encoder" ? "hidden_size" : "block_out_channels";
        Assert.True(actual.TryGet(size, out var own));
        if (!expected.TryGet(size, out var theirs) || !System.Text.Json.JsonElement.DeepEquals(own, theirs)) Assert.Skip($"{file} is not of the size of {name}: {size} is {expected.Raw(size)}.");
        foreach (string key in expected.Keys.Where(key => key != "sample_size"))
        {
            Assert.True(expected.TryGet(key, out var wanted));
            Assert.True(actual.TryGet(key, out var value), key);
            Assert.True(System.Text.Json.JsonElement.DeepEquals(wanted, value), $"{key} is {value} instead of {wanted}");
        }
    }

    [Fact]
    public void An_unknown_name_says_what_there_is()
    {
        string message = Assert.Throws<BrushfireException>(() => ModelSource.Open("sd16")).Message;
        Assert.Contains("There is no model 'sd16': it is neither a folder nor a file", message, StringComparison.Ordinal);
        Assert.Contains("nor one of emoji, sd15, sd21", message, StringComparison.Ordinal);
        Assert.Contains("has no component 'image_encoder'; it has unet, vae, text_encoder, scheduler", Assert.Throws<BrushfireException>(() => ModelSource.Open("sd15")["image_encoder"]).Message, StringComparison.Ordinal);
    }
}
