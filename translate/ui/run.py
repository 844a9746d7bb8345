"""One translation for the page: a photo and a model's name in, a finished file and pictures to compare out."""

import math
import re
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from translate import images
from translate.catalog import DIRECTIONS
from translate.errors import ConfigError
from translate.stopping import check
from translate.ui.guard import own_folder
from translate.ui.models import Models

if TYPE_CHECKING:
    from translate.config import ModelConfig
    from translate.inference.translator import Translation

SHOWN_SIDE = 1600
"""The comparison is drawn at most this large; the download has the photo's own size."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Comparison:
    """What the before/after slider is drawn from: the photo and, for a label map, its classes, both on disk."""

    before: Path
    after: Path
    is_labels: bool


@dataclass(frozen=True)
class Run:
    """One finished translation: the photo, what was made of it by what, and the file to download."""

    config: "ModelConfig"
    photo: Array
    translation: "Translation"
    device: str
    precision: str
    file: Path

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of photo and result."""
        return self.photo.shape[1], self.photo.shape[0]

    def details(self) -> dict[str, Any]:
        """What `/apply` tells beside the picture."""
        details: dict[str, Any] = {
            "model": self.config.name,
            "device": self.device,
            "precision": self.precision,
            "scale": self.translation.scale,
            "kept_detail": self.translation.kept_detail,
            "seconds": self.translation.seconds,
            "width": self.size[0],
            "height": self.size[1],
        }
        if self.translation.labels is not None:
            shares = self.translation.shares
            details["classes"] = [
                {"index": i, "name": spec.name, "color": list(spec.color), "share": shares.get(spec.name, 0.0)}
                for i, spec in enumerate(self.config.classes)
            ]
        return details


def run(models: Models, name: object, photo: Path, scale: object, cancelled: Callable[[], bool] = bool) -> Run:
    """Translate one photo with a listed model.

    Raises: TranslateError for a model, photo or scale that won't do; Cancelled when it was cancelled.
    """
    wanted = parse_scale(scale)
    translator = models.load(name)
    array = translator.read(photo)
    translation = translator.run(array, scale=wanted, cancelled=cancelled)
    check(cancelled)
    folder = Path(tempfile.mkdtemp(prefix="result-", dir=own_folder()))
    stem = re.sub(r"[^\w.-]+", "-", photo.stem)[:32].strip("-.") or "photo"
    file = folder / f"{stem}-{_last_part(str(name))}.png"
    images.save(translation.image, file)
    return Run(
        config=translator.config,
        photo=array,
        translation=translation,
        device=str(translator.device),
        precision=str(translator.precision),
        file=file,
    )


def _last_part(name: str) -> str:
    """A model's name without folders; a direction is told with its run's name."""
    parts = Path(name).parts
    return "-".join(parts[-2:] if parts[-1] in DIRECTIONS else parts[-1:])


def compare(done: Run) -> Comparison:
    """Write both sides of the slider, made small enough to be drawn quickly."""
    pixels = (done.photo >> 8).astype(np.uint8) if done.photo.dtype == np.uint16 else done.photo
    colours = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1].repeat(3, axis=2)
    factor = min(1.0, SHOWN_SIDE / max(done.size))
    size = (max(1, round(done.size[0] * factor)), max(1, round(done.size[1] * factor)))
    is_labels = done.translation.labels is not None
    # JPEG, for a photo as PNG takes a second to pack; a label map must keep its classes.
    before, after = done.file.with_name("before.jpg"), done.file.with_name(f"after.{'png' if is_labels else 'jpg'}")
    images.save(Image.fromarray(colours).resize(size, Image.Resampling.LANCZOS), before)
    way = Image.Resampling.NEAREST if is_labels else Image.Resampling.LANCZOS
    images.save(done.translation.image.resize(size, way), after)
    return Comparison(before, after, is_labels)


def blend(comparison: Comparison, strength: float) -> Path:
    """The right-hand picture: a label map laid over the photo with `strength` in [0, 1], any other as it is."""
    if not comparison.is_labels:
        return comparison.after
    before = Image.fromarray(images.read_array(comparison.before))
    colours = Image.fromarray(images.read_array(comparison.after))
    path = comparison.before.with_name(f"overlay-{uuid.uuid4().hex}.jpg")
    amount = min(float(strength), 1.0) if strength > 0 else 0.0
    images.save(Image.blend(before, colours, amount), path)
    return path


def parse_scale(scale: object) -> Any:
    """`auto`, `native`, or a factor.

    Raises: ConfigError for anything else.
    """
    if scale in ("auto", "native"):
        return scale
    try:
        factor = float(str(scale))
    except ValueError:
        factor = math.nan
    if not 0 < factor <= 16:
        raise ConfigError(f"scale is {str(scale)[:40]!r}; give auto, native, or a factor above 0 and up to 16")
    return factor
