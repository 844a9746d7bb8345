"""From a photo to a latent, all the way: find the face, cut it out, encode or project it, tune the generator for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from translate import catalog, checkpoints, images
from translate.checkpoints import ENCODER
from translate.config import ModelConfig
from translate.devices import pick_device
from translate.editing import alignment, detection, inversion
from translate.editing.detection import Detector
from translate.editing.inversion import ProjectorConfig, Report, TuningConfig
from translate.editing.latents import Latent, digest_of
from translate.editing.perceptual import Perceptual, load_perceptual
from translate.errors import ConfigError
from translate.networks import FaceEncoder, StyleGAN2Generator

STEPS_ENCODED = 100
"""Steps in W+ behind an encoder, where the user names none."""


@dataclass(frozen=True, slots=True)
class Inversion:
    """A photo as its model can draw it.

    Shape: target and drawn (1, 3, R, R) in [-1, 1].
    """

    latent: Latent
    target: Tensor
    """The face as it was cut out of the photo."""
    drawn: Tensor
    """What the latent draws."""
    notes: tuple[str, ...]
    """What was found and chosen, for the user to read."""


class Inverter:
    """Turns photos of faces into latents of one model: `inverter(photo).latent`.

    Raises: ConfigError for a model that is no StyleGAN2 of RGB pictures.
    """

    def __init__(
        self,
        generator: StyleGAN2Generator,
        config: ModelConfig,
        digest: str,
        perceptual: Perceptual,
        *,
        encoder: FaceEncoder | None = None,
        detect: Detector | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.generator = generator.eval().to(self.device)
        self.encoder = None if encoder is None else encoder.eval().to(self.device)
        self.config, self.digest, self.perceptual, self.detect = config, digest, perceptual, detect

    @classmethod
    def load(cls, name_or_path: str | Path, *, device: str = "auto", perceptual: str = "auto") -> Self:
        """The inverter of a model by name or folder, with its encoder and the detector where they are there.

        Raises: CheckpointError when there is no such model or it is damaged; ConfigError for a device, or no StyleGAN2.
        """
        folder, place = catalog.find(name_or_path), pick_device(device)
        generator, config = checkpoints.load_model(folder)
        if not isinstance(generator, StyleGAN2Generator) or config.latent.out_channels != 3:
            raise ConfigError(f"{config.name}: no StyleGAN2 of RGB pictures; a photo can't be turned into its latent")
        return cls(
            generator,
            config,
            digest_of(folder),
            load_perceptual(folder, perceptual, place),
            encoder=checkpoints.load_encoder(folder / ENCODER)[0] if checkpoints.holds_part(folder, ENCODER) else None,
            detect=detection.detector(),
            device=place,
        )

    def __call__(
        self,
        photo: images.Array,
        *,
        where: object = "photo",
        crop: tuple[float, float, float] | None = None,
        face: int | None = None,
        steps: int | None = None,
        tune: int = 0,
        seed: int = 0,
        cancelled: Callable[[], bool] = lambda: False,
        report: Report | None = None,
    ) -> Inversion:
        """The latent of the face in a photo.

        `crop` and `face` choose it as in `detection.find`. `steps` of the projector: 0 leaves the encoder's answer (or
        the mean face), None takes 100 behind an encoder and 250 without. `tune` is the most steps of pivotal tuning.
        Shape: photo (H, W, 3), uint8 or uint16.
        Raises: ImageError saying what the photo shows instead of a face; ConfigError for a wrong crop.
        """
        found = detection.find(
            photo,
            self.config.alignment,
            self.generator.resolution,
            where=where,
            crop=crop,
            face=face,
            detect=self.detect,
        )
        target = alignment.cut(photo, found.square, self.generator.resolution)
        done = self.aligned(target, steps=steps, tune=tune, seed=seed, cancelled=cancelled, report=report)
        return replace(done, latent=replace(done.latent, square=found.square), notes=found.notes)

    def aligned(
        self,
        target: Tensor,
        *,
        steps: int | None = None,
        tune: int = 0,
        seed: int = 0,
        cancelled: Callable[[], bool] = lambda: False,
        report: Report | None = None,
    ) -> Inversion:
        """The latent of a face that is cut out already. Shape: target (1, 3, R, R) in [-1, 1]."""
        began, target = time.perf_counter(), target.to(self.device)
        start = self.encode(target)
        projected = inversion.project(
            self.generator,
            target,
            self.perceptual,
            self._projector(steps),
            start=start,
            seed=seed,
            cancelled=cancelled,
            report=report,
        )
        about: dict[str, object] = {"encoder": start is not None, "steps": projected.steps}
        generator = self.generator
        if tune and not projected.cancelled:
            settings = TuningConfig(steps=tune)
            tuning = inversion.tune(
                generator, projected.w_plus, target, self.perceptual, settings, cancelled=cancelled, report=report
            )
            generator, about = tuning.generator, about | {"tuned_steps": tuning.steps}
        with torch.no_grad():
            drawn = generator.synthesis(projected.w_plus, "const").clamp(-1, 1)
        latent = Latent(
            w_plus=projected.w_plus.cpu(),
            model=self.config.name,
            digest=self.digest,
            tuned={name: tensor.cpu() for name, tensor in inversion.changed(generator, self.generator).items()},
            about=about | self.figures(drawn, target) | {"seconds": round(time.perf_counter() - began, 2)},
        )
        return Inversion(latent, target, drawn, ())

    @torch.no_grad()
    def encode(self, target: Tensor) -> Tensor | None:
        """What the encoder takes a cut-out face for, where there is one. Shape: (1, 3, R, R) -> (1, num_ws, w_dim)."""
        return None if self.encoder is None else self.encoder(target)

    @torch.no_grad()
    def figures(self, drawn: Tensor, target: Tensor) -> dict[str, object]:
        """How near a drawn face comes, and which network says so. Shape: two (1, 3, R, R) in [-1, 1]."""
        distance = float(self.perceptual(drawn, target).mean())
        return {
            "l2": float(f"{float(F.mse_loss(drawn, target)):.4g}"),
            "perceptual": float(f"{distance:.4g}"),
            "measured_by": self.perceptual.name,
        }

    def _projector(self, steps: int | None) -> ProjectorConfig:
        if steps is None:
            return ProjectorConfig(steps_w_plus=STEPS_ENCODED) if self.encoder else ProjectorConfig()
        in_w = 0 if self.encoder else steps * 2 // 5
        return ProjectorConfig(steps_w=in_w, steps_w_plus=steps - in_w)
