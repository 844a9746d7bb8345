"""Figures of two sets: what the metrics give for features made by hand, however the pictures come in."""

import math

import pytest
import torch
from torch import Tensor

from translate.errors import ImageError
from translate.evaluation import sets
from translate.evaluation.sets import BATCH, PictureSet, compare
from translate.features import FeatureSpace
from translate.metrics.coverage import density_coverage
from translate.metrics.frechet import frechet_distance, frechet_infinity
from translate.metrics.kernel import kernel_estimate
from translate.metrics.precision_recall import precision_recall

CPU = torch.device("cpu")
COLOUR = FeatureSpace("mean-colour-3@8px", 8, lambda x: x.mean(dim=(2, 3)), CPU)
"""A picture's features are its mean red, green and blue."""


def _flat(colours: Tensor, size: tuple[int, int] = (8, 8)) -> Tensor:
    """Pictures of one colour each. Shape: (N, 3) -> (N, 3, H, W)."""
    return colours[:, :, None, None].expand(-1, -1, *size).contiguous()


def _colours(count: int, seed: int = 0, low: float = -0.9) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return low + (0.9 - low) * torch.rand(count, 3, generator=random)


def _set(*batches: Tensor, space: FeatureSpace = COLOUR) -> PictureSet:
    found = PictureSet(space)
    for batch in batches:
        found.add(batch)
    return found


def test_distances_and_manifolds_are_the_metrics_of_the_features():
    judged, real = _colours(9), _colours(7, seed=1, low=-0.2)
    found = compare(_set(_flat(judged)), _set(_flat(real)))
    value, error, _ = kernel_estimate(judged, real)
    precision, recall, _ = precision_recall(real, judged, 3)
    density, coverage, _ = density_coverage(real, judged, 5)
    extrapolated = frechet_infinity(judged, real, torch.Generator().manual_seed(0)).value
    expected = {"kernel": value, "frechet": frechet_distance(judged, real), "frechet_infinity": extrapolated}
    expected |= {"precision": precision, "recall": recall, "density": density, "coverage": coverage}
    assert {name: found.scores[name] for name in expected} == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert found.errors == pytest.approx({"kernel": error}, rel=1e-5)
    assert (found.space, found.counts, found.notes) == ("mean-colour-3@8px", (9, 7), ())


def test_a_set_beside_itself_is_not_apart():
    pictures = _flat(_colours(8))
    found = compare(_set(pictures), _set(pictures)).scores
    assert found["frechet"] == pytest.approx(0, abs=1e-9)
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
    assert (found["colour_shift"], found["colour_spread"]) == pytest.approx((0, 0), abs=1e-5)


def test_the_figures_do_not_depend_on_how_the_pictures_come_in():
    random = torch.Generator().manual_seed(0)
    pictures = torch.rand(2 * BATCH + 3, 3, 20, 12, generator=random) * 2 - 1
    others = _set(torch.rand(9, 3, 20, 12, generator=random) - 1)
    whole, single = _set(pictures), _set(*pictures.split(1))
    assert torch.equal(whole.features, single.features)
    odd = compare(_set(*pictures.split([7, 20, 8])), others)
    assert odd.scores == pytest.approx(compare(whole, others).scores, rel=1e-9)


def test_no_more_pictures_than_a_batch_are_kept():
    found = PictureSet(COLOUR)
    for batch in _flat(_colours(50), (64, 64)).split(3):
        found.add(batch)
        assert len(found._waiting) < BATCH
        assert all(kept.shape == (1, 3, 8, 8) for kept in found._waiting)
    assert len(found) == len(found.features) == 50


def test_colours_of_a_large_picture_are_taken_in_by_parts(monkeypatch: pytest.MonkeyPatch):
    picture = torch.rand(1, 3, 30, 20, generator=torch.Generator().manual_seed(0)) * 2 - 1
    whole = _set(picture).colours
    monkeypatch.setattr(sets, "PIXELS", 70)
    parts = _set(picture).colours
    assert parts.count == whole.count == 600
    assert torch.allclose(parts.mean, whole.mean, atol=1e-9)
    assert torch.allclose(parts.covariance, whole.covariance, rtol=1e-6, atol=1e-6)


def test_white_beside_black_is_shifted_by_a_hundred():
    """CIE Lab: L is 0 for black and 100 for white, a and b are 0 for both."""
    white, black = (_set(_flat(torch.full((2, 3), level))) for level in (1.0, -1.0))
    found = compare(white, black).scores
    assert found["colour_shift"] == pytest.approx(100, abs=0.01)
    assert found["colour_spread"] == pytest.approx(0, abs=0.01)


def test_half_the_contrast_is_a_quarter_of_the_sharpness():
    real = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert compare(_set(real / 2), _set(real)).scores["sharpness"] == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize(
    ("judged", "real", "compares"),
    [
        ([(16, 16)], [(16, 16)], True),
        ([(16, 16)], [(16, 12)], False),
        ([(16, 16), (9, 12)], [(9, 12), (16, 16)], True),
        ([(16, 16), (9, 12)], [(9, 12), (9, 12)], False),
    ],
)
def test_sharpness_is_of_pictures_of_the_same_sizes_alone(judged, real, compares: bool):
    random = torch.Generator().manual_seed(0)
    parts = [
        _set(*(torch.rand(1, 3, *size, generator=random) for size in sizes for _ in range(2)))
        for sizes in (judged, real)
    ]
    found = compare(*parts)
    assert ("sharpness" in found.scores) == compares
    assert any("differ in size" in note for note in found.notes) != compares


@pytest.mark.parametrize(
    ("count", "absent", "notes"),
    [
        (1, {"kernel", "frechet", "precision", "density"}, ["no distances"]),
        (2, {"precision", "density"}, ["no precision", "no density"]),
        (3, {"precision", "density"}, ["no precision", "no density"]),
        (4, {"density"}, ["no density"]),
        (5, {"density"}, ["no density"]),
        (6, set(), []),
    ],
)
def test_what_needs_more_pictures_is_left_out_and_told(count: int, absent: set[str], notes: list[str]):
    found = compare(_set(_flat(_colours(count))), _set(_flat(_colours(6, seed=1))))
    assert {"kernel", "frechet", "precision", "density"} - found.scores.keys() == absent
    assert [note.split(" and ")[0].split(" between")[0] for note in found.notes] == notes
    assert ("kernel" in found.errors) == (count >= 3)
    assert found.space == ("" if count == 1 else COLOUR.name)
    assert "colour_shift" in found.scores


@pytest.mark.parametrize(("count", "biased", "extrapolated"), [(3, True, False), (4, False, False), (6, False, True)])
def test_a_frechet_distance_of_no_more_pictures_than_features_is_flagged(count: int, biased: bool, extrapolated: bool):
    """The space has 3 features; the line through subsets needs twice as many pictures."""
    found = compare(_set(_flat(_colours(count))), _set(_flat(_colours(20, seed=1))))
    assert found.biased == (("frechet",) if biased else ())
    assert ("frechet_infinity" in found.scores) == extrapolated


def test_an_inception_score_is_of_the_judged_set_in_a_space_that_classifies():
    def by_red(features: Tensor) -> Tensor:
        share = (features[:, :1] > 0).float()
        return torch.cat([share, 1 - share], dim=1)

    space = FeatureSpace("sure", 8, COLOUR.network, CPU, by_red)
    red = _colours(40)
    red[:, 0] = 0.5
    one_kind = compare(_set(_flat(red), space=space), _set(_flat(_colours(8)), space=space))
    assert (one_kind.scores["inception_score"], one_kind.errors["inception_score"]) == (1.0, 0.0)
    assert "inception_score" in one_kind.biased
    red[::2, 0] = -0.5
    two_kinds = compare(_set(_flat(red), space=space), _set(_flat(_colours(8)), space=space))
    assert 1.2 < two_kinds.scores["inception_score"] <= 2
    few = compare(_set(_flat(red[:19]), space=space), _set(_flat(_colours(8)), space=space))
    assert "inception_score" not in few.scores
    assert "inception_score" not in compare(_set(_flat(red)), _set(_flat(_colours(8)))).scores


def test_gray_pictures_are_a_set_too_and_broken_ones_are_refused():
    gray = torch.linspace(-0.9, 0.9, 4)[:, None, None, None].expand(-1, 1, 8, 8)
    found = compare(_set(gray), _set(gray.expand(-1, 3, -1, -1)))
    assert found.scores["frechet"] == pytest.approx(0, abs=1e-9)
    assert not math.isnan(found.scores["colour_shift"])
    with pytest.raises(ImageError, match="not finite"):
        _set(torch.full((1, 3, 8, 8), torch.nan))
