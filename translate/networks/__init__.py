"""The network library: one architecture a file, and one function a family that builds it from a config."""

from typing import Literal

from translate.config import DiscriminatorConfig, EncoderConfig, GeneratorConfig, LatentConfig
from translate.networks.blocks import init_residual, init_weights
from translate.networks.class_head import Condition
from translate.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from translate.networks.encoder import FaceEncoder
from translate.networks.mlp import MLPDiscriminator, MLPGenerator, init_linear
from translate.networks.patchgan import MultiScale, PatchGAN, PixelGAN
from translate.networks.resnet import ResNetGenerator
from translate.networks.shortcut import Shortcut
from translate.networks.stylegan2.discriminator import StyleGAN2Discriminator
from translate.networks.stylegan2.generator import StyleGAN2Generator, channel_widths
from translate.networks.unet import UNet

__all__ = [
    "AnyDiscriminator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Discriminator",
    "FaceEncoder",
    "Generator",
    "LatentGenerator",
    "MLPDiscriminator",
    "MLPGenerator",
    "MultiScale",
    "PatchGAN",
    "PixelGAN",
    "ResNetGenerator",
    "Shortcut",
    "StyleGAN2Discriminator",
    "StyleGAN2Generator",
    "UNet",
    "WholeDiscriminator",
    "build_discriminator",
    "build_encoder",
    "build_generator",
    "build_latent_discriminator",
    "build_latent_generator",
]


Generator = ResNetGenerator | Shortcut | UNet
LatentGenerator = DCGANGenerator | MLPGenerator | StyleGAN2Generator
Discriminator = MultiScale | PatchGAN | PixelGAN
WholeDiscriminator = DCGANDiscriminator | MLPDiscriminator
"""They judge a sample as a whole, and may know of classes."""
AnyDiscriminator = Discriminator | WholeDiscriminator | StyleGAN2Discriminator


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


def build_latent_generator(config: LatentConfig) -> LatentGenerator:
    """A freshly initialised generator; it maps noise (N, latent), and labels (N,) if it knows classes, to samples."""
    if config.kind == "mlp":
        points = MLPGenerator(
            config.latent,
            config.out_channels,
            filters=config.filters,
            depth=config.depth,
            norm=config.norm == "batch",
            classes=config.classes,
        )
        init_linear(points)
        return points
    if config.kind == "stylegan2":
        # It comes initialised: its layers are scaled as they run (Karras 2018, Sec. 4.1).
        return StyleGAN2Generator(
            channel_widths(config.size, config.filters * config.size, config.max_filters),
            z_dim=config.latent,
            w_dim=config.latent,
            mapping_layers=config.depth,
            image_channels=config.out_channels,
        )
    pictures = DCGANGenerator(
        config.latent,
        config.out_channels,
        size=config.size,
        filters=config.filters,
        max_filters=config.max_filters,
        norm=config.norm,
        classes=config.classes,
    )
    init_weights(pictures)
    return pictures


def build_latent_discriminator(
    config: DiscriminatorConfig, network: LatentConfig, condition: Condition
) -> AnyDiscriminator:
    """A freshly initialised discriminator of what `network` makes, with its classes where there is a condition."""
    if config.kind == "mlp":
        points = MLPDiscriminator(
            network.out_channels,
            filters=config.filters,
            layers=config.layers,
            norm=config.norm == "batch",
            condition=condition,
            classes=network.classes,
        )
        init_linear(points)
        return points
    if config.kind == "stylegan2":
        widths = channel_widths(network.size, config.filters * network.size, network.max_filters)
        return StyleGAN2Discriminator(widths, image_channels=network.out_channels)
    if config.kind != "dcgan":
        return build_discriminator(config, network.out_channels)
    pictures = DCGANDiscriminator(
        network.out_channels,
        size=network.size,
        filters=config.filters,
        max_filters=network.max_filters,
        norm=config.norm,
        condition=condition,
        classes=network.classes,
    )
    init_weights(pictures)
    return pictures


def build_encoder(config: EncoderConfig) -> FaceEncoder:
    """A freshly initialised encoder: until it has learnt, every picture's styles are the mean."""
    return FaceEncoder(config.size, config.num_ws, config.w_dim, filters=config.filters, max_filters=config.max_filters)
