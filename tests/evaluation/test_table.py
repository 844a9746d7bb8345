"""Tables and the page: every figure with its counts, its space and its error, and what a reader has to know."""

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from translate.errors import ConfigError
from translate.evaluation import page
from translate.evaluation.gallery import Gallery
from translate.evaluation.report import ClassScore, Report
from translate.evaluation.table import facts, grouped, indented, number, rows, titles, unlike
from translate.interop import inception

SPACE = "here-128@96px-0123abcd"


def _report(name: str = "there", **changes: object) -> Report:
    known: dict[str, object] = {
        "model": name,
        "sha256": f"{name}-0123456789",
        "target": "domain",
        "data": "animals",
        "split": "val",
        "protocol": "at 128 x 128",
        "inputs": "same",
        "pairs": 80,
        "seconds": 0.8,
        "scores": {"frechet": 16.881, "kernel": 0.22789, "copied": 0.7953, "colour_shift": 4.5},
        "errors": {"kernel": 0.1234},
        "space": SPACE,
        "counts": (80, 1234),
        "biased": ("frechet",),
    }
    return Report(**(known | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "-"),
        (math.inf, "inf"),
        (0.0, "0.0000"),
        (0.00397, "0.00397"),
        (-0.0004, "-0.0004"),
        (0.0625, "0.0625"),
        (1.75, "1.7500"),
        (12.5, "12.50"),
        (12345.6, "12,346"),
    ],
)
def test_a_number_has_as_many_digits_as_say_something(value: float, text: str):
    assert number(value) == text


def test_distances_stand_with_their_space_their_counts_their_error_and_their_flag():
    table = {row.title: (row.cells, row.of) for row in rows([_report(), _report("back", scores={"kernel": 0.5})])}
    of = f"feature space {SPACE}"
    assert table["judged and real pictures"] == (["80 and 1,234"] * 2, of)
    assert table["kernel distance"] == (["0.2279 ± 0.12", "0.5000 ± 0.12"], of)
    assert table["Fréchet distance"] == (["16.88 †", "-"], of)
    assert table["left as it was"] == (["0.7953", "-"], "")
    assert not any("FID" in title or "KID" in title for title in table)
    assert any("†" in line for line in facts(_report()))
    assert not any("†" in line for line in facts(_report(biased=())))


def test_only_distances_of_inception_go_by_their_published_names():
    titled = {row.title for row in rows([_report(space=inception.NAME)])}
    assert {"Fréchet distance (FID)", "kernel distance (KID)"} <= titled


def test_a_terminal_shows_what_rows_have_in_common_above_them():
    classes = tuple(ClassScore(name=n, iou=v, accuracy=v, pixels=1) for n, v in (("road", 0.5), ("sky", math.nan)))
    report = _report(target="labels", space="", counts=(0, 0), scores={"mean_iou": 0.5}, classes=classes)
    assert [(row.title, row.cells) for row in indented(rows([report]))] == [
        ("mean IoU", ["0.5000"]),
        ("IoU", []),
        ("  road", ["0.5000"]),
        ("  sky", ["-"]),
    ]


def test_reports_of_other_targets_classes_or_spaces_have_tables_of_their_own():
    reports = [_report(), _report("x", space="elsewhere"), _report("y", target="image"), _report("z")]
    assert [[report.model for report in group] for group in grouped(reports)] == [["there", "z"], ["x"], ["y"]]


def test_models_of_one_name_are_told_apart_by_their_weights():
    pair = [_report("m", sha256="abcdef01"), _report("m", sha256="12345678"), _report("n")]
    assert titles(pair) == ["m abcdef", "m 123456", "n"]


def test_figures_of_other_pictures_or_other_protocols_are_not_passed_off_as_comparable():
    assert unlike([_report(), _report("other")]) == []
    assert "pictures of its own" in unlike([_report(), _report("other", inputs="others")])[0]
    assert "different protocols" in unlike([_report(), _report("other", protocol="at 256 x 256")])[0]


def test_facts_of_folders_name_both_and_how_many_were_paired():
    folders = _report("", target="folder", data="made", against="real", counts=(8, 9), pairs=0)
    assert facts(folders)[0] == "made against real: 8 and 9 pictures"
    paired = _report("", target="folder", data="made", against="real", counts=(8, 9), pairs=7, pixels=7000)
    assert facts(paired)[0] == "made against real: 8 and 9 pictures, 7 pairs, 7,000 pixels"
    assert facts(_report())[0] == "there: 80 inputs of animals (val)"


def test_the_page_tells_figures_meanings_and_pictures():
    text = page.page([_report("a|b", notes=("a `note` of <b>",)), _report("c")], ["first", "sec`ond"])
    lines = text.splitlines()
    assert "|  | a\\|b | c |" in lines
    assert f"| kernel distance (feature space {SPACE}) | 0.2279 ± 0.12 | 0.2279 ± 0.12 |" in lines
    assert "- note: a \\`note\\` of \\<b>" in lines
    assert any(line.startswith("- **kernel distance**: ") for line in lines)
    assert lines[-1] == "From above: `first`, `sec'ond`."
    assert "![" in text
    assert "(samples.png)" in text


def test_a_page_is_written_whole(tmp_path: Path):
    gallery = Gallery()
    gallery.begin(1)
    gallery.add(0, ["x"], torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
    report = _report(scores={"kernel": math.nan}, data="not \udcff UTF-8")
    page.write(tmp_path / "new" / "page", [report], gallery)
    stored = json.loads((tmp_path / "new" / "page" / "report.json").read_text())["reports"]
    assert stored[0]["data"] == "not \udcff UTF-8"
    assert (stored[0]["model"], stored[0]["scores"], stored[0]["counts"]) == ("there", {"kernel": None}, [80, 1234])
    assert "not \\udcff UTF-8" in (tmp_path / "new" / "page" / "report.md").read_text(encoding="utf-8")
    with Image.open(tmp_path / "new" / "page" / "samples.png") as sheet:
        assert sheet.size[0] == 4 + 2 * (256 + 4)


def test_a_folder_that_can_not_be_is_refused_before_anything_is_scored(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=r"--report .* is a file"):
            page.check(out)
    page.check(tmp_path / "new" / "deep")
    page.check(tmp_path)
    assert not (tmp_path / "new").exists()
