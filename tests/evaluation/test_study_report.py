"""A study's report: the table, what is said below it, the sheet, and what is left out of what is handed on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from translate import checkpoints
from translate.catalog import RUN_FILE
from translate.config import HoldOut, read
from translate.evaluation import study as module
from translate.evaluation.study import Study, asked, folder, study
from translate.evaluation.study_grids import GRIDS
from translate.evaluation.study_report import by_cell, table, write_report
from translate.evaluation.study_run import Row
from translate.inference.translator import Translator
from translate.trainers import run

SIDE = 16
TINY: dict[str, Any] = {
    "generator.filters": 2,
    "generator.depth": 2,
    "generator.dropout": 0.0,
    "discriminator.filters": 2,
    "discriminator.layers": 1,
    "data.size": SIDE,
    "data.load_size": SIDE,
    "data.crop": SIDE,
    "data.holdout": 2,
    "workers": 0,
    "precision": "fp32",
}
FACTS: dict[str, Any] = {"preset": "", "seconds": 60.0, "against": ""}


def _row(name: str, seed: int = 0, **changes: Any) -> Row:
    values = {"name": name, "seed": seed, "steps": 100, "ms_a_step": 50.0, "peak_memory_mib": 100.0, "figures": {}}
    return Row(**FACTS | values | changes)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are trained in this process."""
    monkeypatch.setattr(module, "alone", lambda action, *arguments: action(*arguments))
    cells = {"L1": {"objective.lambda_gan": 0.0}, "L1+cGAN": {}}
    monkeypatch.setitem(GRIDS, "tiny", {name: ("pix2pix", TINY | own) for name, own in cells.items()})
    monkeypatch.setitem(GRIDS, "points", {name: ("mixture", {"generator.filters": 4}) for name in ("one", "two")})


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Five pairs of 16 x 16 pictures."""
    random = np.random.default_rng(0)
    for side in "ab":
        (tmp_path / "data" / side).mkdir(parents=True)
        for number in range(5):
            picture = np.kron(random.integers(0, 256, (4, 4, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
            Image.fromarray(picture).save(tmp_path / "data" / side / f"{number}.png")
    return tmp_path / "data"


def test_the_table_has_a_row_a_cell_and_a_dash_where_there_is_no_figure():
    rows = [
        _row("Cycle", steps=1200, ms_a_step=49.6, peak_memory_mib=1234.5, figures={"copied": 0.5, "cycle": 0.1}),
        _row("Cut", steps=80, ms_a_step=750.0, peak_memory_mib=None, figures={"copied": 0.25}),
    ]
    assert table({row.name: [row] for row in rows}, {}).splitlines() == [
        "|  | runs | ms a step | steps | peak MiB | left as it was | lost there and back |",
        "|---|---|---|---|---|---|---|",
        "| Cycle | 1 | 50 | 1,200 | 1,234 | 50.0 % | 0.100 |",
        "| Cut | 1 | 750 | 80 | - | 25.0 % | - |",
    ]


def test_several_seeds_have_a_mean_and_an_interval():
    """0.1, 0.2 and 0.3 of three seeds: 20 % +- 4.3027 x 10 / sqrt(3) = 24.8 %; PSNR 11 of two: +- 12.706."""
    rows = [_row("one", seed, figures={"copied": 0.1 * (seed + 1)}, ms_a_step=40.0 + seed) for seed in range(3)]
    others = [_row("two", seed, figures={"psnr": 10.0 + 2 * seed}) for seed in range(2)]
    lines = table({"one": rows, "two": others}, {"psnr": 15.0}).splitlines()[2:]
    assert lines == [
        "| one | 3 | 41 | 100 | 100 | - | 20.0 ± 24.8 % |",
        "| two | 2 | 50 | 100 | 100 | 11.0 ± 12.7 dB | - |",
        "| real photos | - | - | - | - | 15.0 dB | - |",
    ]


def test_runs_that_failed_are_counted_and_left_out_of_the_means():
    good, bad = _row("one", 0, figures={"copied": 0.5}), _row("one", 1, failed="diverged: x", steps=60)
    never = _row("two", 0, failed="can't be trained: y", steps=0, ms_a_step=0.0, peak_memory_mib=None)
    lines = table({"one": [good, bad], "two": [never]}, {}).splitlines()[2:]
    assert lines == ["| one | 1 of 2 | 50 | 80 | 100 | 50.0 % |", "| two | 0 of 1 | - | - | - | - |"]


def test_only_the_seeds_and_cells_asked_for_are_reported():
    rows = tuple(_row(name, seed) for seed in (1, 0, 2) for name in ("one", "two"))
    values = {"grid": "x", "steps": 10, "seeds": 2, "changes": {}, "source": {}, "machine": {}}
    found = by_cell(asked(values).model_copy(update={"rows": rows}), ["two"])
    assert [(row.name, row.seed) for row in found["two"]] == [("two", 0), ("two", 1)]


@pytest.mark.usefixtures("here")
def test_a_report_of_pairs_shows_inputs_translations_and_targets(pairs: Path, tmp_path: Path):
    out, to = tmp_path / "out", tmp_path / "report"
    done, cells = study(
        asked({"grid": "tiny", "steps": 10, "seeds": 2, "changes": {}, "source": {"root": pairs}}), out, device="cpu"
    )
    names = write_report(done, cells, out, to=to, device="cpu")
    assert names == ["study.md", "figures.png", "curves.png", "study.png"]
    page = (out / "study.md").read_text()
    for fact in (
        "2 held-out pairs",
        "Student's t",
        "| L1+cGAN | 2 |",
        "![study](study.png)",
        "objective.lambda_gan=0.0",
    ):
        assert fact in page
    sheet = np.asarray(Image.open(out / "study.png").convert("RGB"))
    assert sheet.shape == (4 + 18 + 2 * 20, 4 + 4 * 20, 3)  # gap 4, titles in letters of 12, cells of 16
    held: HoldOut | None = read(run.RunRecord, folder(out, "L1", 0) / RUN_FILE).held_out
    assert held is not None
    for row, name in enumerate(held.names):
        cells_shown = [sheet[22 + 20 * row : 38 + 20 * row, 4 + 20 * n : 20 + 20 * n] for n in range(4)]
        assert np.array_equal(cells_shown[0], np.asarray(Image.open(pairs / "a" / f"{name}.png")))
        assert np.array_equal(cells_shown[3], np.asarray(Image.open(pairs / "b" / f"{name}.png")))
        model = Translator.load(folder(out, "L1+cGAN", 0) / "last", device="cpu")
        assert np.array_equal(cells_shown[2], np.asarray(model.run(pairs / "a" / f"{name}.png").image))


@pytest.mark.usefixtures("here")
def test_what_is_handed_on_has_no_picture_of_the_data_and_no_path(pairs: Path, tmp_path: Path):
    out, to = tmp_path / "out", tmp_path / "report"
    asked_for = asked({"grid": "tiny", "steps": 10, "changes": {}, "source": {"root": pairs}})
    done, cells = study(asked_for, out, device="cpu")
    write_report(done, cells, out, to=to, device="cpu")
    assert sorted(path.name for path in to.iterdir()) == [
        "curves.png", "figures.png", "study.json", "study.md", "study.png",
    ]  # fmt: skip
    whole, shown = (np.asarray(Image.open(place / "study.png").convert("RGB")) for place in (out, to))
    assert np.array_equal(shown[22:, 4:40], whole[22:, 24:60])  # the two cells alone
    assert shown.shape[1] == 4 + 2 * 20
    for name in ("study.json", "study.md"):
        assert str(tmp_path) not in (to / name).read_text()
    assert json.loads((to / "study.json").read_text())["source"]["root"] == "data"
    assert read(Study, out / "study.json").source.root == pairs


@pytest.mark.usefixtures("here")
def test_a_report_of_points_shows_them_on_their_modes(tmp_path: Path):
    values = {"grid": "points", "steps": 10, "changes": {"discriminator.filters": 4}, "source": {}}
    done, cells = study(asked(values), tmp_path, device="cpu")
    assert "study.png" in write_report(done, cells, tmp_path, device="cpu")
    page = (tmp_path / "study.md").read_text()
    assert "2,500 points of 8 modes" in page
    assert "modes reached" in page
    assert Image.open(tmp_path / "study.png").width > 400


@pytest.mark.usefixtures("here")
def test_a_study_that_failed_altogether_has_a_report_without_pictures(tmp_path: Path):
    values = {"grid": "points", "steps": 10, "changes": {}, "source": {}}
    rows = (_row("one", failed="diverged: x", steps=5), _row("two", failed="diverged: x", steps=5))
    done = asked(values).model_copy(update={"rows": rows, "machine": {"threads": 1, "cores": 1, "processor": "p"}})
    done = done.model_copy(update={"machine": {**done.machine, "torch": "2", "device": "cpu"}})
    checkpoints.write_json(tmp_path / "study.json", done.model_dump(mode="json"))
    assert write_report(done, {}, tmp_path, device="cpu") == ["study.md"]
