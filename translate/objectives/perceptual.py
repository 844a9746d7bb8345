"""How different two pictures look to a network that was trained for something else (Johnson 2016; Zhang 2018, Eq. 1).

LPIPS itself, whose channels are weighed by what people said, is `interop.lpips`; this takes any network's features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.metrics.lpips import lpips


@dataclass(frozen=True, slots=True)
class FeatureDistance:
    """The mean over layers of LPIPS's distance with all channels weighing the same; `name` says of which network.

    Shape: two (N, 3, H, W) in [-1, 1] -> (N,). Range: 0 for equal pictures, to 4.
    Raises: ValueError when shapes differ.
    """

    name: str
    features: Callable[[Tensor], Sequence[Tensor]]
    size: int
    """The side in pixels that the network sees."""

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """The distance of each pair; differentiable."""
        if a.shape != b.shape:
            raise ValueError(f"two pictures of one shape are compared, got {tuple(a.shape)} and {tuple(b.shape)}")
        # Autocast around this would make the figure depend on a training's precision.
        with torch.autocast(a.device.type, enabled=False):
            ours, theirs = self.features(self._seen(a)), self.features(self._seen(b))
            weights = [torch.full((m.shape[1],), 1 / len(ours), device=m.device) for m in ours]
            return lpips(ours, theirs, weights)

    def _seen(self, pictures: Tensor) -> Tensor:
        if pictures.shape[-2:] == (self.size, self.size):
            return pictures.float()
        sides = (self.size, self.size)
        return F.interpolate(pictures.float(), sides, mode="bilinear", antialias=True, align_corners=False)
