"""Every figure that a model is measured by has words of its own, and is written with its unit."""

import pytest
import torch

from translate.metrics import segmentation
from translate.metrics.figures import FIGURES, figure, ranked


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("mean_iou", 0.6, "0.600"),
        ("mean_iou", 1.0, "1.000"),
        ("pixel_accuracy", 0.8831, "88.3 %"),
        ("copied", 0.125, "12.5 %"),
        ("psnr", 17.26, "17.3 dB"),
        ("l1", 0.2, "0.200"),
        ("kernel", 0.01234, "0.0123"),
        ("kernel", -0.0004, "-0.0004"),
        ("frechet", 62.13, "62.1"),
        ("frechet", 12345.6, "12,346"),
        ("somebody's own", 3.14159, "3.14"),
    ],
)
def test_a_figure_is_written_with_three_digits_and_its_unit(name: str, value: float, text: str) -> None:
    assert figure(name).text(value) == text


def test_an_unknown_figure_goes_by_its_own_name() -> None:
    assert (figure("edge_f1/val").title, figure("edge_f1/val").about) == ("edge f1 val", "")


def test_the_most_telling_figure_comes_first_and_unknown_ones_last() -> None:
    assert ranked(["x", "copied", "mean_iou", "a", "kernel"]) == ["mean_iou", "kernel", "copied", "x", "a"]


def test_every_figure_that_is_measured_has_words() -> None:
    measured = set(segmentation.scores(torch.eye(2, dtype=torch.int64)))
    measured |= {f"fcn_{name}" for name in measured}
    measured |= {"l1", "psnr", "ssim", "ms_ssim", "lpips", "colour_difference"}
    measured |= {"kernel", "frechet", "frechet_infinity", "inception_score", "copied", "cycle"}
    measured |= {"precision", "recall", "density", "coverage", "colour_shift", "colour_spread", "sharpness"}
    measured |= {"modes", "good", "misplaced", "in_class"}
    assert measured == set(FIGURES)
    assert all(entry.title and entry.about for entry in FIGURES.values())


def test_only_distances_have_a_name_of_their_own_among_features_of_inception() -> None:
    assert {name: entry.of_inception for name, entry in FIGURES.items() if entry.of_inception} == {
        "kernel": "KID",
        "frechet": "FID",
    }
    spaced = {"kernel", "frechet", "frechet_infinity", "precision", "recall", "density", "coverage", "inception_score"}
    assert {name for name, entry in FIGURES.items() if entry.in_space} == spaced
