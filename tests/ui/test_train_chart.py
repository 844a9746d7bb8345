"""The curves of the Train tab."""

import re

import pytest

from translate.ui.train_chart import charts, headlines, loss_title, nice, quality_title, thinned


def test_a_curve_is_drawn_where_its_values_say() -> None:
    svg = charts({"gen/l1": [(0, 0.0), (50, 10.0), (100, 5.0)]}, {}, 100)
    (points,) = re.findall(r'points="([^"]+)"', svg)
    assert points == "44.0,130.0 177.0,8.0 310.0,69.0"
    assert 'aria-label="generator · L1 loss: 0 at step 0, 5 at step 100"' in svg
    assert "100 steps" in svg


def test_without_a_log_nothing_is_drawn() -> None:
    assert charts({}, {}, 100) == ""


def test_quality_stands_before_losses_and_single_classes_are_left_out() -> None:
    figures = {"iou road": [(1, 0.5)], "pixel_accuracy": [(1, 0.9)], "mean_iou": [(1, 0.5)]}
    svg = charts({"gen/ce": [(1, 2.0)]}, figures, 9)
    assert re.findall(r"<span>(.*?)</span>", svg) == ["mean IoU", "pixel accuracy", "generator · CE loss"]


def test_both_directions_of_a_headline_are_shown() -> None:
    names = ["AtoB/kernel", "AtoB/cycle", "BtoA/kernel", "BtoA/cycle"]
    assert headlines(names) == ["AtoB/kernel", "BtoA/kernel", "AtoB/cycle", "BtoA/cycle"]
    assert quality_title("BtoA/kernel") == "kernel distance · BtoA"


@pytest.mark.parametrize(
    ("name", "title"),
    [("disc_a/gan", "discriminator A · GAN loss"), ("gen/cycle_a", "generator · cycle a loss"), ("loss", "loss loss")],
)
def test_a_loss_is_told_in_words(name: str, title: str) -> None:
    assert loss_title(name) == title


def test_names_from_a_log_are_escaped() -> None:
    assert "<script>" not in charts({"<script>": [(1, 1.0)]}, {"<script>": [(1, 1.0)]}, 1)


def test_a_long_curve_keeps_its_ends_and_its_means() -> None:
    curve = [(n, float(n)) for n in range(1201)]
    found = thinned(curve)
    assert len(found) <= 120
    assert (found[0], found[-1]) == ((0, 0.0), (1200, 1200.0))
    assert all(value == pytest.approx(step) for step, value in found)
    assert thinned(curve[:120]) == curve[:120]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.0, 10.0, [0, 5, 10]), (0.71, 0.79, [0.72, 0.74, 0.76, 0.78]), (3.0, 3.0, [3.0]), (-1.0, 1.0, [-1, 0, 1])],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert nice(low, high) == pytest.approx(ticks)
