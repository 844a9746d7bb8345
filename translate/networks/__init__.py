"""The network library: one architecture a file, and one function a family that builds it from a config."""

from typing import Literal

from translate.config import DiscriminatorConfig, GeneratorConfig
from translate.networks.blocks import init_residual, init_weights
from translate.networks.patchgan import MultiScale, PatchGAN, PixelGAN
from translate.networks.resnet import ResNetGenerator
from translate.networks.shortcut import Shortcut
from translate.networks.unet import UNet

__all__ = [
    "Discriminator",
    "Generator",
    "MultiScale",
    "PatchGAN",
    "PixelGAN",
    "ResNetGenerator",
    "Shortcut",
    "UNet",
    "build_discriminator",
    "build_generator",
]


Generator = ResNetGenerator | Shortcut | UNet
Discriminator = MultiScale | PatchGAN | PixelGAN


def build_generator(config: GeneratorConfig) -> Generator:
    """A freshly initialised generator; it maps (N, in_channels, H, W) to (N, out_channels, H, W)."""
    network: UNet | ResNetGenerator
    head: Literal["image", "labels"] = "labels" if config.shortcut else config.head
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
            head=head,
            skips=config.skips,
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
            head=head,
        )
    # The papers' N(0, 0.02) starves deep residual stacks of signal; plain layouts keep it.
    (init_residual if config.residual else init_weights)(network)
    if not config.shortcut:
        return network
    init_weights(network.output)  # small: the output starts as the input
    return Shortcut(network)


def build_discriminator(config: DiscriminatorConfig, in_channels: int) -> Discriminator:
    """A freshly initialised discriminator over `in_channels` (input and output together when it is conditional)."""
    network: Discriminator
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
