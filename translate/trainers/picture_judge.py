"""Validation of pictures made of noise: how near they are to held-out ones, and a sheet of always the same noise."""

from collections.abc import Iterator, Mapping

import torch
from PIL import Image
from torch import Tensor, nn

from translate import images
from translate.config import LatentConfig
from translate.data.labelled import LabelledDataset
from translate.devices import pictures_at_once
from translate.features import load_features
from translate.metrics.frechet import frechet_distance
from translate.metrics.kernel import kernel_distance
from translate.metrics.precision_recall import precision_recall
from translate.trainers.unpaired_judge import DISTANCE
from translate.trainers.validation import Quality, evaluating, picture

MIN_JUDGED = 4
"""Precision looks at a picture's third neighbour."""
BATCH = 64


class PictureJudge:
    """Scores and shows a generator against held-out pictures: as many, of the same classes."""

    def __init__(
        self,
        data: LabelledDataset,
        network: LatentConfig,
        device: torch.device,
        *,
        features: str = "auto",
        samples: int = 8,
        seed: int = 0,
    ) -> None:
        self.data, self.device, self.samples = data, device, samples
        self.quality: Quality = DISTANCE
        self.features = load_features(features, device)
        self.classes, self.at_once = network.classes, pictures_at_once(network.size, BATCH)
        seeded = torch.Generator().manual_seed(seed)
        self.noise = torch.randn(max(len(data), samples**2), network.latent, generator=seeded)
        self._real: Tensor | None = None

    @torch.inference_mode()
    def figures(self, generators: Mapping[str, nn.Module]) -> dict[str, dict[str, float]]:
        """Kernel and Fréchet distance, precision and recall against the held-out pictures in the space
        `self.features.name`."""
        if self._real is None:
            # One at a time: a few hundred pictures of 1024 x 1024 are gigabytes.
            found = (self.data[(0, index)].real[None].to(self.device) for index in range(len(self.data)))
            self._real = torch.cat([self.features(real) for real in found])
        return {name: self._figures(network, self._real) for name, network in generators.items()}

    def _figures(self, network: nn.Module, real: Tensor) -> dict[str, float]:
        count = len(self.data)
        # As few as are made at once, for the same reason.
        fake = torch.cat([self.features(made) for made in self._made(network, self.noise[:count], self.data.labels)])
        share = precision_recall(real, fake)
        return {
            "kernel": kernel_distance(fake, real),
            "frechet": frechet_distance(fake, real),
            "precision": share.precision,
            "recall": share.recall,
        }

    @torch.inference_mode()
    def sheet(self, generators: Mapping[str, nn.Module]) -> Image.Image:
        """A class a row, the same noise in each; without classes a square."""
        across, rows = self.samples, []
        for network in generators.values():
            for row in range(self.classes or across):
                start = 0 if self.classes else row * across
                noise = self.noise[start : start + across]
                label = torch.full((across,), row if self.classes else 0)
                rows.append([picture(cell) for made in self._made(network, noise, label) for cell in made])
        return images.grid(rows)

    def _made(self, network: nn.Module, noise: Tensor, label: Tensor) -> Iterator[Tensor]:
        """Pictures in batches. Shape: noise (N, latent), label (N,) -> (n, C, H, W) on the CPU, N of them in all."""
        with evaluating(network):
            for part, classes in zip(noise.split(self.at_once), label.split(self.at_once), strict=True):
                asked = classes.to(self.device) if self.classes else None
                yield network(part.to(self.device), asked).float().cpu()
