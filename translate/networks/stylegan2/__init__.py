"""StyleGAN2 (Karras 2020) in plain PyTorch: generator with an open style space, discriminator, resampling."""

from translate.networks.stylegan2.discriminator import DiscriminatorShape, StyleGAN2Discriminator
from translate.networks.stylegan2.generator import GeneratorShape, StyleGAN2Generator, channel_widths
from translate.networks.stylegan2.mapping import mix, truncate
from translate.networks.stylegan2.modulated import StyleLayer
from translate.networks.stylegan2.synthesis import Noise

__all__ = [
    "DiscriminatorShape",
    "GeneratorShape",
    "Noise",
    "StyleGAN2Discriminator",
    "StyleGAN2Generator",
    "StyleLayer",
    "channel_widths",
    "mix",
    "truncate",
]
