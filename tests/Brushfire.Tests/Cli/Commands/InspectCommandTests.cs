// brushfire inspect, run in the process, on weight files, folders and pictures.

using System.Text.Json.Nodes;
using Brushfire.Cli;

namespace Brushfire.Tests.Cli.Commands;

public sealed class InspectCommandTests
{
    [Fact]
    public void A_weight_file_is_told_with_its_tensors_and_totals()
    {
        string path = Path.Combine(ShippedModel.Folder, "vae", "diffusion_pytorch_model.safetensors");
        JsonObject file = ProgramRun.Succeed("inspect", path, "--json").Json;
        Assert.Equal("weight file", file["kind"]!.GetValue<string>());
        Assert.Contains("safetensors", file["format"]!.GetValue<string>());
        JsonObject tensors = file["tensors"]!.AsObject();
        Assert.Equal(file["tensorCount"]!.GetValue<int>(), tensors.Count);
        Assert.EndsWith("]", tensors["decoder.conv_in.weight"]!.GetValue<string>());
        long stored = new FileInfo(path).Length;
        Assert.InRange(file["bytes"]!.GetValue<long>(), stored - (1 << 20), stored);
    }

    [Theory]
    [InlineData("emoji")]
    [InlineData("sd15")]
    public void A_model_is_told_with_its_components(string model)
    {
        JsonObject components = ProgramRun.Succeed("inspect", model, "--json").Json["components"]!.AsObject();
        Assert.Equal(["scheduler", "text_encoder", "unet", "vae"], components.Select(item => item.Key).Where(name => name != "tokenizer").Order());
        Assert.True(components["unet"]!["parameters"]!.GetValue<long>() > 1_000_000);
        Assert.Equal(4, components["unet"]!["config"]!["in_channels"]!.GetValue<int>());
    }

    [Fact]
    public void The_full_size_network_has_its_published_number_of_parameters()
    {
        JsonObject components = ProgramRun.Succeed("inspect", "sd15", "--json").Json["components"]!.AsObject();
        Assert.Equal(859_520_964, components["unet"]!["parameters"]!.GetValue<long>());
    }
}
