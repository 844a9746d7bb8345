"""A photo as an editor takes it: its face as a latent of the model, and the way back into the photo."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image
from torch import Tensor

from translate import images
from translate.editing import alignment
from translate.editing.alignment import Square
from translate.editing.inversion import Report
from translate.editing.inverter import Inverter
from translate.editing.latents import tuned_generator
from translate.networks.stylegan2.synthesis import Synthesis


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPhoto:
    """A photo and where in it the face lies."""

    array: images.Array
    square: Square
    target: Tensor
    """The face as it was cut out. Shape: (1, 3, R, R) in [-1, 1]."""
    notes: tuple[str, ...] = ()
    """What was found and chosen, for the user to read."""

    def paste(self, picture: Tensor, base: Tensor, mask: Tensor | None = None) -> Image.Image:
        """The photo with what changed between `base`, the face before all edits, and `picture`.

        Shape: (1, 3, R, R) in [-1, 1] twice, mask (1, 1, R, R) in [0, 1].
        """
        inside = None if mask is None else mask.cpu()
        pasted = alignment.paste(self.array, self.square, picture.cpu(), base=base.cpu(), mask=inside)
        return images.array_to_pil(pasted)

    def reduced(self, side: int) -> "PlacedPhoto":
        """The same with a photo of 8 bits that is at most `side` pixels long: quick to paste into, for looking at."""
        picture = images.array_to_pil(images.to_bytes(self.array))
        factor = min(1.0, side / max(picture.size))
        size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
        array = images.from_pil(picture.resize(size, Image.Resampling.LANCZOS))
        places = (self.square.x, self.square.y, self.square.half_x, self.square.half_y)
        return replace(self, array=array, square=Square(*(factor * place for place in places)))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PhotoInverter:
    """Inverts photos for an editor; `crop`, `face` and the others are those of `Inverter`."""

    inverter: Inverter
    crop: tuple[float, float, float] | None = None
    face: int | None = None
    steps: int | None = None
    tune: int = 0
    cancelled: Callable[[], bool] = bool
    report: Report | None = None

    def __call__(self, photo: Image.Image) -> tuple[Tensor, PlacedPhoto, Synthesis | None]:
        """Shape: -> (1, num_ws, w_dim).

        Raises: ImageError saying what the photo shows instead of a face.
        """
        array = images.from_pil(photo)
        found = self.inverter(
            array,
            crop=self.crop,
            face=self.face,
            steps=self.steps,
            tune=self.tune,
            cancelled=self.cancelled,
            report=self.report,
        )
        latent, own = found.latent, self.inverter.generator
        generator = tuned_generator(own, latent)
        synthesis = None if generator is own else generator.eval().requires_grad_(False).synthesis
        assert latent.square is not None  # of a photo it always has one
        placed = PlacedPhoto(array, latent.square, found.target, found.notes)
        return latent.w_plus.to(self.inverter.device), placed, synthesis
