"""Validation without truth: how near translations are to the other domain, and whether they still show their input."""

from collections.abc import Mapping

import torch
from PIL import Image
from torch import Tensor, nn

from translate import images
from translate.config import TrainConfig
from translate.data.unpaired import PictureDataset, pictures
from translate.features import load_features
from translate.metrics.copied import Copied
from translate.metrics.frechet import frechet_distance
from translate.metrics.kernel import kernel_distance
from translate.metrics.paired import l1
from translate.trainers.validation import Quality, evaluating, picture, to_device

DISTANCE = Quality("kernel", higher_is_better=False)
"""The kernel distance decides: unlike the Fréchet distance it is not biased by few pictures."""


class UnpairedJudge:
    """Scores and shows generators on held-out pictures of both domains."""

    def __init__(self, a: PictureDataset, b: PictureDataset, config: TrainConfig, device: torch.device) -> None:
        self.sides, self.device = {"AtoB": (a, b), "BtoA": (b, a)}, device
        self.batch_size, self.samples = max(config.batch_size, 4), config.samples
        self.size = config.data.size  # pictures that keep their shapes differ in size
        self.quality: Quality = DISTANCE
        self.features = load_features(config.features, device)
        self._real: dict[str, Tensor] = {}

    @torch.inference_mode()
    def figures(self, generators: Mapping[str, nn.Module]) -> dict[str, dict[str, float]]:
        """Of each direction: Fréchet and kernel distance of translations to real pictures in the space
        `self.features.name`, how much of the input was copied, and the error of the cycle where there is a way back.
        """
        with evaluating(*generators.values()):
            return {name: self._figures(name, generators) for name in generators}

    def _figures(self, name: str, generators: Mapping[str, nn.Module]) -> dict[str, float]:
        there, back = generators[name], generators.get(_OTHER[name])
        source, target = self.sides[name]
        found, cycle, copied = [], [], Copied()
        for real in pictures(source, self.batch_size):
            real = to_device(real, self.device)
            fake = there(real)
            found.append(self.features(fake.float()))
            copied.add(*(images.resize(side.float(), self.size, self.size) for side in (real, fake)))
            if back is not None:
                cycle.append(l1(back(fake), real))
        if name not in self._real:
            self._real[name] = torch.cat(
                [self.features(to_device(real, self.device)) for real in pictures(target, self.batch_size)]
            )
        fakes, reals = torch.cat(found), self._real[name]
        figures = {
            "kernel": kernel_distance(fakes, reals),
            "frechet": frechet_distance(fakes, reals),
            "copied": copied.value(),
        }
        return figures | ({"cycle": float(torch.cat(cycle).mean())} if cycle else {})

    @torch.inference_mode()
    def sheet(self, generators: Mapping[str, nn.Module]) -> Image.Image:
        """A -> B -> A, and beside it B -> A -> B where both directions are learnt."""
        count = min(self.samples, *(len(data) for data in self.sides["AtoB"]))
        rows = []
        with evaluating(*generators.values()):
            for row in range(count):
                cells: list[Tensor] = []
                for name, there in generators.items():
                    source = self.sides[name][0]
                    real = to_device(source[(0, row * len(source) // count)][None], self.device)
                    fake = there(real)
                    back = generators.get(_OTHER[name])
                    cells += [real, fake] + ([back(fake)] if back is not None else [])
                rows.append([picture(cell[0].float().cpu()) for cell in cells])
        return images.grid(rows)


_OTHER = {"AtoB": "BtoA", "BtoA": "AtoB"}
