"""Validation on a mixture whose modes are known: how many are reached, and what lies between them."""

from collections.abc import Mapping

import torch
from PIL import Image
from torch import Tensor, nn

from translate import images
from translate.config import TrainConfig
from translate.data.mixtures import Modes, scatter
from translate.metrics.coverage import mode_coverage
from translate.trainers.validation import Quality, evaluating

SAMPLES = 2500
"""As many as Srivastava (2017, Sec. 4.1) judges by."""
SHOWN = 1000
MISPLACED = Quality("misplaced", higher_is_better=False)
"""It alone tells too few modes from too many bad samples."""


class MixtureJudge:
    """Scores and shows a generator of points; the same noise every time."""

    def __init__(self, modes: Modes, config: TrainConfig, device: torch.device) -> None:
        self.modes, self.device = modes, device
        self.quality: Quality = MISPLACED
        network = config.latent
        self.noise = torch.randn(SAMPLES, network.latent, generator=torch.Generator().manual_seed(config.seed))
        self.label = torch.arange(SAMPLES) % network.classes if network.classes else None

    @torch.inference_mode()
    def figures(self, generators: Mapping[str, nn.Module]) -> dict[str, dict[str, float]]:
        """`modes`: share of the modes with at least one sample within 3 deviations; `good`: share of the samples that
        lie there; `misplaced`: total variation distance of the samples' modes from all modes alike, what lies between
        modes counting as a mode that should be empty; `in_class`: share in the mode that was asked for.
        """
        return {name: self._figures(self._points(network)) for name, network in generators.items()}

    def _figures(self, points: Tensor) -> dict[str, float]:
        if not bool(points.isfinite().all()):
            return {"modes": 0.0, "good": 0.0, "misplaced": 1.0}
        found = mode_coverage(points, self.modes.centres, self.modes.deviation)
        count = len(found.hits)
        misplaced = sum(max(0.0, 1 / count - hits / len(points)) for hits in found.hits)
        figures = {"modes": found.modes, "good": found.quality, "misplaced": misplaced}
        if self.label is not None:
            away = (points - self.modes.centres[self.label]).norm(dim=1)
            figures["in_class"] = float((away <= 3 * self.modes.deviation).double().mean())
        return figures

    @torch.inference_mode()
    def sheet(self, generators: Mapping[str, nn.Module]) -> Image.Image:
        """Real points beside generated ones."""
        real, _ = self.modes.draw(SHOWN, 0)
        clouds = [real, *(self._points(network)[:SHOWN] for network in generators.values())]
        return images.grid([[scatter(cloud) for cloud in clouds]])

    def _points(self, network: nn.Module) -> Tensor:
        label = None if self.label is None else self.label.to(self.device)
        with evaluating(network):
            points: Tensor = network(self.noise.to(self.device), label)
        return points.float().cpu()
