"""Use a model that starts from noise: a seed gives the same sample every time, on every device."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from torch import Tensor, nn

from translate import catalog, checkpoints, images
from translate.config import ModelConfig
from translate.devices import pick_device, pick_precision, pictures_at_once
from translate.errors import ConfigError

BATCH = 64
"""The most pictures that are drawn together."""


def noise_of(seeds: Sequence[int], latent: int) -> Tensor:
    """What each seed stands for in every model of that latent, whatever the others. Shape: (N, latent)."""
    return torch.stack([torch.randn(latent, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


class Sampler:
    """A model ready to use: `sampler.pictures([0, 1])` gives what the seeds 0 and 1 stand for.

    `truncation` below 1 pulls the styles of a StyleGAN2 towards their mean (Karras 2019, App. B): safer, less various.
    Raises: ConfigError for device or precision, a model that translates, or truncation of one without styles.
    """

    def __init__(
        self,
        generator: nn.Module,
        config: ModelConfig,
        *,
        device: str = "auto",
        precision: str = "auto",
        truncation: float = 1.0,
    ) -> None:
        self.network, self.config = config.latent, config
        if truncation != 1 and self.network.kind != "stylegan2":
            raise ConfigError(f"{config.name}: truncation pulls styles towards their mean, and this model has none")
        self.options = {"psi": truncation} if truncation != 1 else {}
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        # Points are few, and a style in bfloat16 would be off in all of its picture.
        self.dtype = dtype if self.network.kind == "dcgan" else torch.float32
        self.generator = generator.eval().to(self.device, self.dtype)

    @classmethod
    def load(
        cls, name_or_path: str | Path, *, device: str = "auto", precision: str = "auto", truncation: float = 1.0
    ) -> Self:
        """Load a model by name or folder.

        Raises: CheckpointError when there is none or it is damaged; ConfigError for device or precision, or a model
        that translates.
        """
        generator, config = checkpoints.load_model(catalog.find(name_or_path))
        return cls(generator, config, device=device, precision=precision, truncation=truncation)

    @property
    def makes_points(self) -> bool:
        """Whether samples are points in the plane, not pictures."""
        return self.network.kind == "mlp"

    def number(self, label: str | None) -> int | None:
        """The number of the class called `label`.

        Raises: ConfigError for an unknown class, or none where the model knows several.
        """
        known = self.config.labels
        if label is None and not known:
            return None
        if label in known:
            return known.index(label)
        listed = f"it knows {', '.join(known[:20])}" if known else "it knows no classes"
        raise ConfigError(f"{self.config.name}: no class {label!r}; {listed}")

    def noise(self, seeds: Sequence[int]) -> Tensor:
        """What each seed stands for. Shape: (N, latent)."""
        return noise_of(seeds, self.network.latent)

    @torch.inference_mode()
    def samples(self, noise: Tensor, label: str | None = None) -> Tensor:
        """Shape: noise (N, latent) -> (N, C, size, size) in [-1, 1], or points (N, 2); float32 on the CPU.

        Raises: ConfigError for an unknown class, or none where the model knows several.
        """
        number, found = self.number(label), []
        for part in noise.split(BATCH if self.makes_points else pictures_at_once(self.network.size, BATCH)):
            asked = None if number is None else torch.full((len(part),), number, device=self.device)
            found.append(self.generator(part.to(self.device, self.dtype), asked, **self.options).float().cpu())
        return torch.cat(found)

    def pictures(self, seeds: Sequence[int], label: str | None = None) -> list[Image.Image]:
        """One picture a seed.

        Raises: ConfigError as `samples` does, or for a model of points.
        """
        return self._shown(self.noise(seeds), label)

    def interpolate(self, first: int, last: int, frames: int, label: str | None = None) -> list[Image.Image]:
        """The way from one seed's picture to another's, both included, along the great circle between them.

        Raises: ConfigError as `pictures` does, or for less than two frames.
        """
        if frames < 2:
            raise ConfigError(f"{frames} frames; a way from one picture to another has at least 2")
        ends = self.noise([first, last])
        way = torch.stack([slerp(ends[0], ends[1], number / (frames - 1)) for number in range(frames)])
        return self._shown(way, label)

    def is_sound(self) -> bool:
        """Whether every class gives finite values."""
        labels = self.config.labels or (None,)
        return all(bool(self.samples(self.noise([0]), label).isfinite().all()) for label in labels)

    def _shown(self, noise: Tensor, label: str | None) -> list[Image.Image]:
        if self.makes_points:
            raise ConfigError(f"{self.config.name}: makes points, not pictures; see --help of generate")
        if (channels := self.network.out_channels) not in (1, 3):
            raise ConfigError(f"{self.config.name}: makes {channels} channels, which no picture file shows")
        return [images.to_pil(sample) for sample in self.samples(noise, label)]


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """sin((1 - t) w) / sin w a + sin(t w) / sin w b, w the angle between a and b (White 2016, Sec. 2.1).

    Normal noise of many numbers lies near a sphere; the straight line between two draws leaves it, this does not.

    Shape: (D,) and (D,) -> (D,). Range: a at t = 0, b at t = 1.
    """
    cosine = torch.dot(a, b) / (a.norm() * b.norm())
    angle = torch.arccos(cosine.clamp(-1, 1))
    sine = torch.sin(angle)
    if float(sine) < 1e-6:  # on one line: the same or opposite
        return torch.lerp(a, b, t)
    return torch.sin((1 - t) * angle) / sine * a + torch.sin(t * angle) / sine * b
