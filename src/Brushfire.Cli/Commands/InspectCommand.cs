// brushfire inspect: what is in a model, a weight file or a picture.

using System.CommandLine;
using System.Text.Json.Nodes;
using Brushfire.Cli.Images;
using Brushfire.Models.Catalog;
using Brushfire.Models.Clip;
using Brushfire.Models.UNet;
using Brushfire.Models.Vae;
using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Cli.Commands;

internal sealed class InspectCommand : ProgramCommand
{
    private readonly Argument<string?> _path = new("PATH") { Description = "picture, weight file, model folder, or catalogue name" };
    private readonly Option<bool> _json;

    public InspectCommand() : base("inspect", "Tells what is in a model, a weight file or a picture.")
    {
        Arguments.Add(_path);
        _json = AddSwitch("--json", "as JSON");
    }

    public override void Run(OptionValues values, Terminal terminal, CancellationToken cancellation)
    {
        bool json = values[_json];
        string path = values[_path] ?? "";
        if (path.Length == 0 && !values.HasProblems) values.Add($"{_path.Name} has no name; give a picture, a weight file, a model folder, or one of {string.Join(", ", ModelSource.CatalogueNames)}");
        values.ThrowIfWrong();
        JsonObject description = !File.Exists(path) ? Model(path) : IsPicture(path) ? Picture(path) : Weights(path);
        terminal.Data.WriteLine(json ? Json.Print(description) : Json.Outline(description));
    }

    private static bool IsPicture(string path)
    {
        using FileStream file = File.OpenRead(path);
        byte[] start = new byte[16];
        int length = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        return ImageFormats.OfContent(start.AsSpan(0, length)) is not null;
    }

    private static JsonObject Picture(string path)
    {
        var texts = new JsonObject();
        foreach ((string keyword, string text) in ImageFile.ReadTexts(path)) texts[keyword] = text;
        var description = new JsonObject { ["kind"] = "picture", ["texts"] = texts };
        if (texts[GenerationParameters.Keyword] is { } found) description["parameters"] = Describe(GenerationParameters.Parse(found.GetValue<string>()));
        return description;
    }

    private static JsonObject Describe(GenerationParameters parameters)
    {
        var description = new JsonObject
        {
            ["prompt"] = parameters.Prompt,
            ["negative"] = parameters.NegativePrompt,
            ["steps"] = parameters.Steps,
            ["sampler"] = parameters.Sampler,
            ["guidance"] = parameters.Guidance,
            ["seed"] = parameters.Seed,
            ["width"] = parameters.Size?.Width,
            ["height"] = parameters.Size?.Height,
            ["model"] = parameters.Model,
        };
        foreach ((string name, string value) in parameters.Others) description[name] = value;
        return description;
    }

    private static JsonObject Weights(string path)
    {
        WeightFile file = WeightFile.Open(path);
        var metadata = new JsonObject();
        foreach ((string key, string value) in file.Metadata) metadata[key] = value;
        var tensors = new JsonObject();
        foreach ((string key, WeightEntry entry) in file.Entries) tensors[key] = entry.Spec.ToString();
        return new JsonObject
        {
            ["kind"] = "weight file",
            ["format"] = file.Format,
            ["metadata"] = metadata,
            ["tensorCount"] = file.Entries.Count,
            ["parameters"] = file.Entries.Values.Sum(entry => entry.Spec.Shape.Count),
            ["bytes"] = file.Entries.Values.Sum(entry => entry.Spec.Bytes),
            ["tensors"] = tensors,
        };
    }

    private static JsonObject Model(string path)
    {
        ModelSource model = ModelSource.Open(path);
        var components = new JsonObject();
        foreach (ModelComponent component in model.Components) components[component.Name] = Describe(component);
        var description = new JsonObject { ["kind"] = model.Kind, ["name"] = model.Name, ["components"] = components };
        if (model.UnknownKeys.Count > 0) description["unknownKeys"] = Json.List(model.UnknownKeys);
        return description;
    }

    private static JsonObject Describe(ModelComponent component)
    {
        var description = new JsonObject();
        if (component.ClassName is { } className) description["class"] = className;
        if (component.HasConfig) description["config"] = component.Config.ToJson();
        try
        {
            if (Build(component) is not { } weights) return description;
            description["parameters"] = weights.TakenElements;
            if (weights.Unused.Count > 0) description["unusedKeys"] = Json.List(weights.Unused);
        }
        catch (BrushfireException exception)
        {
            description["problem"] = exception.Message;
        }

        return description;
    }

    // Weights after the component's modules took theirs, which loads none of them; null where it has no modules here.
    private static WeightScope? Build(ModelComponent component)
    {
        if (component.Name is not ("unet" or "vae" or "text_encoder")) return null;
        WeightScope weights = component.OpenWeights();
        switch (component.Name)
        {
            case "unet":
                _ = new ConditionalUNet(UNetConfig.Read(component.Config), weights);
                break;
            case "vae":
                VaeConfig config = VaeConfig.Read(component.Config);
                _ = (new VaeEncoder(config, weights), new VaeDecoder(config, weights));
                break;
            case "text_encoder":
                _ = new ClipTextEncoder(ClipConfig.Read(component.Config, withProjection: false), weights);
                break;
        }

        return weights;
    }
}
