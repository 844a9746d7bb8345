"""The synthesis network of StyleGAN2 (Karras 2020, Fig. 2 and 7): w_plus -> styles S -> picture, S open to edits.

S is one vector for every modulated layer, in the order they are computed; at 1024 pixels 26 vectors, the layers to RGB
at 1, 4, ..., 25 (StyleSpace, Wu 2021). The gain of a layer to RGB is in its weight, not in its style.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from translate.draws import own_rows
from translate.networks.stylegan2.layers import EqualConv
from translate.networks.stylegan2.modulated import StyledConv, StyleLayer, ToRGB
from translate.networks.stylegan2.resample import upsample

Architecture = Literal["skip", "residual"]
Noise = Literal["none", "const", "random"] | Sequence[Tensor]
FIRST = 4
"""The resolution of the learnt constant."""


class SynthesisBlock(nn.Module):
    """Two modulated convolutions at a resolution (one at the first), and a layer to RGB where the architecture has it.

    Shape: x (N, C_in, R / 2, R / 2) -> (N, C_out, R, R); the picture likewise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resolution: int,
        *,
        w_dim: int,
        image_channels: int,
        residual: bool,
        rgb: bool,
        noise: bool,
        clamp: float | None,
    ) -> None:
        super().__init__()
        first = resolution == FIRST
        self.conv0: StyledConv | None = None
        if not first:
            self.conv0 = StyledConv(in_channels, out_channels, w_dim, resolution, up=True, noise=noise, clamp=clamp)
        self.conv1 = StyledConv(out_channels, out_channels, w_dim, resolution, noise=noise, clamp=clamp)
        self.to_rgb = ToRGB(out_channels, image_channels, w_dim, clamp) if rgb else None
        self.skip = EqualConv(in_channels, out_channels, 1, bias=False) if residual and not first else None

    @property
    def convs(self) -> dict[str, StyledConv]:
        """The modulated convolutions in their order."""
        return {"conv1": self.conv1} if self.conv0 is None else {"conv0": self.conv0, "conv1": self.conv1}

    def forward(
        self, x: Tensor, image: Tensor | None, styles: Iterator[Tensor], noise: Iterator[Tensor | None]
    ) -> tuple[Tensor, Tensor | None]:
        half = math.sqrt(0.5)
        beside = None if self.skip is None else upsample(self.skip(x, gain=half))
        for conv in self.convs.values():
            # The sum of two branches has twice their energy.
            x = conv(x, next(styles), next(noise), gain=half if beside is not None and conv is self.conv1 else 1.0)
        x = x if beside is None else beside + x
        image = None if image is None else upsample(image)
        if self.to_rgb is not None:
            rgb = self.to_rgb(x, next(styles))
            image = rgb if image is None else image + rgb
        return x, image


class Synthesis(nn.Module):
    """From one w a layer to a picture.

    Shape: w_plus (N, num_ws, w_dim) -> (N, image_channels, R, R).
    Range: unbounded, [-1, 1] for pictures like the training set's.
    Raises: ValueError when w_plus, styles or noise have another shape.
    """

    def __init__(
        self,
        widths: Sequence[int],
        w_dim: int,
        *,
        image_channels: int = 3,
        architecture: Architecture = "skip",
        noise: bool = True,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.w_dim, self.resolution = w_dim, FIRST * 2 ** (len(widths) - 1)
        self.const = nn.Parameter(torch.randn(widths[0], FIRST, FIRST))
        self.blocks = nn.ModuleList()
        for index, width in enumerate(widths):
            block = SynthesisBlock(
                widths[max(0, index - 1)],
                width,
                FIRST * 2**index,
                w_dim=w_dim,
                image_channels=image_channels,
                residual=architecture == "residual",
                rgb=architecture == "skip" or index == len(widths) - 1,
                noise=noise,
                clamp=clamp,
            )
            self.blocks.append(block)
        self.layout = tuple(self._layout())
        self.num_ws = 1 + max(layer.w_index for layer in self.layout)

    @property
    def stages(self) -> list[SynthesisBlock]:
        """The blocks, from the lowest resolution up."""
        return [block for block in self.blocks if isinstance(block, SynthesisBlock)]

    def _layout(self) -> Iterator[StyleLayer]:
        w_index = 0
        for index, block in enumerate(self.stages):
            resolution = FIRST * 2**index
            for name, conv in block.convs.items():
                yield StyleLayer(f"blocks.{index}.{name}", "conv", resolution, conv.weight.shape[1], w_index)
                w_index += 1
            if block.to_rgb is not None:
                # The layer to RGB shares its w with the next block's first convolution.
                channels = block.to_rgb.weight.shape[1]
                yield StyleLayer(f"blocks.{index}.to_rgb", "rgb", resolution, channels, w_index)

    def styles(self, w_plus: Tensor) -> list[Tensor]:
        """Style space S, one vector a layer of `layout`.

        Shape: (N, num_ws, w_dim) -> tensors (N, channels).
        """
        if w_plus.ndim != 3 or w_plus.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"expected w_plus (N, {self.num_ws}, {self.w_dim}), got {tuple(w_plus.shape)}")
        found: list[Tensor] = []
        with torch.autocast(w_plus.device.type, enabled=False):
            for layer in self.layout:
                modulated = self.get_submodule(layer.name)
                assert isinstance(modulated, StyledConv | ToRGB)
                found.append(modulated.affine(w_plus[:, layer.w_index]))
        return found

    def split(self, packed: Tensor) -> list[Tensor]:
        """Styles side by side (`torch.cat(styles, dim=1)`), back to one vector a layer.

        Shape: (N, sum of channels) -> tensors (N, channels).
        """
        return list(packed.split([layer.channels for layer in self.layout], dim=1))

    def noise_maps(self, noise: Noise, samples: int, generator: torch.Generator | None = None) -> list[Tensor | None]:
        """What is added behind each convolution: nothing, the model's own maps, fresh ones, or those given.

        Shape: `samples` -> tensors (1 or N, 1, R, R).
        """
        convs = [conv for block in self.stages for conv in block.convs.values()]
        if noise == "none" or not convs[0].noisy:
            return [None] * len(convs)
        own = [conv.noise_const for conv in convs]
        if noise == "const":
            return [plane[None, None] for plane in own]
        if noise == "random":
            device = own[0].device if generator is None else generator.device

            def drawn(plane: Tensor) -> Tensor:
                shape = (1, *plane.shape)
                rows = own_rows(lambda n: torch.randn(n, *shape, generator=generator, device=device), samples)
                return rows.to(plane)

            return [drawn(plane) for plane in own]
        shapes = [tuple(getattr(plane, "shape", ())) for plane in noise]
        if [shape[1:] for shape in shapes] != [(1, *plane.shape) for plane in own]:
            found = shapes if any(shapes) else repr(noise)
            raise ValueError(f"noise is {found}; expected none, const, random or {len(own)} tensors (N, 1, R, R)")
        return list(noise)

    def render(
        self, styles: Sequence[Tensor], noise: Noise = "const", generator: torch.Generator | None = None
    ) -> Tensor:
        """A picture from style space.

        Shape: tensors (N, channels) as in `layout` -> (N, image_channels, R, R).
        """
        expected, found = [layer.channels for layer in self.layout], [tuple(s.shape)[1:] for s in styles]
        if found != [(channels,) for channels in expected]:
            raise ValueError(f"expected styles of {expected} channels, got {[tuple(s.shape) for s in styles]}")
        samples = styles[0].shape[0]
        maps, vectors = iter(self.noise_maps(noise, samples, generator)), iter(styles)
        x, image = self.const.expand(samples, -1, -1, -1).contiguous(memory_format=torch.channels_last), None
        for block in self.stages:
            x, image = block(x, image, vectors, maps)
        assert image is not None  # the last block has a layer to RGB
        return image

    def forward(self, w_plus: Tensor, noise: Noise = "const", generator: torch.Generator | None = None) -> Tensor:
        return self.render(self.styles(w_plus), noise, generator)
