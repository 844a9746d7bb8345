"""Apply a model to pictures: bring a photo to the scale the model learnt at, translate, map the result back."""

import functools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, cast, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from translate import catalog, checkpoints, images
from translate.config import ModelConfig
from translate.devices import pick_device, pick_precision
from translate.errors import ConfigError, ImageError
from translate.inference import onnx_file
from translate.inference.canvas import Canvas
from translate.inference.channels import with_channels
from translate.inference.finishing import laid_over, overlay, shares, winners, with_detail
from translate.inference.fuse import can_prepack, fold_norms, prepack
from translate.inference.label_input import painted
from translate.inference.tiling import SMALLEST, Attempt, cover, halved, held, step_of, tile_side, too_little_memory
from translate.inference.windows import Painted, Resized, Source, View

Array = np.ndarray[Any, Any]
Picture = Image.Image | Array | str | Path
Scale = Literal["auto", "native"] | float
Progress = Callable[[int, int], object]

_log = logging.getLogger(__name__)

LARGE_PIXELS = 24_000_000
"""A photo above this is brought to scale and painted in pieces: in float32 it would fill a gigabyte."""


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What a model made of one photo, at the photo's own height and width."""

    pixels: Array
    """(H, W, C), 8 bits, or 16 for a photo of 16; of a label model the class indices (H, W)."""
    palette: tuple[tuple[int, int, int], ...] | None
    """The colours of a label model's classes."""
    shares: dict[str, float]
    """Part of the picture that each class covers, summing to 1; empty for pictures."""
    scale: float
    """Factor by which the photo's sides were multiplied before the model saw it."""
    tile: int | None
    """Side of the tiles that it was cut into there; None where it was translated whole."""
    kept_detail: bool
    """Whether what that scaling took from the photo was added to the result (see `with_detail`)."""
    seconds: float
    """Time in the network; a batch's time is shared evenly."""

    @property
    def labels(self) -> Array | None:
        """Class indices (H, W) of a label model."""
        return None if self.palette is None else self.pixels

    @cached_property
    def image(self) -> Image.Image:
        """The class indices with their palette ("P"), or a picture: "RGB" (8 bits, PIL has no more), "L" or "I;16".

        Raises: ImageError for another number of channels than 1 or 3.
        """
        if self.palette is not None:
            return images.labels_to_pil(self.pixels, self.palette)
        return images.array_to_pil(self.pixels)


class Translator:
    """A model ready to use: `translator(photo)` gives the translated photo.

    The network is made quicker in place (batch norm folded, weights laid out for the CPU); keep a copy to train on.
    Raises: ConfigError for device or precision, or a model that starts from noise.
    """

    def __init__(
        self, generator: nn.Module, config: ModelConfig, *, device: str = "auto", precision: str = "auto"
    ) -> None:
        _ = config.translator  # refused in one line where it starts from noise
        self.config = config
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        self._exact: Translator | None = None
        self._folder: Path | None = None
        self.dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        generator.eval()
        fold_norms(generator)  # in float32: the statistics and weights meet at full precision
        # The whole network in the lower type, not autocast: nothing is cast back and forth between layers.
        self.generator = generator.to(self.device, self.dtype).to(memory_format=torch.channels_last)
        if can_prepack(self.device, self.dtype):
            prepack(self.generator)

    @classmethod
    def load(cls, name_or_path: str | Path, *, device: str = "auto", precision: str = "auto") -> Self:
        """Load a model by name or folder, or from an ONNX file.

        Raises: CheckpointError when there is none or it is damaged; ConfigError for device or precision.
        """
        folder = catalog.find(name_or_path)
        if folder.is_file():
            return cls(*onnx_file.load(folder, device=device, precision=precision), device="cpu", precision="fp32")
        generator, config = checkpoints.load_model(folder)
        translator = cls(generator, config, device=device, precision=precision)
        translator._folder = folder if precision == "auto" else None
        return translator

    @overload
    def __call__(self, image: str | Path, *, scale: Scale = "auto", tile: int | None = None) -> Image.Image: ...
    @overload
    def __call__(self, image: Image.Image, *, scale: Scale = "auto", tile: int | None = None) -> Image.Image: ...
    @overload
    def __call__(self, image: Array, *, scale: Scale = "auto", tile: int | None = None) -> Array: ...
    @overload
    def __call__(
        self, image: list[Any] | tuple[Any, ...], *, scale: Scale = "auto", tile: int | None = None
    ) -> list[Image.Image | Array]: ...

    def __call__(self, image: Any, *, scale: Scale = "auto", tile: int | None = None) -> Any:
        """Translate one picture or a list: PIL in, PIL out; array in, array out; a path gives PIL.

        Arrays are (H, W) or (H, W, C), uint8, uint16 or floats in [0, 1]; out come (H, W, C) uint8 (uint16 for uint16),
        or the class indices (H, W) of a label model. A model that starts from a label map takes class indices (H, W) or
        their colours.
        Raises: ImageError for what is no picture.
        """
        if isinstance(image, Image.Image | np.ndarray | str | Path):
            return _same_kind(image, self.run(image, scale=scale, tile=tile))
        if not isinstance(image, list | tuple):
            raise ImageError(f"expected a PIL picture, an array, a path or a list of them, got {type(image).__name__}")
        results = self.run_many(image, scale=scale, tile=tile)
        return [_same_kind(picture, result) for picture, result in zip(image, results, strict=True)]

    def run(
        self,
        image: Picture,
        *,
        scale: Scale = "auto",
        tile: int | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Translation:
        """Translate one picture and say how.

        Raises: ImageError for what is no picture; ConfigError for a scale that isn't positive or a tile that is tiny;
        Cancelled when it was cancelled.
        """
        return self.run_many([image], scale=scale, tile=tile, progress=progress, cancelled=cancelled)[0]

    def run_many(
        self,
        pictures: Sequence[Picture],
        *,
        scale: Scale = "auto",
        tile: int | None = None,
        batch_size: int | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Translation]:
        """Translate pictures, those of equal size together, in the order given.

        `tile` is the largest side that the network is given; a picture larger than that is translated in overlapping
        tiles. None leaves that to its size. `batch_size` None takes 8 on an accelerator and 1 on the CPU, where a batch
        gains nothing. `progress` is told (tiles done, in all) of a picture in tiles; what it raises ends the work.
        `cancelled` is asked before every layer of the network.
        Raises: Cancelled when it was cancelled.
        """
        batch_size = batch_size or self.best_batch_size
        results: dict[int, Translation] = {}
        waiting: dict[object, list[_Prepared]] = {}
        for number, picture in enumerate(pictures):
            prepared = self._prepare(number, picture, scale, tile)
            if prepared.batch is None:
                results[number] = self._in_pieces(prepared, progress, cancelled)
                continue
            group = waiting.setdefault((prepared.seen, prepared.depth), [])
            group.append(prepared)
            if len(group) == batch_size:
                results.update(self._together(group, progress, cancelled))
                group.clear()
        for group in waiting.values():
            results.update(self._together(group, progress, cancelled))
        return [results[number] for number in range(len(pictures))]

    @property
    def best_batch_size(self) -> int:
        """How many pictures at a time this device likes."""
        return 1 if self.device.type == "cpu" else 8

    def forward(self, batch: Tensor) -> Tensor:
        """The network's own output, float32 on its device: pictures in [-1, 1], or logits.

        Shape: (N, in_channels, H, W) -> (N, out_channels, H, W).
        Raises: ImageError when the batch doesn't fit into the memory.
        """
        output = self._attempt(np.dtype(np.uint8))(batch)
        if output is None:
            size = f"{len(batch)} of {batch.shape[3]} x {batch.shape[2]} pixels"
            raise ImageError(f"{size} don't fit into the memory of {self.device}; choose a smaller scale")
        return output

    def factor(self, height: int, width: int, scale: str | float = "auto") -> float:
        """The factor on a photo's sides: `auto` gives it the area of the square the model learnt on.

        Raises: ConfigError for an unknown or non-positive scale.
        """
        if scale == "native":
            return 1.0
        if scale == "auto":
            return math.sqrt(self.config.data.size**2 / (height * width))
        if isinstance(scale, str) or not (math.isfinite(scale) and scale > 0):
            raise ConfigError(f"scale is {scale!r}; known: auto, native, or a factor above 0 such as 0.5")
        return float(scale)

    def read(self, picture: Picture) -> Array:
        """The pixels of a picture with the channels this model takes; a label map in its classes' colours.

        Shape: (H, W, in_channels), uint8, uint16 or float.
        Raises: ImageError for what is no picture, has channels that can't be converted, or is no map of the classes.
        """
        if self.config.input_classes:
            return painted(picture, self.config)
        wanted = self.config.translator.in_channels
        channels = wanted if wanted in (1, 3) else None
        if isinstance(picture, str | Path):
            array = images.read_array(picture, channels)
        elif isinstance(picture, Image.Image):
            array = images.from_pil(picture, channels)
        elif isinstance(picture, np.ndarray):
            array = with_channels(picture, wanted)
        else:
            raise ImageError(f"expected a PIL picture, an array or a path, got {type(picture).__name__}")
        if (array.ndim, array.shape[-1]) != (3, wanted):
            found = f"{array.shape[2]} channels" if array.ndim == 3 else f"the shape {array.shape}"
            where = f"{picture}: " if isinstance(picture, str | Path) else ""
            raise ImageError(f"{where}the picture has {found}; {self.config.name!r} takes {wanted} channels")
        return array

    def _attempt(self, depth: np.dtype[Any], cancelled: Callable[[], bool] | None = None) -> Attempt:
        if depth == np.uint16 and self.dtype == torch.bfloat16 and self._folder is not None:
            # bfloat16 has 8 bits itself; where the choice was ours, a photo of 16 keeps them.
            if self._exact is None:
                _log.info("a photo of 16 bits is translated in float32")
                self._exact = Translator.load(self._folder, device=str(self.device), precision="fp32")
            return self._exact._attempt(depth, cancelled)
        return Attempt(self.generator, self.device, self.dtype, cancelled)

    @property
    def _fades(self) -> bool:
        return self.config.data.keep_detail == "unchanged"

    def _prepare(self, number: int, picture: Picture, scale: Scale, tile: int | None) -> "_Prepared":
        array = self.read(picture)
        images.check_array(array)
        height, width = array.shape[:2]
        factor = self.factor(height, width, scale)
        seen = max(1, round(height * factor)), max(1, round(width * factor))
        if max(seen) > images.MAX_SIDE or seen[0] * seen[1] > images.MAX_PIXELS:
            raise ImageError(
                f"{width} x {height} pixels at scale {factor:g} is {seen[1]} x {seen[0]}, more than can be translated; "
                "choose a smaller scale"
            )
        side = tile_side(*seen, self.config.translator, tile)
        keeps_detail = bool(self.config.data.keep_detail) and seen != (height, width)
        in_pieces = side is not None or height * width > LARGE_PIXELS
        is_map = bool(self.config.input_classes)
        return _Prepared(
            number=number,
            size=(height, width),
            seen=seen,
            factor=factor,
            tile=side,
            depth=array.dtype if array.dtype == np.uint16 else np.dtype(np.uint8),
            keeps_detail=keeps_detail,
            # As read: a photo in float32 would take four times as much while it waits for its batch.
            photo=array if keeps_detail or in_pieces or is_map else None,
            batch=None if in_pieces else _at_scale(array, *seen, is_map=is_map),
        )

    def _together(
        self, group: Sequence["_Prepared"], progress: Progress | None, cancelled: Callable[[], bool] | None
    ) -> dict[int, Translation]:
        """Pictures of one size as a batch; where that doesn't fit one by one, and where not even that, in tiles."""
        if not group:
            return {}
        attempt = self._attempt(group[0].depth, cancelled)
        batch = torch.cat([p.batch for p in group if p.batch is not None])  # (N, C, H, W)
        output = attempt(batch)
        if output is None and len(group) > 1:
            alone = [self._together([p], progress, cancelled) for p in group]
            return {number: result for one in alone for number, result in one.items()}
        if output is None:
            return {group[0].number: self._in_pieces(self._smaller(group[0]), progress, cancelled)}
        if self.device.type == "mps":
            output = output.cpu()  # Apple's GPU can't resize with antialiasing
        seconds = attempt.seconds / len(group)
        parts = zip(group, batch.split(1), output.split(1), strict=True)
        return {p.number: self._finish(p, seen, one, seconds) for p, seen, one in parts}

    def _smaller(self, prepared: "_Prepared") -> "_Prepared":
        """The same picture in tiles of half its side, for it doesn't fit into the memory."""
        height, width = prepared.seen
        tile = halved(max(height, width), step_of(self.config.translator))
        if tile < SMALLEST:
            raise ImageError(too_little_memory(height, width, self.device))
        _log.warning("%d x %d pixels don't fit into the memory of %s; cut into tiles", width, height, self.device)
        return replace(prepared, tile=tile)

    @torch.inference_mode()
    def _finish(self, prepared: "_Prepared", seen: Tensor, output: Tensor, seconds: float) -> Translation:
        if self.config.translator.head == "labels":
            return self._result(prepared, winners(output, *prepared.size).cpu().numpy(), seconds)
        if prepared.keeps_detail and prepared.photo is not None:
            result = with_detail(output, seen, images.to_tensor(prepared.photo)[None], fade=self._fades)
        else:
            result = images.resize(output, *prepared.size)
        return self._result(prepared, images.to_array(result[0], prepared.depth), seconds)

    @torch.inference_mode()
    def _in_pieces(
        self, prepared: "_Prepared", progress: Progress | None, cancelled: Callable[[], bool] | None
    ) -> Translation:
        """As `_together` and `_finish`, but tile by tile, and never with the photo as a whole in float32."""
        network, photo, batch = self.config.translator, prepared.photo, prepared.batch
        labels, keeps = network.head == "labels", prepared.keeps_detail
        shape = prepared.size if labels else (*prepared.size, network.out_channels)
        pixels = np.empty(shape, np.uint8 if labels else prepared.depth)

        def paint(top: int, rows: Tensor) -> None:
            bottom = top + rows.shape[1]
            if labels:
                pixels[top:bottom] = winners(rows[None], *rows.shape[1:]).numpy()
                return
            if keeps and photo is not None:
                rows = laid_over(images.to_tensor(photo[top:bottom]), rows)
            pixels[top:bottom] = images.to_array(rows, prepared.depth)

        source: View
        if self.config.input_classes:
            source = Painted(cast(Array, photo), *prepared.seen)
        else:
            source = Resized(batch[0]) if batch is not None else Source(cast(Array, photo), *prepared.seen)
        attempt, tile = self._attempt(prepared.depth, cancelled), prepared.tile or max(prepared.seen)
        if prepared.tile is not None:
            attempt = held(attempt, source, tile)
        planes = network.out_channels + (keeps and self._fades)
        canvas = Canvas(prepared.seen, prepared.size, planes, tile, paint)
        laid = functools.partial(overlay, fade=self._fades) if keeps else None
        cover(attempt, source, canvas, tile, step_of(network), progress, overlay=laid)
        return self._result(prepared, pixels, attempt.seconds)

    def _result(self, prepared: "_Prepared", pixels: Array, seconds: float) -> Translation:
        classes = self.config.classes if self.config.translator.head == "labels" else ()
        return Translation(
            pixels=pixels,
            palette=tuple(spec.color for spec in classes) or None,
            shares=dict(zip((spec.name for spec in classes), shares(pixels, len(classes)), strict=True)),
            scale=prepared.factor,
            tile=prepared.tile,
            kept_detail=prepared.keeps_detail,
            seconds=seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    number: int
    size: tuple[int, int]
    seen: tuple[int, int]
    factor: float
    tile: int | None
    depth: np.dtype[Any]
    keeps_detail: bool
    photo: Array | None
    """The photo itself, where it is brought to scale in pieces, its detail is to be kept, or it is a label map."""
    batch: Tensor | None
    """The photo at the model's scale, where that isn't done in pieces. Shape: (1, C, *seen)."""


def _at_scale(array: Array, height: int, width: int, *, is_map: bool) -> Tensor:
    """A picture, or a painted label map, at the model's scale. Shape: (H, W, C) -> (1, C, height, width)."""
    if is_map:
        return images.to_tensor(images.nearest(array, height, width))[None]
    return images.resize(images.to_tensor(array)[None], height, width)


def _same_kind(picture: Picture, result: Translation) -> Image.Image | Array:
    return result.pixels if isinstance(picture, np.ndarray) else result.image
