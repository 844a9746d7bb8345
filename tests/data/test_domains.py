"""Two domains are recognised in every documented layout, and what is decided on the way is stated."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from translate.config import DataConfig, HoldOut
from translate.data.domains import DESCRIPTIONS, Domains, UnpairedLayout, recognise_domains
from translate.errors import DatasetError

Write = Callable[..., Path]
PLAIN = DataConfig()
BACK = DataConfig(direction="BtoA")


@pytest.fixture
def files(tmp_path: Path) -> Write:
    """Empty files: recognising opens none."""

    def write(**counts: int) -> Path:
        for folder, count in counts.items():
            for i in range(count):
                path = tmp_path / folder.replace("__", "/") / f"{folder[-1].lower()}{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return tmp_path

    return write


def found(layout: UnpairedLayout) -> dict[str, tuple[int, int]]:
    """Pictures of A and B by split."""
    return {split: (len(domains.a), len(domains.b)) for split, domains in layout.splits.items()}


def stems(domains: Domains) -> tuple[set[str], set[str]]:
    a, b = ({file.path.name[0] for file in side} for side in domains)
    return a, b


def test_train_a_and_train_b_are_domains_and_the_test_part_is_never_validated_on(files: Write) -> None:
    layout = recognise_domains(files(trainA=20, trainB=10, testA=3, testB=4), config=PLAIN)
    assert layout.kind == "trainA/ trainB/"
    assert found(layout) == {"train": (18, 9), "val": (2, 1), "test": (3, 4)}
    assert layout.counts == {"train": "18 + 9", "val": "2 + 1", "test": "3 + 4"}
    for split in ("train", "val"):
        assert {file.path.parent.name for file in layout.splits[split].a} == {"trainA"}
        assert {file.path.parent.name for file in layout.splits[split].b} == {"trainB"}
    assert any("2 of 20 pictures of A and 1 of 10 of B are held out" in note for note in layout.notes)


def test_a_val_part_that_is_there_is_taken_as_it_is(files: Write) -> None:
    root = files(trainA=5, trainB=6, valA=2, valB=1)
    layout = recognise_domains(root, config=PLAIN, held_out=HoldOut(seed=0, names=("a/a1",)))
    assert found(layout) == {"train": (5, 6), "val": (2, 1)}
    assert layout.held_out is None


@pytest.mark.parametrize(
    ("a", "b"), [("a", "b"), ("A", "B"), ("photo", "map"), ("Photos", "MAPS"), ("input", "target")]
)
def test_folders_with_the_names_of_sides_are_domains_whatever_lies_beside_them(files: Write, a: str, b: str) -> None:
    root = files(**{a: 5, b: 7, "other": 1})
    layout = recognise_domains(root, config=PLAIN)
    assert layout.kind == f"{a.lower()}/ {b.lower()}/"
    assert found(layout) == {"train": (4, 6), "val": (1, 1)}
    assert stems(layout.splits["train"]) == ({a[-1].lower()}, {b[-1].lower()})


def test_maps_in_colours_are_taken_before_the_same_maps_as_indices(files: Write) -> None:
    layout = recognise_domains(files(photo=3, label=3, label_rgb=3), config=PLAIN)
    assert {file.path.parent.name for file in layout.splits["train"].b} == {"label_rgb"}


@pytest.mark.parametrize("folders", ["{split}__a {split}__B", "a__{split} b__{split}", "Photo__{split} map__{split}"])
def test_split_folders_lie_around_the_domains_or_inside_them(files: Write, folders: str) -> None:
    for split, (in_a, in_b) in {"training": (5, 4), "Valid": (2, 1), "test": (1, 3)}.items():
        a, b = folders.format(split=split).split()
        root = files(**{a: in_a, b: in_b})
    layout = recognise_domains(root, config=PLAIN)
    assert found(layout) == {"train": (5, 4), "val": (2, 1), "test": (1, 3)}
    assert all("/" not in file.name for domains in layout.splits.values() for side in domains for file in side)
    assert layout.held_out is None


def test_two_folders_of_any_name_are_domains_in_the_order_of_their_names(files: Write) -> None:
    layout = recognise_domains(files(Zebra=5, horse=6), config=PLAIN)
    assert (layout.kind, found(layout)) == ("horse/ Zebra/", {"train": (5, 4), "val": (1, 1)})
    assert {file.path.parent.name for file in layout.splits["train"].a} == {"horse"}
    assert "A is horse/ and B is Zebra/, by the order of their names" in layout.notes


def test_two_folders_of_any_name_may_lie_in_split_folders(files: Write) -> None:
    root = files(train__horse=5, train__zebra=6, test__horse=2, test__zebra=1)
    layout = recognise_domains(root, config=DataConfig(holdout=2))
    assert found(layout) == {"train": (3, 4), "val": (2, 2), "test": (2, 1)}
    assert layout.kind == "train/ test/ with horse/ zebra/"
    assert layout.notes[0] == "A is horse/ and B is zebra/, by the order of their names"


def test_splits_with_different_domains_are_refused(files: Write) -> None:
    root = files(train__horse=2, train__zebra=2, val__apple=2, val__orange=2)
    with pytest.raises(DatasetError, match="the splits hold different domains: horse/ zebra/ and apple/ orange/"):
        recognise_domains(root, config=PLAIN)


def test_two_folders_given_by_path_may_lie_anywhere(files: Write) -> None:
    root = files(x__summer=5, y__winter=4)
    layout = recognise_domains(None, a=root / "x/summer", b=root / "y/winter", config=PLAIN)
    assert (layout.root, found(layout)) == (root / "x", {"train": (4, 3), "val": (1, 1)})
    assert found(recognise_domains(root, a=Path("y/winter"), b=Path("x/summer"), config=PLAIN))["train"] == (3, 4)


def test_the_one_folder_of_an_unpacked_archive_is_gone_into(files: Write) -> None:
    assert found(recognise_domains(files(set__set__trainA=3, set__set__trainB=3), config=PLAIN))["train"] == (2, 2)


def test_pictures_lie_at_any_depth_with_spaces_unicode_and_any_case_of_suffix(tmp_path: Path) -> None:
    composed, split = (unicodedata.normalize(form, "Zürich Höhe") for form in ("NFC", "NFD"))
    names = ("x.JPG", "sub dir/y 1.jpeg", f"{split}/z.Tiff", "w.WEBP")
    for side in "ab":
        for name in (*names, "notes.txt", ".hidden.png"):
            path = tmp_path / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    layout = recognise_domains(tmp_path, config=PLAIN, draw=False)
    assert [file.name for file in layout.splits["train"].a] == sorted(["x", "sub dir/y 1", f"{composed}/z", "w"])


def test_two_files_of_one_name_are_problems_and_left_out(files: Write) -> None:
    root = files(a=4, b=4)
    (root / "a/a0.jpg").touch()
    layout = recognise_domains(root, config=PLAIN, draw=False)
    assert found(layout) == {"train": (3, 4)}
    assert [problem.path.name for problem in layout.problems] == ["a0.jpg", "a0.png"]


def test_very_unequal_domains_are_fine_and_remarked_on(files: Write) -> None:
    root = files(a=2, b=9)
    notes = recognise_domains(root, config=PLAIN, draw=False).notes
    assert notes == ("2 pictures of A, 9 of B: each step draws as many of the one as of the other",)
    files(a=3)
    assert recognise_domains(root, config=PLAIN, draw=False).notes == ()


def test_a_single_picture_is_trained_on_and_not_held_out(files: Write) -> None:
    layout = recognise_domains(files(a=1, b=10), config=PLAIN)
    assert found(layout) == {"train": (1, 9), "val": (0, 1)}
    assert "A is a single picture: it is trained on, and none of A is held out" in layout.notes


def test_two_single_pictures_have_no_validation_part(files: Write) -> None:
    layout = recognise_domains(files(a=1, b=1), config=PLAIN)
    assert (found(layout), layout.held_out) == ({"train": (1, 1)}, None)


def test_the_held_out_part_depends_on_the_seed_alone_and_a_new_file_moves_at_most_one(files: Write) -> None:
    root = files(a=20, b=12)
    config = DataConfig(holdout=4)
    first, again, other = (recognise_domains(root, config=config, seed=seed).held_out for seed in (1, 1, 2))
    assert first is not None
    assert other is not None
    assert first == again
    assert first.names != other.names
    assert [name[:2] for name in first.names] == ["a/"] * 4 + ["b/"] * 4
    (root / "a/new.png").touch()
    after = recognise_domains(root, config=config, seed=1).held_out
    assert after is not None
    assert {name for name in after.names if name[0] == "b"} == {name for name in first.names if name[0] == "b"}
    assert len(set(first.names) & set(after.names)) >= 7


def test_a_recorded_held_out_part_is_kept_whatever_seed_and_direction(files: Write) -> None:
    root = files(a=6, b=6)
    recorded = HoldOut(seed=9, names=("a/a3", "b/b0", "b/b5"))
    layout = recognise_domains(root, config=PLAIN, seed=4, held_out=recorded)
    assert [[file.name for file in side] for side in layout.splits["val"]] == [["a3"], ["b0", "b5"]]
    assert layout.held_out == recorded
    back = recognise_domains(root, config=BACK, draw=False, held_out=recorded)
    assert [[file.name for file in side] for side in back.splits["val"]] == [["b0", "b5"], ["a3"]]
    assert back.held_out == recorded


def test_nothing_is_held_out_where_neither_draw_nor_record_says_so(files: Write) -> None:
    root = files(a=6, b=6)
    elsewhere = HoldOut(seed=0, names=("a/other",))
    assert found(recognise_domains(root, config=PLAIN, draw=False, held_out=elsewhere)) == {"train": (6, 6)}
    drawn, plain = (recognise_domains(root, config=PLAIN, seed=3, held_out=given) for given in (elsewhere, None))
    assert drawn == plain


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a/a1", "b/lost"), "1 held-out pictures are gone, the first is 'b/lost'"),
        (("a/a0", "a/a1"), "all 2 pictures of A are held out, leaving none to train on"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(files: Write, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        recognise_domains(files(a=2, b=3), config=PLAIN, held_out=HoldOut(seed=0, names=names))


def test_a_number_that_leaves_nothing_to_train_on_is_refused(files: Write) -> None:
    with pytest.raises(DatasetError, match="5 of 4 pictures of B would be held out"):
        recognise_domains(files(a=9, b=4), config=DataConfig(holdout=5))


def test_the_other_direction_swaps_the_domains_of_every_split_and_nothing_else(files: Write) -> None:
    root = files(trainA=10, trainB=30, testA=2, testB=1)
    there, back = (recognise_domains(root, config=config, seed=1) for config in (PLAIN, BACK))
    for split, domains in there.splits.items():
        assert back.splits[split] == Domains(domains.b, domains.a)
    assert there.held_out == back.held_out
    assert "direction is BtoA: A and B are swapped" in back.notes
    assert any("3 of 30 pictures of A and 1 of 10 of B" in note for note in back.notes)


def test_a_test_part_with_one_domain_is_left_out_and_this_is_said(files: Write) -> None:
    layout = recognise_domains(files(trainA=3, trainB=3, testA=2), config=PLAIN)
    assert "test" not in layout.splits
    assert "the test part is left out: it has 2 pictures of A and 0 of B" in layout.notes
    other = recognise_domains(files(x__train__a=3, x__train__b=3, x__test__a=2) / "x", config=PLAIN)
    assert "test" not in other.splits
    assert any("x/test is left out: no two domains (found 0 pictures and the folders a/)" in n for n in other.notes)


REFUSED: dict[str, tuple[dict[str, int], str]] = {
    "no B": ({"trainA": 3}, r"train has 3 pictures of A and 0 of B, and both are needed; accepted: trainA/ trainB/"),
    "empty B": ({"a": 3, "b": 0}, r"a/ b/: train has 3 pictures of A and 0 of B, and both are needed"),
    "val without B": ({"trainA": 2, "trainB": 2, "valA": 1}, r"val has 1 pictures of A and 0 of B"),
    "split in one": ({"a__train": 2, "a__val": 1, "b": 3}, r"val has 1 pictures of A and 0 of B"),
    "one folder": ({"a": 3}, r"no two domains recognised \(found 0 pictures and the folders a/\); accepted: "),
    "three folders": (
        {"x": 1, "y": 1, "z": 1},
        r"no two domains recognised \(found 0 pictures and the folders x/, y/, z/",
    ),
    "nothing in either": ({"a": 0, "b": 0}, r"a/ b/: no pictures; accepted: "),
    "bare split": ({"train": 3, "val": 1}, r"train: no two domains recognised \(found 3 pictures and no folders\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_two_domains_is_refused_in_one_line(files: Write, tmp_path: Path, name: str) -> None:
    counts, message = REFUSED[name]
    root = files(**counts)
    for folder, count in counts.items():
        if not count:
            (tmp_path / folder).mkdir()
    with pytest.raises(DatasetError, match=message) as caught:
        recognise_domains(root, config=PLAIN)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(root))


def test_pictures_beside_two_folders_of_any_name_are_not_passed_over(files: Write) -> None:
    root = files(x=2, y=2)
    (root / "z.png").touch()
    with pytest.raises(DatasetError, match="found 1 pictures and the folders x/, y/"):
        recognise_domains(root, config=PLAIN)


@pytest.mark.parametrize("folder", ["", "train/"])
def test_halves_side_by_side_are_refused_as_pairs(draw: Write, tmp_path: Path, folder: str) -> None:
    for i in range(4):
        draw(f"{folder}{i}.jpg", size=(16, 32), seed=i)
    with pytest.raises(DatasetError, match="look like A and B side by side: those are pairs, train pix2pix on them"):
        recognise_domains(tmp_path, config=PLAIN)


def test_one_folder_as_both_domains_or_inside_the_other_is_refused(files: Write) -> None:
    root = files(a=3, a__c=3)
    (root / "link").symlink_to(root / "a", target_is_directory=True)
    for same in ("a", "link"):
        with pytest.raises(DatasetError, match="is given as both sides"):
            recognise_domains(None, a=root / "a", b=root / same, config=PLAIN)
    with pytest.raises(DatasetError, match="one lies inside the other"):
        recognise_domains(None, a=root / "a", b=root / "a/c", config=PLAIN)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"root": "gone"}, "does not exist; expected a folder or a .csv list"),
        ({"root": "gone.csv"}, "does not exist; expected a folder or a .csv list"),
        ({"root": None}, "no data folder given"),
        ({"root": None, "a": "a"}, "only folder a is given"),
        ({"root": None, "a": "a", "b": "gone"}, "gone: does not exist; expected a folder"),
    ],
)
def test_a_folder_that_is_not_there_is_named(
    files: Write, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], message: str
) -> None:
    monkeypatch.chdir(files(a=2, b=2))
    with pytest.raises(DatasetError, match=message):
        recognise_domains(**given, config=PLAIN)


def test_the_described_layouts_are_those_an_error_lists(files: Write) -> None:
    with pytest.raises(DatasetError) as caught:
        recognise_domains(files(a=2), config=PLAIN)
    assert all(name in str(caught.value) for name in DESCRIPTIONS if name.endswith("/") and "horse" not in name)
