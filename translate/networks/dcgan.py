"""DCGAN (Radford 2016): pictures from noise by doublings of 4 x 4 pixels, and strided convolutions that judge them."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from translate.networks.blocks import Norm, has_bias, norm_layer
from translate.networks.class_head import ClassedLatent, ClassHead, Condition, Verdict

SMALLEST = 4
"""The side of the first map and of the last one."""


class DCGANGenerator(nn.Module):
    """Noise to 4 x 4, then transposed convolutions that double; the last map has `filters` channels, each before it
    twice as many up to `max_filters` (Radford 2016, Fig. 1).

    Shape: z (N, latent), label (N,) int64 where there are classes -> (N, out_channels, size, size) in [-1, 1].
    Raises: ValueError for a size that is no doubling of 4, noise of another width, or a missing label.
    """

    def __init__(
        self, latent: int, out_channels: int = 3, *, size: int = 64, filters: int = 64, max_filters: int = 512,
        norm: Norm = "batch", classes: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        widths = channels(size, filters, max_filters)[::-1]
        self.start = ClassedLatent(latent, classes)
        self.first = nn.ConvTranspose2d(self.start.width, widths[0], SMALLEST, bias=has_bias(norm))
        self.norms = nn.ModuleList(norm_layer(norm, width) for width in widths)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=has_bias(norm))
            for before, after in pairwise(widths)
        )
        self.last = nn.ConvTranspose2d(widths[-1], out_channels, 4, stride=2, padding=1)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.first(self.start(z, label)[:, :, None, None])  # (N, C, 4, 4)
        x = F.relu(self.norms[0](x))
        for up, norm in zip(self.ups, self.norms[1:], strict=True):
            x = F.relu(norm(up(x)))  # (N, C / 2, 2 H, 2 W)
        return self.last(x).tanh()


class DCGANDiscriminator(nn.Module):
    """Strided convolutions down to 4 x 4, no norm on the first (Radford 2016, Sec. 3), then a verdict on all of it.

    Shape: (N, in_channels, size, size), label (N,) int64 for a projection -> Verdict with logits (N, 1).
    Raises: ValueError for pictures of another shape, or a size that is no doubling of 4.
    """

    def __init__(
        self, in_channels: int = 3, *, size: int = 64, filters: int = 64, max_filters: int = 512,
        norm: Norm = "batch", condition: Condition = "none", classes: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_channels, self.size = in_channels, size
        widths = channels(size, filters, max_filters)
        self.first = nn.Conv2d(in_channels, widths[0], 4, stride=2, padding=1)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1, bias=has_bias(norm)) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(norm_layer(norm, width) for width in widths[1:])
        self.head = ClassHead(widths[-1] * SMALLEST**2, condition=condition, classes=classes)

    def features(self, x: Tensor) -> Tensor:
        """What the verdict is read from. Shape: (N, in_channels, size, size) -> (N, 16 C)."""
        if x.ndim != 4 or x.shape[1:] != (self.in_channels, self.size, self.size):
            raise ValueError(f"expected (N, {self.in_channels}, {self.size}, {self.size}), got {tuple(x.shape)}")
        x = F.leaky_relu(self.first(x), 0.2)  # (N, filters, size / 2, size / 2)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)  # (N, 2 C, H / 2, W / 2)
        return x.flatten(1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Verdict:
        verdict: Verdict = self.head(self.features(x), label)
        return verdict


def channels(size: int, filters: int, max_filters: int) -> list[int]:
    """Channels of each map from half of `size` down to 4 pixels a side.

    Raises: ValueError for a size that is no doubling of 4.
    """
    if size < 2 * SMALLEST or size & (size - 1):
        raise ValueError(f"size is {size}; it has to be 4 doubled at least once")
    count = (size // SMALLEST).bit_length() - 1
    return [min(filters * 2**number, max_filters) for number in range(count)]
