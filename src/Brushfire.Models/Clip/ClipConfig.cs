// The sizes of a CLIP text encoder, as its config.json tells them.

using Brushfire.Models.Weights;
using Brushfire.Tensors;

namespace Brushfire.Models.Clip;

/// <summary>The activation between the two linear layers of a block.</summary>
public enum ClipActivation { QuickGelu, Gelu }

public sealed record ClipConfig
{
    public required int VocabularySize { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int Layers { get; init; }
    public required int Heads { get; init; }
    public required int ContextLength { get; init; }
    public required ClipActivation Activation { get; init; }
    public required float LayerNormEpsilon { get; init; }
    public required int EndToken { get; init; }

    /// <summary>Size of the projected embedding, or null where the encoder has no projection.</summary>
    public required int? ProjectionSize { get; init; }

    /// <exception cref="BrushfireException">A value is missing or not supported.</exception>
    public static ClipConfig Read(ConfigReader config, bool withProjection) => new()
    {
        VocabularySize = config.Int("vocab_size", 49408, 1, 1 << 24),
        HiddenSize = config.Int("hidden_size", 512, 1, 1 << 16),
        IntermediateSize = config.Int("intermediate_size", 2048, 1, 1 << 18),
        Layers = config.Int("num_hidden_layers", 12, 1, 1024),
        Heads = config.Int("num_attention_heads", 8, 1, 1024),
        ContextLength = config.Int("max_position_embeddings", 77, 3, 1 << 16),
        Activation = config.String("hidden_act", "quick_gelu") switch
        {
            "quick_gelu" => ClipActivation.QuickGelu,
            "gelu" => ClipActivation.Gelu,
            string other => throw config.Error("hidden_act", $"the activation '{other}' is not supported; quick_gelu and gelu are"),
        },
        LayerNormEpsilon = (float)config.Double("layer_norm_eps", 1e-5),
        EndToken = ReadEndToken(config),
        ProjectionSize = withProjection ? config.Int("projection_dim", 512, 1, 1 << 16) : null,
    };

    // An old mistake of published files: 2, where the end token is the last one of the vocabulary.
    private static int ReadEndToken(ConfigReader config) => config.Int("eos_token_id", 49407, 0, 1 << 24) is var token && token == 2
        ? config.Int("vocab_size", 49408, 1, 1 << 24) - 1
        : token;
}
