"""Whether two pictures show the same person: an embedding of unit length, whose name every figure bears.

Our own is made of what the model's discriminator or encoder sees: it takes notice of features, hair and light alike, so
its cosines say how much of a face was kept, and are no proof of a person. SFace, a network trained to tell persons
apart, is for figures alone: OpenCV runs it, and no gradient comes back from there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from translate import catalog, checkpoints, images
from translate.checkpoints import ENCODER, sha256
from translate.config import Alignment
from translate.devices import pictures_at_once
from translate.editing import alignment
from translate.errors import CheckpointError
from translate.features import FOLDER
from translate.interop.measures import SFACE, SFACE_DIGEST
from translate.trainers import discriminator

COARSEST = 2
"""How many of a network's maps are taken, from its last on."""
SFACE_SIZE = 112
SFACE_POINTS = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""Where SFace wants the five points of a face, in its 112 pixels (Deng 2019, ArcFace)."""


class Identity(Protocol):
    """An embedding of faces; `name` says by which network."""

    @property
    def name(self) -> str:
        """Of the network, and whose it is."""

    def __call__(self, image: Tensor) -> Tensor:
        """Shape: (N, 3, H, W) in [-1, 1] -> (N, E) of length 1."""


@dataclass(frozen=True, slots=True)
class FeatureIdentity:
    """The coarsest maps of a network, each less its mean over faces, as one vector of length 1; differentiable.

    Shape: (N, 3, H, W) in [-1, 1] -> (N, E).
    """

    name: str
    features: Callable[[Tensor], Sequence[Tensor]]
    size: int
    centre: Tensor
    """The mean over faces: what all faces share tells none of them apart. Shape: (E,)."""

    def __call__(self, image: Tensor) -> Tensor:
        """Embed pictures of any size."""
        with torch.autocast(image.device.type, enabled=False):
            return F.normalize(_flat(self.features, self.size, image) - self.centre, dim=1)


def feature_identity(
    name: str, features: Callable[[Tensor], Sequence[Tensor]], size: int, faces: Tensor
) -> FeatureIdentity:
    """The identity whose centre is the mean of `faces`. Shape: (N, 3, H, W) in [-1, 1]."""
    with torch.no_grad():
        parts = faces.split(pictures_at_once(size, 64))
        centre = torch.cat([_flat(features, size, part) for part in parts]).mean(dim=0)
    return FeatureIdentity(name, features, size, centre)


def load_identity(folder: Path, faces: Tensor, device: torch.device | None = None) -> FeatureIdentity:
    """Our own embedding for the model in `folder`, by its encoder, else by its discriminator.

    `faces` are pictures that the model makes, at least a few dozen: their mean is the embedding's centre.
    Shape: faces (N, 3, R, R) in [-1, 1].
    Raises: CheckpointError when the model has neither.
    """
    place = device or torch.device("cpu")
    if checkpoints.holds_part(folder, ENCODER):
        encoder, config = checkpoints.load_encoder(folder / ENCODER)
        return feature_identity(f"encoder of {config.name}", encoder.to(place).features, config.size, faces.to(place))
    found = discriminator.find(folder)
    if found is None:
        raise CheckpointError(f"{folder}: holds no encoder and no discriminator to tell faces apart by")
    judge = found[0].to(place)
    return feature_identity(f"discriminator of {found[1].name}", judge.features, judge.resolution, faces.to(place))


class SFace:
    """SFace (Zhong 2021) through OpenCV, of pictures whose faces lie as `template` says; no gradient passes it.

    Shape: (N, 3, H, W) in [-1, 1] -> (N, 128).
    Raises: CheckpointError when the file is missing, not the published one, or OpenCV can't read it; and for a
    template that does not say where the five points lie.
    """

    name = "SFace 2021dec"

    def __init__(self, template: Alignment) -> None:
        if template.kind != "points":
            raise CheckpointError(
                f"{self.name} needs to know where the five points of a face lie; the model has {template.kind}"
            )
        path = catalog.home() / FOLDER / SFACE
        if not path.is_file():
            raise CheckpointError(f"{path}: no such file; fetch it with `translate models pull sface`")
        if (found := sha256(path)) != SFACE_DIGEST:
            raise CheckpointError(f"{path}: its SHA-256 starts {found[:8]}, not {SFACE_DIGEST[:8]}; fetch it again")
        wanted = Alignment(points=tuple((x / SFACE_SIZE, y / SFACE_SIZE) for x, y in SFACE_POINTS))
        self.square = alignment.of_points(template.points, wanted)
        data = np.frombuffer(path.read_bytes(), np.uint8)
        try:
            self.network: Any = cv2.FaceRecognizerSF.create("onnx", data, np.empty(0, np.uint8))
        except cv2.error as error:
            raise CheckpointError(f"{path}: OpenCV can't read it ({' '.join(str(error).split())[:120]})") from None

    def __call__(self, image: Tensor) -> Tensor:
        """Embed pictures of any size."""
        rows = [torch.from_numpy(self.network.feature(self._aligned(picture)).copy()) for picture in image]
        return F.normalize(torch.cat(rows).flatten(1).float(), dim=1)

    def _aligned(self, picture: Tensor) -> images.Array:
        """Shape: (3, H, W) -> (112, 112, 3) bytes, BGR as OpenCV takes it."""
        side, square = picture.shape[-1], self.square
        placed = alignment.Square(square.x * side, square.y * side, square.half_x * side, square.half_y * side)
        face = alignment.cut(images.to_array(picture), placed, SFACE_SIZE)
        return np.ascontiguousarray(images.to_array(face[0])[..., ::-1])


def _flat(features: Callable[[Tensor], Sequence[Tensor]], size: int, image: Tensor) -> Tensor:
    x = image.float()
    if x.shape[-2:] != (size, size):
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
    # Each map of length 1: otherwise the one with the largest numbers would be all that counts.
    return torch.cat([F.normalize(m.flatten(1), dim=1) for m in features(x)[-COARSEST:]], dim=1)
