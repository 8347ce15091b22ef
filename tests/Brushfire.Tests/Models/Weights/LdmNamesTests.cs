// Keys of single-file checkpoints against the reference list: each is used exactly once, in both directions.

using System.Text.Json;
using Brushfire.Models.Weights;

namespace Brushfire.Tests.Models.Weights;

public class LdmNamesTests
{
    public static TheoryData<string> Sections => ["unet", "vae", "text-sd1", "text-sd2"];

    [Theory]
    [MemberData(nameof(Sections))]
    public void Every_published_key_has_its_diffusers_name_and_every_name_one_key(string section)
    {
        LdmKeys keys = LdmKeys.Open();
        var names = new LdmNames([.. keys.Section(section).Select(entry => entry.Ldm)]);
        var seen = new Dictionary<string, string>();
        foreach ((string ldm, string diffusers, int[] _) in keys.Section(section))
        {
            IReadOnlyList<LdmTarget> targets = names.Translate(ldm);
            if (diffusers.Contains("unused", StringComparison.Ordinal))
            {
                Assert.Empty(targets);
                Assert.True(names.IsMeaningless(ldm), ldm);
                continue;
            }

            Assert.Equal(LdmKeys.NamesIn(diffusers), targets.Select(target => target.Key));
            foreach (LdmTarget target in targets)
            {
                Assert.Equal(section.StartsWith("text", StringComparison.Ordinal) ? "text_encoder" : section, target.Component);
                Assert.True(seen.TryAdd(target.Key, ldm), $"{target.Key} comes from {ldm} and from {seen[target.Key]}");
            }
        }
    }

    [Theory]
    [InlineData("first_stage_model.decoder.mid.attn_1.to_q.weight", "decoder.mid_block.attentions.0.to_q.weight")]
    [InlineData("first_stage_model.decoder.mid.attn_1.to_out.0.bias", "decoder.mid_block.attentions.0.to_out.0.bias")]
    [InlineData("first_stage_model.decoder.mid.attn_1.q.weight", "decoder.mid_block.attentions.0.to_q.weight")]
    public void Old_and_new_names_of_the_VAE_attention_lead_to_the_same_parameter(string ldm, string diffusers) =>
        Assert.Equal(new LdmTarget("vae", diffusers), Assert.Single(new LdmNames([ldm]).Translate(ldm)));

    [Theory]
    [InlineData("betas")]
    [InlineData("alphas_cumprod_prev")]
    [InlineData("model_ema.diffusion_modeltime_embed0weight")]
    [InlineData("model_ema.decay")]
    [InlineData("first_stage_model.loss.logvar")]
    [InlineData("cond_stage_model.transformer.text_model.embeddings.position_ids")]
    [InlineData("cond_stage_model.model.logit_scale")]
    public void Keys_without_use_are_known(string key)
    {
        var names = new LdmNames([key]);
        Assert.True(names.IsMeaningless(key));
        Assert.Empty(names.Translate(key));
    }

    [Theory]
    [InlineData("")]
    [InlineData("model.diffusion_model.")]
    [InlineData("model.diffusion_model.middle_block.0")]
    [InlineData("model.diffusion_model.middle_block.3.norm.weight")]
    [InlineData("model.diffusion_model.input_blocks.0.1.weight")]
    [InlineData("model.diffusion_model.input_blocks.x.0.in_layers.0.weight")]
    [InlineData("model.diffusion_model.input_blocks.-1.0.in_layers.0.weight")]
    [InlineData("model.diffusion_model.input_blocks.99999999999.0.in_layers.0.weight")]
    [InlineData("model.diffusion_model.input_blocks.1.0.other.weight")]
    [InlineData("first_stage_model.encoder.down.x.block.0.conv1.weight")]
    [InlineData("first_stage_model.other.conv1.weight")]
    [InlineData("cond_stage_model.model.transformer.resblocks.0.other.weight")]
    [InlineData("cond_stage_model.model.visual.weight")]
    [InlineData("something.else")]
    public void Other_keys_lead_nowhere(string key)
    {
        var names = new LdmNames([key, LdmNames.OpenClip + "transformer.resblocks.7.ln_1.weight"]);
        Assert.Empty(names.Translate(key));
        Assert.False(names.IsMeaningless(key));
    }

    [Fact]
    public void Moving_averages_are_stored_without_dots() =>
        Assert.Equal("model_ema.diffusion_modelinput_blocks00weight", LdmNames.EmaOf("model.diffusion_model.input_blocks.0.0.weight"));
}

/// <summary>The reference table of single-file keys.</summary>
internal sealed class LdmKeys(JsonElement root)
{
    public static LdmKeys Open()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Golden.PathOf("ldm-keys.json")));
        return new LdmKeys(document.RootElement.Clone());
    }

    public IEnumerable<(string Ldm, string Diffusers, int[] Shape)> Section(string name)
    {
        if (!root.TryGetProperty(name, out JsonElement section)) Assert.Skip($"The reference table of keys has no section {name}.");
        return section.EnumerateObject().Select(entry => (entry.Name, entry.Value.GetProperty("diffusers").GetString()!, entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32()).ToArray()));
    }

    /// <summary>The keys that a description such as "A.q_proj.weight, k_proj, v_proj joined in this order" names.</summary>
    public static IEnumerable<string> NamesIn(string diffusers)
    {
        string first = diffusers.Split(' ', ',')[0];
        return diffusers.Contains("joined", StringComparison.Ordinal)
            ? ((string[])["q_proj", "k_proj", "v_proj"]).Select(name => first.Replace("q_proj", name, StringComparison.Ordinal))
            : [first];
    }
}
