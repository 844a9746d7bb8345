"""Plots: what is averaged, where labels go, and what is in the pictures."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from translate.evaluation import plots
from translate.evaluation.intervals import interval


def _records(values: dict[int, float], name: str = "gen/l1", kind: str = "train") -> list[dict[str, Any]]:
    return [{"kind": kind, "step": step, name: value} for step, value in values.items()]


def _colours(path: Path) -> set[tuple[int, int, int]]:
    return {tuple(pixel) for pixel in np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3).tolist()}


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def test_a_curve_is_the_mean_over_runs_at_the_steps_all_of_them_reached():
    runs = [_records({1: 1.0, 2: 2.0, 3: 9.0}), _records({1: 3.0, 2: 4.0})]
    assert plots.curve(runs, "gen/l1") == [(1, 2.0), (2, 3.0)]


def test_a_curve_of_many_steps_is_smoothed_by_means_of_neighbours():
    """120 steps make 60 points; the first is the mean of the steps 1 and 2."""
    points = plots.curve([_records({step: float(step) for step in range(1, 121)})], "gen/l1")
    assert len(points) == plots.POINTS
    assert points[0] == (2, 1.5)


def test_a_curve_leaves_out_what_is_not_finite_and_other_kinds():
    records = _records({1: 1.0, 2: math.nan}) + _records({3: 5.0}, kind="validation")
    assert plots.curve([records], "gen/l1") == [(1, 1.0)]
    assert plots.curve([records], "gen/l1", kind="validation") == [(3, 5.0)]


@pytest.mark.parametrize(
    ("wanted", "placed"),
    [
        ([0.2, 0.5], [0.2, 0.5]),
        ([0.5, 0.5], [0.45, 0.55]),
        ([0.52, 0.5, 0.1], [0.56, 0.46, 0.1]),
        ([1.0, 1.0, 0.3], [0.9, 1.0, 0.3]),
        ([], []),
    ],
)
def test_labels_that_would_overlap_move_apart_and_stay_below_the_top(wanted: list[float], placed: list[float]):
    assert plots.spread(wanted, 0.1) == pytest.approx(placed)


def test_many_labels_keep_their_order_and_distance():
    wanted = torch.rand(12, generator=torch.Generator().manual_seed(0)).tolist()
    placed = plots.spread(wanted, 0.06)
    assert [wanted.index(value) for value in sorted(wanted)] == [placed.index(value) for value in sorted(placed)]
    assert min(np.diff(sorted(placed))) >= 0.06 - 1e-9


def test_curves_have_a_panel_for_each_loss_and_norm_and_a_line_for_each_cell(tmp_path: Path):
    both = [{"kind": "train", "step": n, "gen/l1": 1.0 / n, "norm/generator": 10.0**n, "lr": 1.0} for n in range(1, 9)]
    cells = {"one": [both], "two": [_records({1: 2.0, 8: 1.0})]}
    assert plots.logged(cells) == ["gen/l1", "norm/generator"]
    assert plots.save_curves(cells, tmp_path / "curves.png") == ["curves.png"]
    assert {_rgb(colour) for colour in plots.COLOURS[:2]} <= _colours(tmp_path / "curves.png")
    assert _rgb(plots.COLOURS[2]) not in _colours(tmp_path / "curves.png")


def test_where_nothing_was_logged_nothing_is_drawn(tmp_path: Path):
    assert plots.save_curves({"one": []}, tmp_path / "curves.png") == []
    assert plots.save_dots({"one": {}}, {}, tmp_path / "dots.png", reference="real") == []
    once = {"one": [_records({1: 1.0}, "modes", "validation")]}
    assert plots.save_paths(once, "modes", tmp_path / "paths.png", kind="validation") == []
    assert not list(tmp_path.iterdir())


def test_cells_that_share_a_word_share_a_panel(tmp_path: Path):
    path = _records({1: 0.1, 2: 0.9}, "modes", "validation")
    words = {f"{word}_{bound}": [path] for word in ("hinge", "wgan") for bound in ("free", "r1", "gp")}
    single = {f"cell-{number}": [path] for number in range(6)}
    for name, cells in (("shared", words), ("alone", single)):
        assert plots.save_paths(cells, "modes", tmp_path / f"{name}.png", kind="validation") == [f"{name}.png"]
    shared, alone = (Image.open(tmp_path / f"{name}.png") for name in ("shared", "alone"))
    assert shared.height * 2 == alone.height  # two panels are one row, six are two


def test_dots_show_means_intervals_and_the_line_of_the_real_photos(tmp_path: Path):
    cells = {"one": {"psnr": interval([10.0, 12.0])}, "two": {"psnr": interval([11.0]), "ssim": interval([0.5])}}
    assert plots.save_dots(cells, {"psnr": 15.0}, tmp_path / "dots.png", reference="real") == ["dots.png"]
    drawn = _colours(tmp_path / "dots.png")
    assert {_rgb(colour) for colour in plots.COLOURS[:2]} <= drawn


def test_points_are_drawn_on_their_modes(tmp_path: Path):
    centres = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert plots.save_points({"one": centres.repeat(20, 1)}, centres, tmp_path / "points.png") == ["points.png"]
    picture = np.asarray(Image.open(tmp_path / "points.png").convert("RGB")).astype(int)
    blue = np.argwhere((picture[..., 2] - picture[..., 0]) > 60)
    assert np.ptp(blue[:, 0]) < 8  # one height
    assert np.ptp(blue[:, 1]) > 50  # two places
