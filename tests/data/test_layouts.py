"""Folders are recognised in every documented layout, and what is decided on the way is stated."""

import json
import logging
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from translate import images
from translate.config import DataConfig, HoldOut
from translate.data.layouts import recognise
from translate.errors import DatasetError

Write = Callable[..., Path]
PLAIN = DataConfig()


@pytest.mark.parametrize(
    ("a", "b"),
    [("a", "b"), ("A", "B"), ("trainA", "trainB"), ("photo", "map"), ("Photo", "MAP"), ("images", "labels")],
)
def test_two_folders_are_recognised_by_their_names(pairs: Write, a: str, b: str) -> None:
    layout = recognise(pairs(a, b), config=PLAIN)
    assert [len(layout.splits[split]) for split in ("train", "val")] == [4, 1]
    for pair in layout.pairs:
        assert pair.b is not None
        assert (pair.a.parent.name, pair.b.parent.name) == (a, b)
        assert pair.a.name == pair.b.name
    assert layout.target == "image"
    assert not layout.problems


@pytest.mark.parametrize("sides", [("a", "b"), ("photo", "map"), ("images", "labels")])
def test_split_folders_are_kept_apart(pairs: Write, sides: tuple[str, str]) -> None:
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        root = pairs(f"{split}/{sides[0]}", f"{split}/{sides[1]}", count)
    layout = recognise(root, config=PLAIN)
    assert {split: len(found) for split, found in layout.splits.items()} == {"train": 3, "val": 2, "test": 1}
    assert layout.held_out is None


def test_split_folders_may_lie_inside_the_sides(pairs: Write) -> None:
    pairs("A/train", "B/train", 3)
    layout = recognise(pairs("A/val", "B/val", 2), config=PLAIN)
    assert {split: [pair.name for pair in found] for split, found in layout.splits.items()} == {
        "train": ["0", "1", "2"],
        "val": ["0", "1"],
    }


def test_prefixed_splits_are_kept_apart(pairs: Write) -> None:
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        root = pairs(f"{split}A", f"{split}B", count)
    assert [len(found) for found in recognise(root, config=PLAIN).splits.values()] == [3, 2, 1]


@pytest.mark.parametrize("folder", ["", "train/", "photos 2024/"])
def test_halves_side_by_side_are_recognised(draw: Write, tmp_path: Path, folder: str) -> None:
    for i in range(5):
        draw(f"{folder}{i}.jpg", size=(16, 32), seed=i)
    layout = recognise(tmp_path, config=PLAIN)
    assert "side by side" in layout.kind
    assert all(pair.b is None for pair in layout.pairs)
    assert any("cut in the middle" in note and "16x16" in note for note in layout.notes)


def test_two_folders_given_by_path_may_have_any_name(pairs: Write) -> None:
    root = pairs("x/sharp", "y/blurred")
    layout = recognise(None, a=root / "x/sharp", b=root / "y/blurred", config=PLAIN)
    assert len(layout.pairs) == 5
    assert len(recognise(root, a="x/sharp", b="y/blurred", config=PLAIN).pairs) == 5


def test_names_match_across_suffixes_case_subfolders_spaces_and_unicode_forms(draw: Write, tmp_path: Path) -> None:
    composed, split = (unicodedata.normalize(form, "Zürich Höhe") for form in ("NFC", "NFD"))
    assert composed != split
    for a, b in (("x.JPG", "x.png"), ("sub dir/y 1.jpeg", "sub dir/y 1.PNG"), (f"{composed}.png", f"{split}.bmp")):
        draw(f"a/{a}")
        draw(f"b/{b}")
    (tmp_path / "a/notes.txt").write_text("not a picture")
    (tmp_path / "a/.hidden.png").write_text("hidden")
    (tmp_path / "b/Thumbs.db").write_text("not a picture")
    layout = recognise(tmp_path, config=PLAIN)
    assert sorted(pair.name for pair in layout.pairs) == sorted(["x", "sub dir/y 1", composed])
    assert not layout.problems


def test_an_ending_that_a_whole_folder_shares_is_taken_off(draw: Write, tmp_path: Path) -> None:
    for name in ("001", "002"):
        draw(f"images/{name}.jpg")
        draw(f"labels/{name}_L.png")
    layout = recognise(tmp_path, config=PLAIN)
    assert len(layout.pairs) == 2
    assert any("'_L'" in note for note in layout.notes)


def test_a_picture_without_partner_is_named_and_the_others_are_kept(pairs: Write) -> None:
    root = pairs("a", "b")
    (root / "a/3.png").unlink()
    (root / "b/1.png").unlink()
    layout = recognise(root, config=PLAIN)
    assert {problem.path for problem in layout.problems} == {root / "b/3.png", root / "a/1.png"}
    assert len(layout.pairs) == 3


def test_two_files_of_one_name_are_named_once_each(draw: Write, pairs: Write) -> None:
    root = pairs("a", "b")
    draw("a/2.jpg")
    problems = recognise(root, config=PLAIN).problems
    assert {problem.path.name for problem in problems} == {"2.png", "2.jpg"}
    assert len(problems) == 2


def test_a_link_back_up_the_tree_is_not_walked_for_ever(pairs: Write) -> None:
    root = pairs("a", "b")
    (root / "a/again").symlink_to(root / "a", target_is_directory=True)
    assert len(recognise(root, config=PLAIN).pairs) == 5


def test_the_one_folder_of_an_unpacked_archive_is_gone_into(pairs: Write, tmp_path: Path) -> None:
    pairs("set/set/a", "set/set/b")
    assert len(recognise(tmp_path, config=PLAIN).pairs) == 5


def test_a_test_part_without_targets_is_left_out_and_this_is_said(draw: Write, pairs: Write) -> None:
    root = pairs("train/a", "train/b")
    draw("test/a/0.png")
    layout = recognise(root, config=PLAIN)
    assert "test" not in layout.splits
    assert any("test is left out" in note for note in layout.notes)


def test_however_many_pairs_there_are_only_a_few_targets_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    picture = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)

    def read_labels(path: Path) -> np.ndarray:
        opened.append(path)
        return picture

    monkeypatch.setattr(images, "read_labels", read_labels)
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for i in range(300):
            (tmp_path / side / f"{i:05}.png").touch()
    layout = recognise(tmp_path, config=PLAIN)
    assert (len(layout.splits["train"]), len(layout.splits["val"])) == (270, 30)
    assert len(opened) == 8
    assert {path.parent.name for path in opened} == {"b"}


def test_a_held_out_part_depends_on_the_seed_alone_and_is_stated(
    pairs: Write, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "translate.data.layouts")
    root = pairs("a", "b", 12)
    config = DataConfig(holdout=4)
    first, again, other = (recognise(root, config=config, seed=seed) for seed in (1, 1, 2))
    assert first.splits == again.splits
    assert first.held_out is not None
    assert other.held_out is not None
    assert first.held_out.names == tuple(pair.name for pair in first.splits["val"])
    assert first.held_out.names != other.held_out.names
    assert not set(first.held_out.names) & {pair.name for pair in first.splits["train"]}
    assert "4 of 12 pairs are held out for validation (no val split; chosen by seed 1)" in first.notes
    assert "4 of 12 pairs are held out for validation (no val split; chosen by seed 1)" in caplog.text


def test_a_new_file_moves_at_most_one_pair_of_the_held_out_part(draw: Write, pairs: Write) -> None:
    root = pairs("a", "b", 12)
    config = DataConfig(holdout=4)
    before = recognise(root, config=config).held_out
    draw("a/new.png")
    draw("b/new.png")
    after = recognise(root, config=config).held_out
    assert before is not None
    assert after is not None
    assert len(set(before.names) & set(after.names)) >= 3


def test_a_recorded_held_out_part_is_reproduced_whatever_seed_and_share(pairs: Write) -> None:
    root = pairs("a", "b", 12)
    recorded = HoldOut(seed=9, names=("3", "11"))
    layout = recognise(root, config=PLAIN, seed=5, held_out=recorded)
    assert sorted(pair.name for pair in layout.splits["val"]) == ["11", "3"]
    assert layout.held_out == recorded


def test_nothing_is_held_out_where_neither_draw_nor_record_says_so(pairs: Write) -> None:
    root = pairs("a", "b", 12)
    assert recognise(root, config=PLAIN, draw=False).splits.keys() == {"train"}
    elsewhere = HoldOut(seed=0, names=("other", "data"))
    assert recognise(root, config=PLAIN, draw=False, held_out=elsewhere).splits.keys() == {"train"}
    assert recognise(root, config=PLAIN, seed=3, held_out=elsewhere) == recognise(root, config=PLAIN, seed=3)


def test_a_val_part_that_is_there_is_taken_as_it_is(pairs: Write) -> None:
    pairs("train/a", "train/b", 12)
    layout = recognise(pairs("val/a", "val/b", 2), config=PLAIN, held_out=HoldOut(seed=0, names=("3",)))
    assert (len(layout.splits["train"]), len(layout.splits["val"]), layout.held_out) == (12, 2, None)


def test_a_recorded_pair_that_is_gone_is_refused(pairs: Write) -> None:
    with pytest.raises(DatasetError, match="1 held-out pairs are gone, the first is 'lost'"):
        recognise(pairs("a", "b"), config=PLAIN, held_out=HoldOut(seed=0, names=("1", "lost")))


def test_a_held_out_part_that_leaves_nothing_to_train_on_is_refused(pairs: Write) -> None:
    with pytest.raises(DatasetError, match="5 of 5 pairs would be held out"):
        recognise(pairs("a", "b"), config=DataConfig(holdout=5))


def test_direction_makes_labels_the_input_and_pictures_the_target(labelled: Write) -> None:
    root = labelled()
    there = recognise(root, config=PLAIN)
    back = recognise(root, config=DataConfig(direction="BtoA"))
    assert (there.target, [spec.name for spec in there.classes or ()]) == ("labels", ["c0", "c1", "c2"])
    assert (back.target, back.classes) == ("image", None)
    assert back.legend is not None
    with pytest.raises(DatasetError, match="swap the direction"):
        recognise(root, config=DataConfig(direction="BtoA", target="labels"))


def test_index_maps_beside_colour_maps_are_chosen_by_what_is_asked_for(draw: Write, tmp_path: Path) -> None:
    for i in range(4):
        draw(f"train/photo/{i}.png", seed=i)
        draw(f"train/label_rgb/{i}.jpg", seed=i)
        draw(f"train/label/{i}.png", np.full((24, 32), i % 2, np.uint8))
    classes = [{"index": i, "name": f"c{i}", "color": [i, i, i]} for i in range(2)]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes}))
    kinds = {
        ("auto", "AtoB"): ("label", "labels"),
        ("image", "AtoB"): ("label_rgb", "image"),
        ("auto", "BtoA"): ("label_rgb", "image"),
    }
    for (target, direction), expected in kinds.items():
        config = DataConfig.model_validate({"target": target, "direction": direction})
        layout = recognise(tmp_path, config=config)
        second = layout.pairs[0].b
        assert second is not None
        assert (second.parent.name, layout.target) == expected


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "found 0 pictures and no folders"),
        (["one.png", "two.png"], "found 2 pictures and no folders"),
        (["cats/1.png", "dogs/1.png"], "the folders cats/, dogs/"),
        (["trainA/1.png", "trainB/2.png"], "no two files share a name"),
        (["train/a/1.png", "train/b/1.png", "val/a/1.png"], r"val: no pairs recognised .*folders a/"),
    ],
)
def test_a_folder_without_pairs_says_in_one_line_what_was_found(
    draw: Write, tmp_path: Path, files: list[str], message: str
) -> None:
    for name in files:
        draw(name, size=(32, 24))
    with pytest.raises(DatasetError, match=message) as caught:
        recognise(tmp_path, config=PLAIN)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_a_file_and_one_side_alone_are_refused(draw: Write, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        recognise(tmp_path / "nowhere", config=PLAIN)
    with pytest.raises(DatasetError, match="is a file"):
        recognise(draw("x.png"), config=PLAIN)
    with pytest.raises(DatasetError, match="only folder a is given"):
        recognise(None, a=tmp_path, config=PLAIN)
    with pytest.raises(DatasetError, match="both sides"):
        recognise(None, a=tmp_path, b=tmp_path, config=PLAIN)
    with pytest.raises(DatasetError, match="no data folder given"):
        recognise(None, config=PLAIN)
