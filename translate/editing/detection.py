"""Where in a photo the face is: found by YuNet (Wu 2023) where its weights are installed, else given by the user.

YuNet's weights are not shipped; `translate models pull yunet` fetches OpenCV's, 0.2 MB under the MIT licence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from translate import catalog, images
from translate.checkpoints import sha256
from translate.config import Alignment
from translate.editing import alignment
from translate.editing.alignment import Square
from translate.errors import CheckpointError, ConfigError, ImageError
from translate.features import FOLDER
from translate.interop.measures import YUNET, YUNET_DIGEST

LARGEST = 640
"""The longer side in pixels that a photo is brought to: YuNet knows faces of about 10 to 300 pixels."""
LEAST_SCORE, SURE = 0.6, 0.85
"""What counts as a face at all, and what is beyond doubt: drawings and statues mostly lie between."""
PROFILE = 0.12
"""Nose tip as a share of the way from eye to eye: nearer than this to either end, or beyond, is a profile."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a photo, in the photo's pixels."""

    points: tuple[tuple[float, float], ...]
    """The five of `config.POINTS`."""
    box: tuple[float, float, float, float]
    """x, y, width and height."""
    score: float

    @property
    def turned(self) -> bool:
        """Whether it is seen so much from the side that the model can't know it."""
        left, right, nose = (complex(*point) for point in self.points[:3])
        across = right - left
        if abs(across) < 1e-6:
            return True
        share = ((nose - left) / across).real
        return not PROFILE <= share <= 1 - PROFILE


Detector = Callable[[images.Array], list[Face]]
"""From a photo (H, W, 3) of 8 or 16 bits to its faces."""


@dataclass(frozen=True, slots=True)
class Found:
    """The square of a photo that is worked on, and how it came about, in words."""

    square: Square
    notes: tuple[str, ...]


class YuNet:
    """Faces with their five points, the largest first, by OpenCV's own reader of the network.

    Raises: CheckpointError when the file is not the published one, or OpenCV can't read it.
    """

    def __init__(self, path: Path) -> None:
        if (found := sha256(path)) != YUNET_DIGEST:
            raise CheckpointError(f"{path}: its SHA-256 starts {found[:8]}, not {YUNET_DIGEST[:8]}; fetch it again")
        data = np.frombuffer(path.read_bytes(), np.uint8)  # OpenCV opens no names beyond ASCII on Windows
        try:
            self.network = cv2.FaceDetectorYN.create("onnx", data, np.empty(0, np.uint8), (320, 320), LEAST_SCORE)
        except cv2.error as error:
            raise CheckpointError(f"{path}: OpenCV {cv2.__version__} can't read it ({_reason(error)})") from None

    def __call__(self, photo: images.Array) -> list[Face]:
        """The faces of a photo, which is made smaller first. Shape: (H, W, 3), uint8 or uint16."""
        height, width = photo.shape[:2]
        scale = min(1.0, LARGEST / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(images.to_bytes(photo), size, interpolation=cv2.INTER_AREA)
        self.network.setInputSize(size)
        rows = self.network.detect(np.ascontiguousarray(small[..., ::-1]))[1]  # OpenCV takes BGR
        if rows is None:
            return []
        back = np.array([width / size[0], height / size[1]])
        found = []
        for row in np.asarray(rows, dtype=float):
            box = (row[:4].reshape(2, 2) * back).ravel()
            points = tuple((float(x), float(y)) for x, y in row[4:14].reshape(5, 2) * back)
            found.append(Face(points, (float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(row[14])))
        return sorted(found, key=lambda face: -face.box[2] * face.box[3])


def is_installed() -> bool:
    """Whether YuNet's weights are there."""
    return (catalog.home() / FOLDER / YUNET).is_file()


def detector() -> YuNet | None:
    """YuNet where its weights are installed, else nothing.

    Raises: CheckpointError for a damaged file.
    """
    return YuNet(catalog.home() / FOLDER / YUNET) if is_installed() else None


def find(
    photo: images.Array,
    template: Alignment | None,
    size: int,
    *,
    where: object = "photo",
    crop: tuple[float, float, float] | None = None,
    face: int | None = None,
    detect: Detector | None = None,
) -> Found:
    """The square of `photo` that a model of `size` pixels with faces aligned by `template` takes.

    `crop` is x, y and side of a square that the user set; `face` chooses among several, from 1, the largest first.
    Raises: ImageError saying what the photo shows instead of a face, and what to do; ConfigError for a wrong crop.
    """
    height, width = photo.shape[:2]
    if crop is not None:
        return Found(_cropped(crop, width, height), (f"the square {_text(crop)} was given",))
    if detect is None or template is None:
        missing = "no face detector is installed" if detect is None else "the model does not say how its faces lie"
        cure = "`translate models pull yunet` installs one, or set" if detect is None else "set"
        if height != width:
            raise ImageError(
                f"{where}: {width} x {height} pixels are no square, and {missing}; {cure} the face's square by "
                "--crop X,Y,SIDE"
            )
        return Found(alignment.of_crop(0, 0, width), (f"{missing}: the whole picture is taken as an aligned face",))
    return _detected(detect(photo), template, size, face, where)


def _detected(faces: list[Face], template: Alignment, size: int, face: int | None, where: object) -> Found:
    if not faces:
        raise ImageError(
            f"{where}: no face found; choose a photo that shows one larger and from the front, or set its square by "
            "--crop X,Y,SIDE"
        )
    chosen, notes = _chosen(faces, face, where)
    if chosen.turned:
        raise ImageError(
            f"{where}: the face is seen from the side, and the model knows faces from the front; choose another photo, "
            "or insist with --crop X,Y,SIDE"
        )
    square = alignment.of_points(chosen.points, template)
    if square.side < size / 2:
        raise ImageError(
            f"{where}: the face's square has {square.side:.0f} pixels a side; at least {size // 2} are needed for a "
            f"model of {size}, choose a larger photo"
        )
    if chosen.score < SURE:
        notes += (f"the detector is not sure (score {chosen.score:.2f}): of a drawing or a statue the result differs",)
    return Found(square, notes)


def parse_crop(text: str) -> tuple[float, float, float]:
    """x, y and side of "X,Y,SIDE".

    Raises: ConfigError for anything else.
    """
    try:
        x, y, side = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--crop {text[:80]}: expected three numbers, X,Y,SIDE, as 120,40,512") from None
    return x, y, side


def _chosen(faces: list[Face], number: int | None, where: object) -> tuple[Face, tuple[str, ...]]:
    if number is not None and not 1 <= number <= len(faces):
        raise ImageError(f"{where}: face {number} is asked for, and {len(faces)} found; --face goes from 1")
    chosen = faces[(number or 1) - 1]
    if len(faces) == 1:
        return chosen, ("one face found",)
    x, y, wide, high = chosen.box
    which = "the largest" if number is None else f"number {number}"
    place = f"{which}, {wide:.0f} x {high:.0f} pixels at {x:.0f}, {y:.0f}, is taken"
    return chosen, (f"{len(faces)} faces found; {place}; --face N chooses, the largest is 1",)


def _cropped(crop: tuple[float, float, float], width: int, height: int) -> Square:
    x, y, side = crop
    # Also false for NaN.
    if not (side >= 1 and x >= 0 and y >= 0 and x + side <= width and y + side <= height):
        raise ConfigError(
            f"--crop {_text(crop)}: the square leaves the photo of {width} x {height} pixels, or has no size"
        )
    return alignment.of_crop(x, y, side)


def _text(crop: tuple[float, float, float]) -> str:
    return ",".join(f"{value:g}" for value in crop)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
