"""What is told of a folder before a training starts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.data.survey import survey
from translate.errors import DatasetError
from translate.stopping import Cancelled


def draw(path: Path, colour: tuple[int, int, int] = (10, 20, 30), size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Ten red pictures with their green partners."""
    for number in range(10):
        draw(tmp_path / "a" / f"{number}.png", (200, 0, 0))
        draw(tmp_path / "b" / f"{number}.png", (0, 200, 0))
    return tmp_path


def test_pairs_are_counted_and_shown_from_input_to_target(pairs: Path) -> None:
    found = survey(pairs)
    assert (found.task, found.kind, found.problems, found.classes) == ("pictures", "a/ b/", (), ())
    assert found.counts == {"train": "9 pairs", "val": "1 pairs"}
    assert found.sizes == {"40 × 30": 10}
    assert len(found.previews) == 4
    for preview in found.previews:
        np.testing.assert_array_equal(preview.a, np.full((30, 40, 3), (200, 0, 0)))
        np.testing.assert_array_equal(preview.b, np.full((30, 40, 3), (0, 200, 0)))


def test_the_other_direction_shows_them_the_other_way_round(pairs: Path) -> None:
    (first, *_) = survey(pairs, direction="BtoA").previews
    assert (tuple(first.a[0, 0]), tuple(first.b[0, 0])) == ((0, 200, 0), (200, 0, 0))


def test_label_maps_are_classes_with_their_shares(pairs: Path) -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[:, :10] = 255
    for number in range(10):
        Image.fromarray(mask).save(pairs / "b" / f"{number}.png")
    (pairs / "b").rename(pairs / "masks")
    (pairs / "a").rename(pairs / "images")
    found = survey(pairs)
    assert found.task == "labels"
    assert [share for _, share in found.classes] == pytest.approx([0.75, 0.25])


def test_two_folders_without_a_name_in_common_are_two_domains(tmp_path: Path) -> None:
    for number in range(4):
        draw(tmp_path / "horse" / f"h{number}.png", (200, 0, 0))
        draw(tmp_path / "zebra" / f"z{number}.png", (0, 200, 0))
    found = survey(tmp_path)
    assert found.task == "unpaired"
    assert found.counts["train"] == "3 of A, 3 of B"
    assert tuple(found.previews[0].a[0, 0]) == (200, 0, 0)


def test_pairs_can_be_taken_for_two_domains(pairs: Path) -> None:
    assert survey(pairs, task="unpaired").task == "unpaired"


def test_two_names_in_common_by_chance_makes_no_pairs(tmp_path: Path) -> None:
    for number in range(4):
        draw(tmp_path / "a" / f"h{number}.png")
        draw(tmp_path / "b" / f"z{number}.png")
    for name in ("same.png", "also.png"):
        draw(tmp_path / "a" / name)
        draw(tmp_path / "b" / name)
    assert survey(tmp_path).task == "unpaired"
    assert survey(tmp_path, task="paired").task == "pictures"


def test_every_broken_and_lonely_file_is_named_and_none_of_them_is_shown(pairs: Path) -> None:
    (pairs / "a" / "3.png").write_bytes(b"no picture")
    draw(pairs / "a" / "lonely.png")
    draw(pairs / "b" / "4.png", size=(99, 30))
    found = survey(pairs)
    assert sorted(problem.path.name for problem in found.problems) == ["3.png", "4.png", "lonely.png"]
    assert not {"3", "4"} & {preview.name for preview in found.previews}


def test_a_folder_that_is_nothing_known_is_one_line(tmp_path: Path) -> None:
    draw(tmp_path / "only" / "1.png", size=(30, 40))
    with pytest.raises(DatasetError, match="no pairs recognised"):
        survey(tmp_path)


def test_looking_can_be_cancelled_between_files(pairs: Path) -> None:
    seen: list[tuple[int, int]] = []
    with pytest.raises(Cancelled, match="it was cancelled"):
        survey(pairs, progress=lambda done, total: seen.append((done, total)), cancelled=lambda: len(seen) == 3)
    assert seen == [(1, 10), (2, 10), (3, 10)]
