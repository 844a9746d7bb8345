"""Several models on the same data: as each is scored alone, told as it goes, and cancelled between batches."""

from pathlib import Path

import pytest

from translate.errors import ConfigError
from translate.evaluation.evaluate import evaluate
from translate.evaluation.gallery import Gallery
from translate.evaluation.side_by_side import check_kinds, score
from translate.stopping import Cancelled


def test_models_are_scored_as_each_alone_and_progress_names_them(make_model, make_pairs):
    folders, data = [make_model(name="one"), make_model(name="other")], make_pairs({"val": 3})
    told: list[tuple[str, int, int]] = []
    gallery = Gallery()
    reports = score(
        folders, data, device="cpu", precision="fp32", gallery=gallery,
        progress=lambda folder, done, total: told.append((folder.name, done, total)),
    )  # fmt: skip
    alone = [evaluate(folder, data, device="cpu", precision="fp32") for folder in folders]
    assert [report.scores for report in reports] == [report.scores for report in alone]
    assert reports[0].scores != reports[1].scores
    assert told[0] == ("one", 0, 0)
    assert told[-1] == ("other", 3, 3)
    assert gallery.sheet(["one", "other"]).width > 0


def test_it_can_be_cancelled_between_batches(make_model, make_pairs):
    done: list[int] = []
    with pytest.raises(Cancelled):
        score(
            [make_model(name="one"), make_model(name="other")], make_pairs({"val": 3}), device="cpu",
            progress=lambda folder, count, total: done.append(count), cancelled=lambda: 1 in done,
        )  # fmt: skip
    assert done == [0, 1]


def test_models_whose_figures_are_of_other_data_are_refused(make_model, tmp_path: Path):
    with pytest.raises(ConfigError, match="was trained without pairs"):
        check_kinds([make_model(name="one"), make_model("image", name="horse", kind="cyclegan")])
    with pytest.raises(ConfigError, match="no model is chosen"):
        score([], tmp_path)
