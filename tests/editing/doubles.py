"""Stand-ins: a CLIP of fixed random maps, one that knows what words mean, and a generator that is linear in S."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.errors import ConfigError
from translate.networks import StyleGAN2Generator
from translate.networks.stylegan2 import StyleLayer


def tiny(seed: int = 0, **settings: object) -> StyleGAN2Generator:
    """A StyleGAN2 of 16 pixels, six w of seven numbers, with a mean of w and some noise."""
    torch.manual_seed(seed)
    shape: dict[str, object] = {"widths": (8, 6, 4), "z_dim": 5, "w_dim": 7, "mapping_layers": 2} | settings
    network = StyleGAN2Generator(**shape)  # type: ignore[arg-type]
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            torch.nn.init.constant_(parameter, 0.3)
    network.mapping.w_avg.copy_(network.mapping.estimate_average(torch.Generator().manual_seed(0), 1000))
    return network.eval()


class HashedCLIP:
    """A random linear map of the picture at 8 x 8, and one vector a word; it knows no word with an x."""

    name = "hashed"

    def __init__(self, dim: int = 16, seed: int = 0) -> None:
        self.dim = dim
        self.map = torch.randn(dim, 3 * 8 * 8, generator=torch.Generator().manual_seed(seed))

    def encode_image(self, image: Tensor) -> Tensor:
        small = F.interpolate(image, (8, 8), mode="area").flatten(1)
        return F.normalize(small @ self.map.to(image).t(), dim=1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        return F.normalize(torch.stack([self._text(text) for text in texts]), dim=1)

    def _text(self, text: str) -> Tensor:
        words = text.lower().split() or [""]
        if unknown := [word for word in words if "x" in word]:
            raise ConfigError(f"{self.name}: does not know the word {unknown[0]!r}")
        seeds = [int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") for word in words]
        return torch.stack([torch.randn(self.dim, generator=torch.Generator().manual_seed(s)) for s in seeds]).sum(0)


WORDS = {"bright": (0, 1.0), "dark": (0, -1.0), "red": (1, 1.0), "cyan": (1, -1.0), "blue": (2, 1.0),
         "yellow": (2, -1.0), "top": (3, 1.0), "bottom": (3, -1.0)}  # fmt: skip


class ColourCLIP:
    """An embedding of brightness, red against cyan, blue against yellow, top against bottom, and a constant."""

    name = "colour"

    def encode_image(self, image: Tensor) -> Tensor:
        mean = image.mean(dim=(2, 3))  # (N, 3)
        red, green, blue = mean.unbind(1)
        half = image.shape[2] // 2
        tall = image[:, :, :half].mean(dim=(1, 2, 3)) - image[:, :, half:].mean(dim=(1, 2, 3))
        light = mean.mean(1)
        cast = torch.stack([light, red - (green + blue) / 2, blue - (red + green) / 2, tall], dim=1)
        return F.normalize(torch.cat([cast, torch.ones_like(light)[:, None]], dim=1), dim=1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        found = torch.zeros(len(texts), 5)
        found[:, 4] = 1
        for row, text in zip(found, texts, strict=True):
            for word in text.lower().split():
                if word in WORDS:
                    axis, value = WORDS[word]
                    row[axis] += value
        return F.normalize(found, dim=1)


class LinearSynthesis:
    """A picture that is linear in S: base + sum over channels of s_c times a fixed picture.

    Two vectors of style of convolutions, and one to RGB between them; w is S itself, spread over two layers.
    """

    def __init__(self, base: Tensor, slopes: Tensor) -> None:
        """Shape: base (3, R, R), slopes (6, 3, R, R)."""
        self.base, self.slopes, self.num_ws, self.w_dim = base, slopes, 2, 3
        self.resolution = base.shape[-1]
        kinds = (("a", "conv"), ("rgb", "rgb"), ("b", "conv"))
        self.layout = tuple(StyleLayer(name, kind, 4, 2, 0) for name, kind in kinds)  # type: ignore[arg-type]

    def styles(self, w_plus: Tensor) -> list[Tensor]:
        return self.split(w_plus.flatten(1))

    def split(self, packed: Tensor) -> list[Tensor]:
        return list(packed.split(2, dim=1))

    def render(self, styles: Sequence[Tensor]) -> Tensor:
        return self.base + torch.einsum("nc,cdhw->ndhw", torch.cat(list(styles), dim=1), self.slopes)
