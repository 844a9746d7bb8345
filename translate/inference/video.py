"""Apply a model to a clip, frame by frame in batches: sound copied, times kept, memory bounded, whole or not at all."""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from translate.errors import ImageError
from translate.inference.clip_file import Array, ClipReader, ClipWriter, Frame
from translate.inference.files import Options
from translate.inference.finishing import blend
from translate.inference.smoothing import Smoother
from translate.inference.translator import Progress, Translation, Translator

PIXELS_AT_ONCE = 24_000_000
"""Frames of a batch together; bounds what they take in memory."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Clip:
    """What was made of a clip; `seconds` in the network, `shares` the mean over its frames as the model made them."""

    width: int = 0
    height: int = 0
    frames: int = 0
    scale: float = 1.0
    tile: int | None = None
    kept_detail: bool = False
    seconds: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)

    def add(self, result: Translation) -> None:
        """Count one more frame."""
        self.height, self.width = result.pixels.shape[:2]
        self.scale, self.tile, self.kept_detail = result.scale, result.tile, result.kept_detail
        self.seconds += result.seconds
        for name, share in result.shares.items():
            so_far = self.shares.get(name, 0.0)
            self.shares[name] = so_far + (share - so_far) / (self.frames + 1)
        self.frames += 1


def translate_clip(
    translator: Translator,
    source: Path,
    target: Path,
    options: Options,
    *,
    frames: Progress | None = None,
    tiles: Progress | None = None,
) -> Clip:
    """Translate a clip; `frames` is told (done, about how many), and what it raises ends the work and leaves no file.

    Every picture keeps its time, a turned one is turned upright, and the sound is copied packet by packet. A label
    model paints its palette. A side of odd length gets one more row or column, as 4:2:0 needs it.
    Raises: ImageError for what can't be read or written, in one line; ConfigError without PyAV.
    """
    network = translator.config.translator
    if network.head == "image" and network.out_channels not in (1, 3):
        raise ImageError(f"{source}: the model makes {network.out_channels} channels, and a clip shows 1 or 3")
    size = _first(source).pixels.shape[:2]
    partial = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with ClipReader(source) as reader, ClipWriter(partial, target.suffix.lower(), reader, size) as writer:
            _tell(reader, *size)
            done = _write(translator, reader, writer, options, frames, tiles)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise ImageError(f"{target}: can't be written ({error.strerror or error})") from None
    finally:
        with suppress(OSError):
            partial.unlink()
    return done


def _first(source: Path) -> Frame:
    """The first frame: it alone tells size and turn for sure, and they are needed before sound is written."""
    with ClipReader(source) as reader:
        for item in reader.items():
            if isinstance(item, Frame):
                return item
    raise ImageError(f"{source}: holds no frame")


def _tell(reader: ClipReader, height: int, width: int) -> None:
    if reader.left_out:
        _log.info("%s: left out: %s", reader.path, ", ".join(reader.left_out))
    if height % 2 or width % 2:
        even = f"{width + width % 2} x {height + height % 2}"
        _log.info("%s: %d x %d is written as %s, for a clip has even sides", reader.path, width, height, even)


def _write(
    translator: Translator,
    reader: ClipReader,
    writer: ClipWriter,
    options: Options,
    frames: Progress | None,
    tiles: Progress | None,
) -> Clip:
    done = Clip()
    classes = len(translator.config.classes) if translator.config.translator.head == "labels" else 0
    smoother = Smoother(options.smooth, classes) if options.smooth else None
    for frame, result in _translated(translator, reader, writer, options, tiles):
        if smoother is not None:
            result = replace(result, pixels=smoother(frame.pixels, result.pixels))
        writer.frame(_painted(result, frame, options.overlay), frame)
        done.add(result)
        if frames is not None:
            frames(done.frames, max(done.frames, reader.expected))
    writer.finish()
    return done


def _translated(
    translator: Translator, reader: ClipReader, writer: ClipWriter, options: Options, tiles: Progress | None
) -> Iterator[tuple[Frame, Translation]]:
    """Every frame and its translation, in batches; sound goes to the writer on the way."""
    batch: list[Frame] = []
    height, width = writer.size
    most = max(1, min(options.batch_size or translator.best_batch_size, PIXELS_AT_ONCE // (height * width)))

    def finished() -> Iterator[tuple[Frame, Translation]]:
        results = translator.run_many(
            [frame.pixels for frame in batch], scale=options.scale, tile=options.tile, batch_size=most, progress=tiles
        )
        yield from zip(batch, results, strict=True)
        batch.clear()

    for item in reader.items():
        if not isinstance(item, Frame):
            writer.copy(item)
            continue
        batch.append(item)
        if len(batch) == most:
            yield from finished()
    if batch:
        yield from finished()


def _painted(result: Translation, frame: Frame, overlay: float | None) -> Array:
    """The picture to write. Shape: (H, W, 3) uint8."""
    if overlay is None:
        return np.asarray(result.image.convert("RGB"))
    return np.asarray(blend(Image.fromarray(frame.pixels), result.image, overlay))
