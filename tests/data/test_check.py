"""Each file that can't be trained on is named, with the reason, before anything is trained."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from translate.config import DataConfig
from translate.data.check import check, examine, refuse
from translate.data.folders import Problem
from translate.data.layouts import recognise
from translate.errors import DatasetError

Write = Callable[..., Path]


def problems(root: Path, config: DataConfig | None = None) -> dict[str, str]:
    config = config or DataConfig()
    layout = recognise(root, config=config)
    return {p.path.relative_to(root).as_posix(): p.reason for p in check(layout, config)}


def test_a_sound_set_has_no_problems_and_is_described(labelled: Write) -> None:
    layout = recognise(labelled(names=4), config=DataConfig())
    calls: list[tuple[int, int]] = []
    report = examine(layout, progress=lambda done, total: calls.append((done, total)))
    assert report.problems == ()
    assert report.sizes == {(32, 24): 4}
    assert sum(report.class_pixels) == 4 * (24 * 32 - 1)
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    refuse(layout, [])


def test_every_kind_of_problem_is_named_in_one_go(draw: Write, labelled: Write) -> None:
    root = labelled(names=14)
    (root / "images/1.jpg").write_bytes(b"")
    whole = (root / "images/2.jpg").read_bytes()
    (root / "images/2.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "labels/3.png").write_bytes(b"not a picture")
    (root / "labels/4.png").unlink()
    (root / "images/5.jpg").unlink()
    draw("labels/6.png", np.zeros((24, 24), np.uint8))
    draw("labels/7.png", np.full((24, 32), 77, np.uint8))
    draw("labels/8.png", np.zeros((24, 32, 3), np.uint8))
    draw("images/9.png")
    found = problems(root)
    assert set(found) == {
        "images/1.jpg",
        "images/2.jpg",
        "labels/3.png",
        "images/4.jpg",
        "labels/5.png",
        "labels/6.png",
        "labels/7.png",
        "labels/8.png",
        "images/9.jpg",
        "images/9.png",
    }
    assert "no partner" in found["images/4.jpg"]
    assert found["labels/6.png"] == "is 24x24 pixels, its partner 6.jpg 32x24: another shape"
    assert found["labels/7.png"].startswith("label value 77 (768 pixels)")
    assert "a colour picture where a map of class indices is expected" in found["labels/8.png"]
    assert "same name" in found["images/9.jpg"]
    assert not any("\n" in reason or reason.startswith(str(root)) for reason in found.values())


def test_another_size_of_the_same_shape_is_counted_and_no_problem(draw: Write, tmp_path: Path) -> None:
    for i in range(3):
        draw(f"a/{i}.png", size=(24, 32), seed=i)
        draw(f"b/{i}.png", size=(48, 64) if i else (24, 32), seed=i)
    report = examine(recognise(tmp_path, config=DataConfig()))
    assert (report.problems, report.resized) == ((), 2)


def test_pictures_smaller_than_the_crop_are_problems_only_where_they_are_cut_as_they_are(pairs: Write) -> None:
    root = pairs("a", "b", 4)
    native = problems(root, DataConfig(fit="native", crop=30))
    assert len(native) == 3  # the held-out one isn't cut
    assert set(native.values()) == {"is 32x24 pixels, smaller than the crop of 30"}
    assert not problems(root, DataConfig(fit="native", crop=30, zoom=(0.5, 1.0)))
    assert not problems(root, DataConfig(fit="square", crop=30))


def test_halves_of_an_odd_width_are_one_problem_a_file(draw: Write, tmp_path: Path) -> None:
    for i in range(5):
        draw(f"{i}.png", size=(16, 33 if i == 3 else 32), seed=i)
    found = problems(tmp_path)
    assert found == {"3.png": "is 33 pixels wide; two halves side by side have an even width"}


def test_a_damaged_side_by_side_file_is_named_once(draw: Write, tmp_path: Path) -> None:
    for i in range(5):
        draw(f"{i}.png", size=(16, 32), seed=i)
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:200])
    layout = recognise(tmp_path, config=DataConfig())
    assert [problem.path.name for problem in check(layout)] == ["2.png"]


def test_labels_that_are_the_input_are_checked_too(draw: Write, labelled: Write) -> None:
    root = labelled()
    draw("labels/1.png", np.full((24, 32), 77, np.uint8))
    assert set(problems(root, DataConfig(direction="BtoA"))) == {"labels/1.png"}


def test_a_refusal_names_twenty_and_counts_the_rest(pairs: Write) -> None:
    layout = recognise(pairs("a", "b"), config=DataConfig())
    with pytest.raises(DatasetError, match="23 files can't be used") as caught:
        refuse(layout, [Problem(Path(f"{i}.png"), "is broken") for i in range(23)])
    lines = str(caught.value).splitlines()
    assert lines[1] == "  0.png: is broken"
    assert lines[-1].startswith("  ... and 3 more")
    assert len(lines) == 22
