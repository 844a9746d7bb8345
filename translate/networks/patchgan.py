"""Discriminators that judge patches: PatchGAN and PixelGAN (Isola 2017, Sec. 3.2.2), multi-scale (Wang 2018)."""

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from translate.networks.blocks import Norm, has_bias, norm_layer

MAX_WIDENING = 8
"""Channels double with every layer up to this many times the first layer's (Isola 2017, 6.1.2)."""


class PatchGAN(nn.Module):
    """One logit for each overlapping patch: `layers` halving convolutions, then two at that resolution.

    A logit sees 16, 34, 70, 142 or 286 pixels across for 1 to 5 layers. No sigmoid: the loss brings it.

    Shape: (N, in_channels, H, W) -> (N, 1, H // 2^layers - 2, W // 2^layers - 2), H and W at least `min_side`.
    Raises: ValueError for less than one layer, another number of channels, or an input below `min_side`.
    """

    def __init__(self, in_channels: int, *, filters: int = 64, layers: int = 3, norm: Norm = "batch") -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers is {layers}; a PatchGAN has at least 1 (a PixelGAN judges single pixels)")
        self.in_channels = in_channels
        self.min_side = 3 * 2**layers
        widths = [filters * min(2**i, MAX_WIDENING) for i in range(layers + 1)]
        self.first = nn.Conv2d(in_channels, filters, 4, stride=2, padding=1)
        self.convs = nn.ModuleList(
            nn.Conv2d(widths[i], widths[i + 1], 4, stride=2 if i < layers - 1 else 1, padding=1, bias=has_bias(norm))
            for i in range(layers)
        )
        self.norms = nn.ModuleList(norm_layer(norm, width) for width in widths[1:])
        self.last = nn.Conv2d(widths[-1], 1, 4, padding=1)

    def features(self, x: Tensor) -> Tensor:
        """What the logits are read from.

        Shape: (N, in_channels, H, W) -> (N, C, H // 2^layers - 1, W // 2^layers - 1).
        """
        _check(x, self.in_channels, self.min_side)
        x = F.leaky_relu(self.first(x), 0.2)  # (N, filters, H // 2, W // 2)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.features(x))  # (N, 1, H // 2^layers - 2, W // 2^layers - 2)


class PixelGAN(nn.Module):
    """One logit for each pixel, from its colour alone: 1x1 convolutions (Isola 2017, 6.1.2).

    Shape: (N, in_channels, H, W) -> (N, 1, H, W).
    Raises: ValueError when the input has another number of channels.
    """

    def __init__(self, in_channels: int, *, filters: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        self.in_channels = in_channels
        self.min_side = 1
        self.first = nn.Conv2d(in_channels, filters, 1)
        self.conv = nn.Conv2d(filters, 2 * filters, 1, bias=has_bias(norm))
        self.norm = norm_layer(norm, 2 * filters)
        # The reference leaves out this bias too when it normalises by batch.
        self.last = nn.Conv2d(2 * filters, 1, 1, bias=has_bias(norm))

    def features(self, x: Tensor) -> Tensor:
        """What the logits are read from. Shape: (N, in_channels, H, W) -> (N, 2 filters, H, W)."""
        _check(x, self.in_channels, self.min_side)
        x = F.leaky_relu(self.first(x), 0.2)
        return F.leaky_relu(self.norm(self.conv(x)), 0.2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.features(x))


class MultiScale(nn.Module):
    """The same PatchGAN layout at several resolutions, each half of the one before (Wang 2018, Sec. 3.2).

    Shape: (N, in_channels, H, W) -> `scales` maps of logits, the finest first; H and W at least `min_side`.
    Raises: ValueError for less than one scale or layer, another number of channels, or an input below `min_side`.
    """

    def __init__(
        self, in_channels: int, *, scales: int = 2, filters: int = 64, layers: int = 3, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        if scales < 1:
            raise ValueError(f"scales is {scales}; at least 1 is needed")
        self.in_channels = in_channels
        self.judges = nn.ModuleList(
            PatchGAN(in_channels, filters=filters, layers=layers, norm=norm) for _ in range(scales)
        )
        # Halving rounds up, so the coarsest judge gets its 3 * 2^layers pixels from this many on.
        self.min_side = (3 * 2**layers - 1) * 2 ** (scales - 1) + 1

    def features(self, x: Tensor) -> list[Tensor]:
        """What each judge's logits are read from, the finest first. Shape: (N, in_channels, H, W) -> `scales` maps."""
        return [judge.features(scaled) for judge, scaled in self._scales(x)]

    def forward(self, x: Tensor) -> list[Tensor]:
        return [judge(scaled) for judge, scaled in self._scales(x)]

    def _scales(self, x: Tensor) -> Iterator[tuple[PatchGAN, Tensor]]:
        """Each judge and what it sees."""
        _check(x, self.in_channels, self.min_side)
        for scale, judge in enumerate(self.judges):
            if scale:
                x = _halve(x)
            assert isinstance(judge, PatchGAN)
            yield judge, x


def _halve(x: Tensor) -> Tensor:
    """Shape: (N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2))."""
    return F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)


def _check(x: Tensor, channels: int, side: int) -> None:
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f"expected (N, {channels}, H, W), got {tuple(x.shape)}")
    if min(x.shape[-2:]) < side:
        raise ValueError(
            f"input is {x.shape[-1]} x {x.shape[-2]} pixels; this discriminator needs at least {side} x {side}: "
            "use a larger crop, or fewer layers or scales"
        )
