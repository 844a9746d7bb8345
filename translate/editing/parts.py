"""What an editor is given beside its generator, as far as it needs to know them."""

from collections.abc import Sequence
from typing import Protocol

from PIL import Image
from torch import Tensor

from translate.editing.history import Photo


class TextImageEncoder(Protocol):
    """A CLIP: pictures and texts as vectors of length 1 in one space."""

    name: str

    def encode_image(self, image: Tensor) -> Tensor:
        """Shape: (N, 3, H, W) in [-1, 1] -> (N, E), differentiable."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Shape: -> (T, E).

        Raises: ConfigError for words it does not know.
        """


class Identity(Protocol):
    """Who is in the picture, as a vector of length 1."""

    name: str

    def __call__(self, image: Tensor) -> Tensor:
        """Shape: (N, 3, H, W) in [-1, 1] -> (N, E)."""


class Inverter(Protocol):
    """From a photo to w_plus, and the way back into the photo."""

    def __call__(self, photo: Image.Image) -> tuple[Tensor, Photo]:
        """Shape: -> (1, num_ws, w_dim)."""
