"""Apply a model to pictures: bring a photo to the scale the model learnt at, translate, map the result back."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from translate import catalog, checkpoints, images
from translate.config import ModelConfig
from translate.devices import pick_device, pick_precision
from translate.errors import ConfigError, ImageError
from translate.inference.fuse import can_prepack, fold_norms, prepack

Array = np.ndarray[Any, Any]
Picture = Image.Image | Array | str | Path
Scale = Literal["auto", "native"] | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What a model made of one photo, at the photo's own height and width."""

    image: Image.Image
    """"RGB" or "L"; of a label model the class indices with their palette ("P")."""
    labels: Array | None
    """Class indices (H, W) of a label model."""
    shares: dict[str, float]
    """Part of the picture that each class covers, summing to 1; empty for pictures."""
    scale: float
    """Factor by which the photo's sides were multiplied before the model saw it."""
    kept_detail: bool
    """Whether what that scaling took from the photo was added to the result (see `with_detail`)."""
    seconds: float
    """Time in the network; a batch's time is shared evenly."""


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
        self.dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        generator.eval()
        fold_norms(generator)  # in float32: the statistics and weights meet at full precision
        # The whole network in the lower type, not autocast: nothing is cast back and forth between layers.
        self.generator = generator.to(self.device, self.dtype).to(memory_format=torch.channels_last)
        if can_prepack(self.device, self.dtype):
            prepack(self.generator)

    @classmethod
    def load(cls, name_or_path: str | Path, *, device: str = "auto", precision: str = "auto") -> Self:
        """Load a model by name or folder.

        Raises: CheckpointError when there is none or it is damaged; ConfigError for device or precision.
        """
        generator, config = checkpoints.load_model(catalog.find(name_or_path))
        return cls(generator, config, device=device, precision=precision)

    @overload
    def __call__(self, image: str | Path, *, scale: Scale = "auto") -> Image.Image: ...
    @overload
    def __call__(self, image: Image.Image, *, scale: Scale = "auto") -> Image.Image: ...
    @overload
    def __call__(self, image: Array, *, scale: Scale = "auto") -> Array: ...
    @overload
    def __call__(self, image: list[Any] | tuple[Any, ...], *, scale: Scale = "auto") -> list[Image.Image | Array]: ...

    def __call__(self, image: Any, *, scale: Scale = "auto") -> Any:
        """Translate one picture or a list: PIL in, PIL out; array in, array out; a path gives PIL.

        Arrays are (H, W) or (H, W, C), uint8, uint16 or floats in [0, 1]; out come (H, W, C) uint8, or the class
        indices (H, W) of a label model.
        Raises: ImageError for what is no picture.
        """
        if isinstance(image, Image.Image | np.ndarray | str | Path):
            return _same_kind(image, self.run(image, scale=scale))
        if not isinstance(image, list | tuple):
            raise ImageError(f"expected a PIL picture, an array, a path or a list of them, got {type(image).__name__}")
        results = self.run_many(image, scale=scale)
        return [_same_kind(picture, result) for picture, result in zip(image, results, strict=True)]

    def run(self, image: Picture, *, scale: Scale = "auto") -> Translation:
        """Translate one picture and say how.

        Raises: ImageError for what is no picture; ConfigError for a scale that isn't positive.
        """
        return self.run_many([image], scale=scale)[0]

    def run_many(
        self, pictures: Sequence[Picture], *, scale: Scale = "auto", batch_size: int | None = None
    ) -> list[Translation]:
        """Translate pictures, those of equal size together, in the order given.

        `batch_size` None takes 8 on an accelerator and 1 on the CPU, where a batch gains nothing.
        """
        batch_size = batch_size or self.best_batch_size
        results: dict[int, Translation] = {}
        waiting: dict[torch.Size, list[_Prepared]] = {}
        for number, picture in enumerate(pictures):
            prepared = self._prepare(number, picture, scale)
            group = waiting.setdefault(prepared.batch.shape, [])
            group.append(prepared)
            if len(group) == batch_size:
                results.update(self._translate(group))
                group.clear()
        for group in waiting.values():
            results.update(self._translate(group))
        return [results[number] for number in range(len(pictures))]

    @property
    def best_batch_size(self) -> int:
        """How many pictures at a time this device likes."""
        return 1 if self.device.type == "cpu" else 8

    @torch.inference_mode()
    def forward(self, batch: Tensor) -> Tensor:
        """The network's own output, float32 on its device: pictures in [-1, 1], or logits.

        Shape: (N, in_channels, H, W) -> (N, out_channels, H, W).
        Raises: ImageError when the batch doesn't fit into the memory.
        """
        try:
            output: Tensor = self.generator(batch.to(self.device, self.dtype, memory_format=torch.channels_last))
            return output.float()
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
                raise
        size = f"{batch.shape[3]} x {batch.shape[2]} pixels"
        raise ImageError(f"{len(batch)} of {size} don't fit into the memory of {self.device}; choose a smaller scale")

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
        """The pixels of a picture with the channels this model takes.

        Shape: (H, W, in_channels), uint8, uint16 or float.
        Raises: ImageError for what is no picture, or has channels that can't be converted.
        """
        wanted = self.config.translator.in_channels
        channels = wanted if wanted in (1, 3) else None
        if isinstance(picture, str | Path):
            array = images.read_array(picture, channels)
        elif isinstance(picture, Image.Image):
            array = images.from_pil(picture, channels)
        elif isinstance(picture, np.ndarray):
            array = _with_channels(picture, wanted)
        else:
            raise ImageError(f"expected a PIL picture, an array or a path, got {type(picture).__name__}")
        if (array.ndim, array.shape[-1]) != (3, wanted):
            found = f"{array.shape[2]} channels" if array.ndim == 3 else f"the shape {array.shape}"
            where = f"{picture}: " if isinstance(picture, str | Path) else ""
            raise ImageError(f"{where}the picture has {found}; {self.config.name!r} takes {wanted} channels")
        return array

    def _prepare(self, number: int, picture: Picture, scale: Scale) -> "_Prepared":
        array = self.read(picture)
        tensor = images.to_tensor(array)[None]  # (1, C, H, W)
        height, width = tensor.shape[-2:]
        factor = self.factor(height, width, scale)
        seen = max(1, round(height * factor)), max(1, round(width * factor))
        if max(seen) > images.MAX_SIDE or seen[0] * seen[1] > images.MAX_PIXELS:
            raise ImageError(
                f"{width} x {height} pixels at scale {factor:g} is {seen[1]} x {seen[0]}, more than can be translated "
                "at once; choose a smaller scale"
            )
        # As read: a photo in float32 would take four times as much while it waits for its batch.
        photo = array if self.config.data.keep_detail and seen != (height, width) else None
        return _Prepared(number, images.resize(tensor, *seen), height, width, factor, photo)

    def _translate(self, group: Sequence["_Prepared"]) -> dict[int, Translation]:
        if not group:
            return {}
        batch = torch.cat([p.batch for p in group])  # (N, C, H, W)
        start = time.perf_counter()
        output = self.forward(batch)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            output = output.cpu()  # which waits too; and Apple's GPU can't resize with antialiasing
        seconds = (time.perf_counter() - start) / len(group)
        return {p.number: self._finish(p, one, seconds) for p, one in zip(group, output.split(1), strict=True)}

    @torch.inference_mode()
    def _finish(self, prepared: "_Prepared", output: Tensor, seconds: float) -> Translation:
        height, width, scale = prepared.height, prepared.width, prepared.factor
        if self.config.translator.head == "image":
            kept = prepared.photo is not None
            if prepared.photo is None:
                result = images.resize(output, height, width)
            else:
                result = with_detail(output, prepared.batch, images.to_tensor(prepared.photo)[None])
            image = images.to_pil(result)
            return Translation(image=image, labels=None, shares={}, scale=scale, kept_detail=kept, seconds=seconds)
        labels = winners(output, height, width).cpu().numpy()
        counts = np.bincount(labels.ravel(), minlength=len(self.config.classes)) / labels.size
        shares = {spec.name: float(share) for spec, share in zip(self.config.classes, counts, strict=True)}
        image = images.labels_to_pil(labels, [spec.color for spec in self.config.classes])
        return Translation(image=image, labels=labels, shares=shares, scale=scale, kept_detail=False, seconds=seconds)


def with_detail(fake: Tensor, seen: Tensor, photo: Tensor) -> Tensor:
    """`fake` at the photo's size, plus what the model could not see of the photo.

    up(fake) + (photo - up(seen)), `seen` being the photo at the model's scale: photo - up(seen) is the finest level of
    its Laplacian pyramid (Burt and Adelson 1983), here with one level and any factor. A model that changes nothing
    gives the photo back, and one that changes a horse leaves the grass around it as sharp as it was.

    Shape: fake and seen (1, C, h, w), photo (1, C, H, W) -> (1, C, H, W), on the CPU. Range: [-1, 1], clamped.
    """
    # Resizing is linear, so that the difference of the two needs it only once.
    change = images.resize(fake - seen.to(fake.device), *photo.shape[-2:])
    return photo.add(change.to(photo.device)).clamp(-1, 1)


def winners(logits: Tensor, height: int, width: int) -> Tensor:
    """The class of the largest logit at every pixel of another size; the logits are resized, not the classes.

    Shape: (1, K, h, w) -> (height, width) uint8; of equal logits the first class wins.
    """
    best = images.resize(logits[:, :1], height, width)
    index = torch.zeros_like(best, dtype=torch.uint8)
    # Class by class: all logits of a photo of 50 megapixels at once would fill the memory.
    for k in range(1, logits.shape[1]):
        plane = images.resize(logits[:, k : k + 1], height, width)
        index.masked_fill_(plane > best, k)
        best = torch.maximum(best, plane)
    return index[0, 0]


@dataclass(frozen=True, slots=True)
class _Prepared:
    number: int
    batch: Tensor
    height: int
    width: int
    factor: float
    photo: Array | None
    """The photo itself, where its detail is to be kept."""


def _same_kind(picture: Picture, result: Translation) -> Image.Image | Array:
    if not isinstance(picture, np.ndarray):
        return result.image
    if result.labels is not None:
        return result.labels
    array = np.asarray(result.image)
    return array if array.ndim == 3 else array[..., None]


def _with_channels(array: Array, wanted: int) -> Array:
    """Gray to colour for any type; alpha over white and colour to gray for bytes. Otherwise as it came."""
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] == wanted or wanted not in (1, 3):
        return array
    if array.shape[2] == 1:
        return array.repeat(wanted, axis=2)
    if array.dtype == np.uint8 and array.shape[2] in (2, 3, 4):
        return images.from_pil(Image.fromarray(array), wanted)
    return array
