"""ResNet generator (Johnson 2016; CycleGAN, Zhu 2017, Sec. 7.2), for any input height and width."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.networks.blocks import Norm, has_bias, norm_layer
from translate.networks.shared import Dropout

MIN_SIDE = 5
"""The blocks work at a quarter of the resolution, and a reflected border needs two pixels there."""

Upsample = Literal["transposed", "resize"]
Head = Literal["image", "labels"]


class DownBlock(nn.Module):
    """Halve the resolution, rounding up.

    Shape: (N, C_in, H, W) -> (N, C_out, ceil(H / 2), ceil(W / 2)).
    """

    def __init__(self, in_channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=has_bias(norm))
        self.norm = norm_layer(norm, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))  # (N, C_out, ceil(H / 2), ceil(W / 2))


class ReflectBlock(nn.Module):
    """Two 3x3 convolutions over a reflected border beside an identity (Johnson 2016; Zhu 2017, 7.2).

    Shape: (N, C, H, W) -> (N, C, H, W), H and W at least 2.
    """

    def __init__(self, channels: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=has_bias(norm))
        self.norm1 = norm_layer(norm, channels)
        self.dropout = Dropout(dropout)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=has_bias(norm))
        self.norm2 = norm_layer(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(F.relu(self.norm1(self.conv1(x))))
        return x + self.norm2(self.conv2(y))


class UpBlock(nn.Module):
    """Double the resolution, then cut to the size the encoder had at this level.

    Shape: (N, C_in, H, W) -> (N, C_out, *size) with size in {2H - 1, 2H} x {2W - 1, 2W}.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, upsample: Upsample) -> None:
        super().__init__()
        self.upsample = upsample
        self.conv: nn.Module
        if upsample == "transposed":
            self.conv = nn.ConvTranspose2d(
                in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=has_bias(norm)
            )
        else:
            self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode="reflect", bias=has_bias(norm))
        self.norm = norm_layer(norm, out_channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        if self.upsample == "resize":
            # Resize, then convolve: stride-2 transposed convolutions leave checkerboards (Odena 2016).
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.conv(x)  # (N, C_out, 2H, 2W)
        # Cut before the norm: its statistics are of the picture alone.
        return F.relu(self.norm(x[..., : size[0], : size[1]]))


class ResNetGenerator(nn.Module):
    """Two halvings, `blocks` residual blocks, two doublings; the output has the input's height and width.

    With the defaults, the 9-block network of the CycleGAN paper.

    Shape: (N, in_channels, H, W) -> (N, out_channels, H, W), any H and W.
    Range: [-1, 1] for the head `image`, unbounded logits for `labels`.
    Raises: ValueError when the input has another number of channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        filters: int = 64,
        blocks: int = 9,
        norm: Norm = "instance",
        dropout: float = 0.0,
        upsample: Upsample = "transposed",
        head: Head = "image",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.middle = blocks // 2
        tapped = sorted({0, self.middle}) if blocks else []
        self.feature_channels = (in_channels, 2 * filters, 4 * filters, *(4 * filters for _ in tapped))
        self.first = nn.Conv2d(in_channels, filters, 7, padding=3, padding_mode="reflect", bias=has_bias(norm))
        self.norm = norm_layer(norm, filters)
        self.downs = nn.ModuleList([DownBlock(filters, 2 * filters, norm), DownBlock(2 * filters, 4 * filters, norm)])
        self.blocks = nn.Sequential(*(ReflectBlock(4 * filters, norm, dropout) for _ in range(blocks)))
        self.ups = nn.ModuleList(
            [UpBlock(4 * filters, 2 * filters, norm, upsample), UpBlock(2 * filters, filters, norm, upsample)]
        )
        self.last = nn.Conv2d(filters, out_channels, 7, padding=3, padding_mode="reflect")
        self.head: Callable[[Tensor], Tensor] = torch.tanh if head == "image" else nn.Identity()

    @property
    def output(self) -> nn.Module:
        """The layer that gives the output's channels."""
        return self.last

    def features(self, x: Tensor) -> list[Tensor]:
        """The picture, both halvings, the first and the middle residual block (Park 2020).

        No block behind the middle one is run. A picture below 5 x 5 pixels comes with its border repeated.

        Shape: (N, in_channels, H, W) -> maps (N, C, H', W'), C as in `feature_channels`, at 1, 1/2, 1/4, 1/4, 1/4 of
        the resolution; one less for a single block, two less for none.
        """
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f"expected (N, {self.in_channels}, H, W), got {tuple(x.shape)}")
        features = [extended(x, MIN_SIDE)]
        x = F.relu(self.norm(self.first(features[0])))
        for down in self.downs:
            x = down(x)
            features.append(x)
        for number, block in enumerate(list(self.blocks)[: self.middle + 1]):
            x = block(x)  # (N, 4 filters, H / 4, W / 4)
            if number in (0, self.middle):
                features.append(x)
        return features

    def decode(self, features: list[Tensor], size: torch.Size) -> Tensor:
        """The translation that the `features` of a picture lead to.

        Shape: as `features` gives them, `size` the picture's (H, W) -> (N, out_channels, H, W).
        """
        sizes, x = [feature.shape[-2:] for feature in features[:2]], features[-1]
        del features  # applied to a large picture, early layers are released before the decoder needs the memory
        for block in list(self.blocks)[self.middle + 1 :]:
            x = block(x)
        for up in self.ups:
            x = up(x, sizes.pop())
        return self.head(self.last(x)[..., : size[0], : size[1]])

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.features(x), x.shape[-2:])


def extended(x: Tensor, side: int) -> Tensor:
    """Repeat the border until both sides are `side` long."""
    missing_rows, missing_columns = max(0, side - x.shape[-2]), max(0, side - x.shape[-1])
    if not missing_rows and not missing_columns:
        return x
    return F.pad(x, (0, missing_columns, 0, missing_rows), mode="replicate")
