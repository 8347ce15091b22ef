// Between pixels and latents: sizes, channels and the scale of the values.

using Brushfire.Models.Vae;

namespace Brushfire.Diffusion.Pipelines;

/// <param name="Downsampling">Pixels along each side of one latent.</param>
/// <param name="Channels">Channels of the latents.</param>
/// <param name="Scale">The U-Net's latents are the VAE's times this.</param>
public sealed record LatentSpace(int Downsampling, int Channels, float Scale)
{
    public static LatentSpace Of(VaeConfig config) => new(config.Downsampling, config.LatentChannels, config.ScalingFactor);

    /// <summary>Latents along a side of so many pixels.</summary>
    public int ToLatents(int pixels) => pixels / Downsampling;

    /// <summary>Pixels along a side of so many latents.</summary>
    public int ToPixels(int latents) => latents * Downsampling;
}
