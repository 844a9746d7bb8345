"""Pictures with classes: from subfolders, from a column of words or of numbers; what is refused, and how."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.config import DataConfig
from translate.data.labelled import LabelledDataset, LabelledLayout, check_labelled, recognise_labelled
from translate.errors import DatasetError

DATA = DataConfig(size=8, load_size=8, crop=8, holdout=2, flip=False)


def paint(path: Path, value: int = 128) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(path)


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Five dark cats and four bright dogs, each in its folder."""
    for number in range(5):
        paint(tmp_path / "cat" / f"{number}.png", 10)
    for number in range(4):
        paint(tmp_path / "dog" / f"{number}.png", 240)
    return tmp_path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """train/ and val/ beside a list of ages and names."""
    rows = [("train/a.png", 3, "eve"), ("train/b.png", 13, "bob"), ("train/c.png", 70, "eve"), ("val/d.png", 20, "bob")]
    for name, _, _ in rows:
        paint(tmp_path / name)
    lines = ["file,age,name", *(f"{name},{age},{who}" for name, age, who in rows)]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def classes_of(layout: LabelledLayout, split: str = "train") -> dict[str, str]:
    return {item.file.name: layout.classes[item.label] for item in layout.splits[split]}


def test_a_subfolder_is_a_class(animals: Path):
    layout = recognise_labelled(animals, classed=True, config=DATA)
    assert layout.classes == ("cat", "dog")
    everything = classes_of(layout) | classes_of(layout, "val")
    assert everything == {f"cat/{n}": "cat" for n in range(5)} | {f"dog/{n}": "dog" for n in range(4)}
    assert len(layout.splits["val"]) == 2
    assert layout.held_out is not None


def test_what_was_held_out_before_is_held_out_again(animals: Path):
    first = recognise_labelled(animals, classed=True, config=DATA, seed=1)
    again = recognise_labelled(animals, classed=True, config=DATA, seed=2, held_out=first.held_out)
    assert [item.file.name for item in again.splits["val"]] == [item.file.name for item in first.splits["val"]]
    (first.splits["val"][0].file.path).unlink()
    with pytest.raises(DatasetError, match="1 held-out pictures are gone"):
        recognise_labelled(animals, classed=True, config=DATA, held_out=first.held_out)


def test_without_a_condition_there_are_no_classes(animals: Path):
    layout = recognise_labelled(animals, classed=False, config=DATA)
    assert layout.classes == ()
    assert {item.label for item in layout.splits["train"]} == {0}


def test_a_column_of_words_gives_the_classes_also_from_the_folder_above(people: Path):
    config = DATA.replace(class_column="name")
    layout = recognise_labelled(people, classed=True, config=config)
    assert layout.classes == ("bob", "eve")
    assert classes_of(layout) == {"a": "eve", "b": "bob", "c": "eve"}
    assert classes_of(layout, "val") == {"d": "bob"}
    assert layout.held_out is None
    below = recognise_labelled(people / "train", classed=True, config=config.replace(holdout=1))
    assert classes_of(below) | classes_of(below, "val") == {"a": "eve", "b": "bob", "c": "eve"}


def test_bounds_sort_numbers_the_bound_itself_upwards(people: Path):
    layout = recognise_labelled(
        people, classed=True, config=DATA.replace(class_column="age", class_bounds=(13.0, 60.0))
    )
    assert layout.classes == ("below-13", "13-to-60", "from-60")
    assert classes_of(layout) == {"a": "below-13", "b": "13-to-60", "c": "from-60"}


def test_numbers_without_bounds_are_words_in_the_order_of_numbers(people: Path):
    layout = recognise_labelled(people, classed=True, config=DATA.replace(class_column="age"))
    assert layout.classes == ("3", "13", "70")
    problem = check_labelled(layout, 3)
    assert [(p.path.name, p.reason) for p in problem] == [
        ("d.png", "its class '20' is not among those of the training pictures")
    ]


def test_a_picture_without_a_line_is_named(people: Path):
    paint(people / "train" / "stranger.png")
    layout = recognise_labelled(people, classed=True, config=DATA.replace(class_column="name"))
    (problem,) = check_labelled(layout, 3)
    assert problem.path.name == "stranger.png"
    assert "has no name in the CSV file" in problem.reason


def test_a_damaged_picture_is_named(animals: Path):
    (animals / "cat" / "0.png").write_bytes(b"no picture")
    layout = recognise_labelled(animals, classed=False, config=DATA)
    assert [problem.path.name for problem in check_labelled(layout, 3)] == ["0.png"]


@pytest.mark.parametrize(
    ("text", "column", "bounds", "reason"),
    [
        ("file,age\ntrain/a.png,3\n", "name", (), "no .csv file here or in the folder above has a column name"),
        ("who,age\ntrain/a.png,3\n", "age", (), "call it file or path"),
        ("file,age\ntrain/a.png,old\n", "age", (13.0,), "line 2: age is 'old'"),
        ("file,age\ntrain/a.png,nan\n", "age", (13.0,), "line 2: age is 'nan'"),
        ("file,age\ntrain/a.png,\n", "age", (), "line 2: age is empty"),
        ("file,age\ntrain/a.png\n", "age", (), "line 2: has 1 cells, 2 are expected"),
        ("file,age\n" + "".join(f"{n}.png,{n}\n" for n in range(101)), "age", (), "101 values, more than 100 classes"),
    ],
)
def test_a_list_that_can_not_be_used_is_refused_by_line(
    people: Path, text: str, column: str, bounds: tuple[float, ...], reason: str
):
    (people / "labels.csv").write_text(text)
    with pytest.raises(DatasetError, match=reason):
        recognise_labelled(people, classed=True, config=DATA.replace(class_column=column, class_bounds=bounds))


def test_pictures_outside_of_every_class_are_refused(animals: Path):
    paint(animals / "loose.png")
    with pytest.raises(DatasetError, match=r"loose\.png: lies in no class.*class_column"):
        recognise_labelled(animals, classed=True, config=DATA)


def test_a_single_class_is_nothing_to_learn(animals: Path):
    for path in (animals / "dog").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match=r"1 class to learn \(cat\)"):
        recognise_labelled(animals, classed=True, config=DATA)


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(DatasetError, match="no pictures to learn from"):
        recognise_labelled(tmp_path, classed=False, config=DATA)


def test_a_sample_is_a_picture_and_its_class(animals: Path):
    layout = recognise_labelled(animals, classed=True, config=DATA)
    data = LabelledDataset(layout.splits["train"], DATA, train=True, seed=0)
    for index, item in enumerate(layout.splits["train"]):
        sample = data[(0, index)]
        assert sample.real.shape == (3, 8, 8)
        assert int(sample.label) == item.label
        assert (float(sample.real.mean()) > 0) == (layout.classes[item.label] == "dog")
        assert sample.label.dtype == torch.int64
