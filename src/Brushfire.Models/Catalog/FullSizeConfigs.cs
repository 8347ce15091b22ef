// The configurations of the published full-size models, as their diffusers folders have them: what the catalogue entries
// sd15 and sd21 are, with weights by formula.

using Brushfire.Models.Weights;

namespace Brushfire.Models.Catalog;

internal static class FullSizeConfigs
{
    /// <summary>Components and their configurations of "sd15" or "sd21"; null for another name.</summary>
    public static IReadOnlyDictionary<string, ConfigReader>? Find(string name) => name switch
    {
        "sd15" => Model(name, UNetSd15, VaeConfig(512), ClipVitL14, "epsilon"),
        "sd21" => Model(name, UNetSd21, VaeConfig(768), OpenClipVitH, "v_prediction"),
        _ => null,
    };

    /// <summary>The PNDM schedule that SD1.x and SD2.x were published with.</summary>
    public static ConfigReader Scheduler(string predictionType) => ConfigReader.Parse($$"""
        {
          "_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
          "prediction_type": "{{predictionType}}", "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "timestep_spacing": "leading"
        }
        """, "schedule of Stable Diffusion");

    private static Dictionary<string, ConfigReader> Model(string name, string unet, string vae, string textEncoder, string predictionType) => new(StringComparer.Ordinal)
    {
        ["unet"] = ConfigReader.Parse(unet, $"U-Net configuration of {name}"),
        ["vae"] = ConfigReader.Parse(vae, $"VAE configuration of {name}"),
        ["text_encoder"] = ConfigReader.Parse(textEncoder, $"text encoder configuration of {name}"),
        ["scheduler"] = Scheduler(predictionType),
    };

    private const string UNetSd15 = """
        {
          "in_channels": 4, "out_channels": 4, "sample_size": 64, "layers_per_block": 2, "block_out_channels": [320, 640, 1280, 1280],
          "cross_attention_dim": 768, "attention_head_dim": 8, "transformer_layers_per_block": 1, "use_linear_projection": false,
          "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]
        }
        """;

    private const string UNetSd21 = """
        {
          "in_channels": 4, "out_channels": 4, "sample_size": 96, "layers_per_block": 2, "block_out_channels": [320, 640, 1280, 1280],
          "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "transformer_layers_per_block": 1, "use_linear_projection": true,
          "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]
        }
        """;

    private const string ClipVitL14 = """
        {
          "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
          "max_position_embeddings": 77, "hidden_act": "quick_gelu", "projection_dim": 768, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407
        }
        """;

    private const string OpenClipVitH = """
        {
          "vocab_size": 49408, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16,
          "max_position_embeddings": 77, "hidden_act": "gelu", "projection_dim": 512, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 0
        }
        """;

    private static string VaeConfig(int sampleSize) => $$"""
        {
          "in_channels": 3, "out_channels": 3, "latent_channels": 4, "sample_size": {{sampleSize}}, "layers_per_block": 2, "block_out_channels": [128, 256, 512, 512],
          "scaling_factor": 0.18215,
          "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
          "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]
        }
        """;
}
