"""The faces a small CLIP learns from, in memory, and its batches: changed pictures, captions, and what fits what."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from translate import images
from translate.data.captions import FRAMES, Caption, draw_caption
from translate.data.faces import CELEBA_CROP, CELEBA_SIZE, FACTS, Face
from translate.objectives.templates import TEMPLATES
from translate.trainers.features import FeaturesConfig, view

MARGIN = 1.125
"""Pictures are kept this much larger than the tower sees them, so that a shifted view is no enlarged one."""


class Faces(NamedTuple):
    """Pictures as bytes, and the facts of each."""

    pictures: Tensor
    """(N, 3, S, S) uint8."""
    facts: Tensor
    """(N, facts) int8 of -1, 0, 1."""


class Captioned(NamedTuple):
    """Changed pictures and sentences, and which of them go together."""

    pictures: Tensor
    """(N, 3, size, size) in [-1, 1]."""
    texts: list[str]
    fits: Tensor
    """(N, T) bool: all that the caption asserts is known to be so."""
    known: Tensor
    """(N, T) bool: it fits, or is known not to."""


def store(faces: Sequence[Face], size: int) -> Faces:
    """Read pictures; CelebA's aligned ones, known by their 178 x 218 pixels, are cut to the face as UTKFace's are.

    Raises: ImageError for one that can't be read.
    """
    kept = [torch.empty(0, 3, size, size, dtype=torch.uint8)]
    for face in faces:
        array = images.read_array(face.path)
        if array.shape[:2] == CELEBA_SIZE:
            left, top, right, bottom = CELEBA_CROP
            array = array[top:bottom, left:right]
        picture = images.resize(images.to_tensor(array)[None], size, size)[0]
        kept.append(torch.from_numpy(images.to_array(picture).copy()).permute(2, 0, 1)[None])
    facts = torch.tensor([face.facts for face in faces], dtype=torch.int8).view(-1, len(FACTS))
    return Faces(torch.cat(kept), facts)


def to_float(pictures: Tensor) -> Tensor:
    """Shape: (N, 3, H, W) uint8 -> float32 in [-1, 1]."""
    return pictures.float() / 127.5 - 1


def batch(faces: Faces, size: int, seed: int) -> Captioned:
    """One caption for each face, and every one of them held against every face.

    All that is drawn comes from `seed` alone, so that a resumed training sees what it would have seen.
    """
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    captions = [draw_caption(row, rng) for row in faces.facts.tolist()]
    fits, known = relate(faces.facts, torch.tensor([caption.asserts for caption in captions], dtype=torch.int8))
    pictures = changed(to_float(faces.pictures), size, generator)
    return Captioned(pictures, [sentence(caption, rng) for caption in captions], fits, known)


def relate(facts: Tensor, asserts: Tensor) -> tuple[Tensor, Tensor]:
    """Which captions fit which faces, and of which pairs anybody knows.

    A caption fits where all it asserts is a fact; it does not where one thing is the other way round.
    Shape: (N, facts), (T, facts) of -1, 0, 1 -> two bool (N, T).
    """
    f, a = facts.float(), asserts.float()
    agreeing = f @ a.T  # (N, T): facts that agree less those that don't
    decided = f.abs() @ a.abs().T
    fits = agreeing == a.abs().sum(dim=1)
    return fits, fits | (agreeing < decided)


def sentence(caption: Caption, rng: random.Random) -> str:
    """A caption in one of its own frames or of CLIP's templates: their words shall mean nothing about a face."""
    if rng.random() < 0.5:
        return rng.choice(FRAMES).format(caption.text)
    return rng.choice(TEMPLATES).format(caption.bare)


def changed(pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Mirrored, shifted, lighter or darker, some of them blurred and noisy as generated faces are.

    Shape: (N, 3, S, S) -> (N, 3, size, size), both in [-1, 1].
    """
    views = FeaturesConfig(
        crop=size, scale=(0.68, 1.0), aspect=(0.9, 1.11), light=0.12, saturation=0.25, hue=0.015, gray=0.02
    )
    x = view(pictures, views, generator)
    blurred = torch.rand(len(x), generator=generator) < 0.4
    x[blurred] = _blurred(x[blurred], 0.4 + float(torch.rand((), generator=generator)))
    strength = 0.06 * torch.rand(len(x), 1, 1, 1, generator=generator)
    return (x + strength * torch.randn(x.shape, generator=generator)).clamp(-1, 1)


def _blurred(x: Tensor, sigma: float) -> Tensor:
    at = torch.arange(-3, 4).float()
    kernel = (-(at**2) / (2 * sigma**2)).exp()
    kernel = (kernel / kernel.sum()).repeat(3, 1)  # (3, 7), one for each channel
    x = F.conv2d(F.pad(x, (3, 3, 0, 0), mode="reflect"), kernel.view(3, 1, 1, 7), groups=3)
    return F.conv2d(F.pad(x, (0, 0, 3, 3), mode="reflect"), kernel.view(3, 1, 7, 1), groups=3)
