"""A generator that starts from its input: it learns what to change, not what to copy."""

import torch
from torch import Tensor, nn

from translate.networks.resnet import ResNetGenerator
from translate.networks.unet import UNet

LIMIT = 0.99
"""Of the input's range; beyond it the inverse of tanh has no end."""


class Shortcut(nn.Module):
    """tanh(network(x) + artanh(0.99 x)): where the network gives zero, the output is the input (within 1 %).

    Two generators that both start by swapping dark and bright satisfy every cycle, and often never leave it; starting
    from the picture itself rules that out, and keeps what need not change. `network` must end in plain values (the head
    `labels`) and have as many output as input channels.

    Shape: (N, C, H, W) in [-1, 1] -> the same.
    """

    def __init__(self, network: UNet | ResNetGenerator) -> None:
        super().__init__()
        self.network = network
        self.in_channels, self.feature_channels = network.in_channels, network.feature_channels

    def features(self, x: Tensor) -> list[Tensor]:
        """The encoder's, as the inner network gives them."""
        return self.network.features(x)

    def decode(self, features: list[Tensor], size: torch.Size) -> Tensor:
        """The translation that the `features` of a picture lead to; the first of them is the picture itself."""
        picture = features[0][..., : size[0], : size[1]]
        return _changed(picture, self.network.decode(features, size))

    def forward(self, x: Tensor) -> Tensor:
        return _changed(x, self.network(x))


def _changed(picture: Tensor, change: Tensor) -> Tensor:
    return torch.tanh(change + torch.atanh(LIMIT * picture.float().clamp(-1, 1)))
