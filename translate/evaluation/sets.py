"""Two sets of pictures as sets: distances in a feature space, manifolds, colours and sharpness.

Of every picture only its features and a few sums are kept, so that memory grows by some kilobytes a picture.
"""

from collections import Counter
from dataclasses import dataclass, field

import torch
from torch import Tensor

from translate import images
from translate.errors import ImageError
from translate.evaluation.report import SetFigures
from translate.features import FeatureSpace
from translate.metrics.appearance import add_colours, colour_shift, sharpness, sharpness_ratio
from translate.metrics.coverage import density_coverage
from translate.metrics.estimate import Estimate
from translate.metrics.frechet import Statistics, frechet_distance, frechet_infinity, undersampled
from translate.metrics.inception_score import inception_score
from translate.metrics.kernel import kernel_distance, kernel_estimate
from translate.metrics.precision_recall import precision_recall

BATCH = 16
"""Pictures that the extractor sees at a time, whatever batches they come in: figures depend on nothing but pictures."""
PIXELS = 1 << 20
"""Whose colours are taken in at a time: in float64 a large photo's are many times the photo."""
SPLITS = 10
"""Parts of an Inception Score, as the paper has it."""
NEIGHBOURS, COVERED = 3, 5
"""The k of precision and recall, and that of density and coverage: each paper's own."""
SEED = 0
"""Draws the subsets of the extrapolated distance, so that the same pictures give the same figure."""


@dataclass(slots=True)
class PictureSet:
    """Takes in one set, batch by batch; pictures of any sizes, gray or RGB."""

    space: FeatureSpace
    colours: Statistics = field(default_factory=Statistics)
    sharp: list[Tensor] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    _found: list[Tensor] = field(default_factory=list)
    _waiting: list[Tensor] = field(default_factory=list)

    def add(self, pictures: Tensor) -> None:
        """Take in a batch. Shape: (N, 1 or 3, H, W) in [-1, 1].

        Raises: ImageError for another shape or values that are not finite.
        """
        if not bool(pictures.isfinite().all()):
            raise ImageError("a picture holds values that are not finite; the model that made it has diverged")
        height, width = pictures.shape[-2:]
        self._waiting += images.resize(pictures, self.space.size, self.space.size).split(1)
        while len(self._waiting) >= BATCH:
            self._see(BATCH)
        for rows in pictures.split(max(1, PIXELS // (len(pictures) * width)), dim=2):
            add_colours(self.colours, rows)
        self.sharp.append(sharpness(pictures) if min(height, width) >= 3 else torch.full((len(pictures),), torch.nan))
        self.sizes[height, width] += len(pictures)

    @property
    def features(self) -> Tensor:
        """Of all pictures so far, in order. Shape: (N, D)."""
        self._see(len(self._waiting))
        return torch.cat(self._found)

    def __len__(self) -> int:
        return sum(self.sizes.values())

    def _see(self, count: int) -> None:
        if count:
            self._found.append(self.space(torch.cat(self._waiting[:count])))
            del self._waiting[:count]


def compare(judged: PictureSet, real: PictureSet) -> SetFigures:
    """Every figure that sets of this many pictures have; a note names those that need more.

    Raises: ImageError as `PictureSet.add` does.
    """
    scores: dict[str, float] = {}
    errors: dict[str, float] = {}
    biased: list[str] = []
    notes: list[str] = []
    space = ""
    if min(len(judged), len(real)) >= 2:
        space, of_judged, of_real = judged.space.name, judged.features, real.features
        scores, errors = _distances(of_judged, of_real)
        biased += ["frechet"] if undersampled(of_judged, of_real) else []
        manifolds, notes = _manifolds(of_judged, of_real)
        score = _inception_score(judged.space, of_judged)
        if score is not None:
            manifolds["inception_score"], errors["inception_score"] = score.value, score.error
            # A part with fewer pictures than there are classes can't show them all.
            biased += ["inception_score"] if len(of_judged) < SPLITS * 1000 else []
        scores |= manifolds
    else:
        notes.append("no distances between the sets: they need 2 pictures of each")
    looks, unlike = _looks(judged, real)
    return SetFigures(
        space=space,
        counts=(len(judged), len(real)),
        scores=scores | looks,
        errors=errors,
        biased=tuple(biased),
        notes=(*notes, *unlike),
    )


def _distances(judged: Tensor, real: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Distances and the error bars there are. Shape: (N, D) and (M, D), N and M >= 2."""
    fewest, errors = min(len(judged), len(real)), {}
    if fewest >= 3:
        kernel, errors["kernel"], _ = kernel_estimate(judged, real)
    else:
        kernel = kernel_distance(judged, real)
    scores = {"kernel": kernel, "frechet": frechet_distance(judged, real)}
    if fewest >= max(4, 2 * judged.shape[1]):
        scores["frechet_infinity"] = frechet_infinity(judged, real, torch.Generator().manual_seed(SEED)).value
    return scores, errors


def _manifolds(judged: Tensor, real: Tensor) -> tuple[dict[str, float], list[str]]:
    scores: dict[str, float] = {}
    notes = []
    fewest = min(len(judged), len(real))
    if fewest > NEIGHBOURS:
        precision, recall, _ = precision_recall(real, judged, NEIGHBOURS)
        scores |= {"precision": precision, "recall": recall}
    else:
        notes.append(f"no precision and recall: they need {NEIGHBOURS + 1} pictures of each set")
    if fewest > COVERED:
        density, coverage, _ = density_coverage(real, judged, COVERED)
        scores |= {"density": density, "coverage": coverage}
    else:
        notes.append(f"no density and coverage: they need {COVERED + 1} pictures of each set")
    return scores, notes


def _inception_score(space: FeatureSpace, judged: Tensor) -> Estimate | None:
    if space.classify is None or len(judged) < 2 * SPLITS:
        return None
    # A folder is sorted by name, and names often by what is shown.
    return inception_score(space.classify(judged), SPLITS, torch.Generator().manual_seed(SEED))


def _looks(judged: PictureSet, real: PictureSet) -> tuple[dict[str, float], list[str]]:
    """Colours and sharpness; of the latter only where pictures are of the same sizes."""
    scores = {}
    if min(judged.colours.count, real.colours.count) >= 2:
        shift = colour_shift(real.colours, judged.colours)
        scores = {"colour_shift": shift.mean, "colour_spread": shift.spread}
    single = len(judged.sizes) == 1 and judged.sizes.keys() == real.sizes.keys()
    if not single and judged.sizes != real.sizes:
        return scores, ["no sharpness: the sets' pictures differ in size, and only pictures of one size compare"]
    values = [torch.cat(part.sharp) for part in (judged, real)]
    if any(bool(part.isnan().any()) for part in values):
        return scores, ["no sharpness: it needs 3 pixels a side"]
    return scores | {"sharpness": sharpness_ratio(*values)}, []


def told(figures: SetFigures, what: str) -> str:
    """How many pictures were compared and where, as a protocol ends with."""
    judged, real = figures.counts
    return f"{judged} {what} against {real} real pictures, in the feature space {figures.space}"
