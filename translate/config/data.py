"""How pictures are brought to scale, cropped and augmented."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from translate.config.base import Config, Count, Share

IGNORE_INDEX = 255
"""The label value that no loss and no metric looks at (void, unlabelled)."""

Direction = Literal["AtoB", "BtoA"]
Mixture = Literal["ring-8", "grid-25"]


class DataConfig(Config):
    """How pairs are brought to scale, cropped and augmented.

    `size` is the scale a model sees: the side in pixels of the square that has the area of a whole photo.
    """

    direction: Direction = "AtoB"
    target: Literal["auto", "image", "labels"] = "auto"
    fit: Literal["square", "keep", "native"] = "square"
    """Bring a pair to `size`: squashed to a square, keeping its shape at that area, or left as it is."""
    size: Count = 256
    load_size: Count = 286
    """Training only: the size a pair is brought to by `fit` before the random crop. Where `fit` is keep and the shorter
    side would be below `crop`, the pair is enlarged until it is `crop`."""
    crop: Count = 256
    """Training only: the side in pixels of the square a sample is cut to. Where `fit` is native and `zoom` is None it
    is cut from the stored pixels, and a smaller picture is refused."""
    zoom: tuple[float, float] | None = None
    """Training only: instead of `load_size`, cut a window with a random share of the stored picture's area in this
    range and resize it to `crop` x `crop`. Where `fit` is square the window has the picture's own shape (and is
    squashed as the whole picture is), else it is square; a window that would stick out is shrunk."""
    aspect: tuple[float, float] = (0.75, 1.3333)
    """Range of the factor by which the width / height of a `zoom` window differs from that shape; (1, 1) keeps it."""
    flip: bool = True
    turn: bool = False
    """Right-angle turns and both flips, all eight as likely; for pictures taken from above."""
    colour: Share = 0.0
    """Jitter of the input picture alone: brightness, contrast and saturation by a factor of 1 +- `colour`, hue by a
    quarter of `colour` of the circle. 8-bit gray or RGB inputs only."""
    batch_augment: bool = False
    """Further flips, rotations and scalings of the whole batch on the accelerator (kornia)."""
    balance: Share = 0.0
    """Unpaired training only: 0 draws each picture of a domain equally often, 1 each of its subfolders."""
    holdout: Annotated[float, Field(gt=0)] = 0.1
    """Pairs, or pictures of each domain, held out for validation where there is no val split: a share below 1, a
    number from 1 on."""
    keep_detail: bool | Literal["unchanged"] = False
    """Applying only: add to the result what scaling took from the photo, its detail finer than the model sees. For
    translations that keep the scene, as horse to zebra does; input and output need the same channels. `unchanged` adds
    it only where the photo is left nearly as it was: a zebra's stripes have edges that a horse must not keep."""
    mixture: Mixture | None = None
    """Points drawn from Gaussians in the plane, instead of a folder."""
    class_column: str = ""
    """Where classes are learnt: the column of a CSV file beside the pictures, instead of the subfolders."""
    class_bounds: tuple[float, ...] = ()
    """Classes of a column of numbers: below the first bound, from each to the next, from the last on."""
    cache_mb: Annotated[int, Field(ge=0)] = 1024
    """Decoded pictures kept in memory, in MiB."""

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.zoom is None and self.fit != "native" and self.crop > self.load_size:
            raise ValueError(
                f"crop {self.crop} is larger than load_size {self.load_size}; raise load_size or lower crop"
            )
        for name in ("zoom", "aspect"):
            pair = getattr(self, name)
            if pair is not None and not 0 < pair[0] <= pair[1]:
                raise ValueError(f"{name} is {pair}; it needs 0 < low <= high")
        if self.class_bounds and (not self.class_column or list(self.class_bounds) != sorted(set(self.class_bounds))):
            raise ValueError(f"class_bounds {self.class_bounds} have to rise, and need a class_column of numbers")
        if self.zoom is not None and self.zoom[1] > 1:
            raise ValueError(f"zoom is {self.zoom}; a crop can't be larger than the picture, keep it within (0, 1]")
        return self
