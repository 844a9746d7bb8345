"""The network library: one architecture a file, and one function a family that builds it from a config."""

from torch import nn

from translate.config import DiscriminatorConfig, GeneratorConfig
from translate.networks.blocks import init_residual, init_weights
from translate.networks.patchgan import MultiScale, PatchGAN, PixelGAN
from translate.networks.resnet import ResNetGenerator
from translate.networks.unet import UNet

__all__ = ["MultiScale", "PatchGAN", "PixelGAN", "ResNetGenerator", "UNet", "build_discriminator", "build_generator"]


def build_generator(config: GeneratorConfig) -> nn.Module:
    """A freshly initialised generator; it maps (N, in_channels, H, W) to (N, out_channels, H, W)."""
    network: nn.Module
    if config.kind == "unet":
        network = UNet(
            config.in_channels,
            config.out_channels,
            filters=config.filters,
            depth=config.depth,
            max_filters=config.max_filters,
            norm=config.norm,
            dropout=config.dropout,
            upsample=config.upsample,
            residual=config.residual,
            head=config.head,
        )
    else:
        network = ResNetGenerator(
            config.in_channels,
            config.out_channels,
            filters=config.filters,
            blocks=config.blocks,
            norm=config.norm,
            dropout=config.dropout,
            upsample=config.upsample,
            head=config.head,
        )
    # The papers' N(0, 0.02) starves deep residual stacks of signal; plain layouts keep it.
    (init_residual if config.residual else init_weights)(network)
    return network


def build_discriminator(config: DiscriminatorConfig, in_channels: int) -> PatchGAN | PixelGAN | MultiScale:
    """A freshly initialised discriminator over `in_channels` (input and output together when it is conditional)."""
    network: PatchGAN | PixelGAN | MultiScale
    if config.kind == "patch":
        network = PatchGAN(in_channels, filters=config.filters, layers=config.layers, norm=config.norm)
    elif config.kind == "pixel":
        network = PixelGAN(in_channels, filters=config.filters, norm=config.norm)
    else:
        network = MultiScale(
            in_channels, scales=config.scales, filters=config.filters, layers=config.layers, norm=config.norm
        )
    init_weights(network)
    return network
