import pytest

from translate.checkpoints import load_config
from translate.config import IGNORE_INDEX, ClassSpec, HoldOut
from translate.errors import DatasetError
from translate.evaluation.selection import class_table, select

from .conftest import CLASSES


def _held_out(*names: str) -> HoldOut:
    return HoldOut(seed=0, names=names)


def _names(selection) -> list[str]:
    return [pair.name for pair in selection.pairs]


def test_val_is_scored_where_the_folder_has_one(make_model, make_pairs):
    config = load_config(make_model(held_out=_held_out("000")))
    selection = select(config, make_pairs({"train": 3, "val": 2, "test": 1}))
    assert (selection.split, len(selection.pairs), selection.notes) == ("val", 2, ())


def test_without_val_the_pairs_that_the_training_held_out_are_scored(make_model, make_pairs):
    config = load_config(make_model(held_out=_held_out("001", "003")))
    data = make_pairs({"train": 5})
    selection = select(config, data)
    assert _names(selection) == ["001", "003"]
    assert "held it out" in selection.split
    assert selection.notes == ()
    assert _names(select(config, data, split="train")) == ["000", "002", "004"]
    assert _names(select(config, data, split="val")) == ["001", "003"]


def test_without_val_and_record_test_is_scored(make_model, make_pairs):
    selection = select(load_config(make_model()), make_pairs({"train": 3, "test": 2}))
    assert (selection.split, len(selection.pairs), selection.notes) == ("test", 2, ())


@pytest.mark.parametrize(("record", "told"), [(None, "records no pairs"), (_held_out("001", "999"), "of which 1 are")])
def test_where_training_pictures_may_be_among_them_a_note_says_so(make_model, make_pairs, record, told):
    selection = select(load_config(make_model(held_out=record)), make_pairs({"train": 4}))
    assert (selection.split, len(selection.pairs)) == ("all", 4)
    assert told in selection.notes[0]
    assert "may be among them" in selection.notes[0]


def test_a_folder_of_a_single_pair_can_be_scored(make_model, make_pairs):
    assert len(select(load_config(make_model()), make_pairs({"train": 1})).pairs) == 1


@pytest.mark.parametrize(("split", "count"), [("train", 3), ("all", 5)])
def test_scoring_training_pictures_on_purpose_is_noted(make_model, make_pairs, split, count):
    selection = select(load_config(make_model()), make_pairs({"train": 3, "val": 2}), split=split)
    assert (selection.split, len(selection.pairs)) == (split, count)
    assert "may be among them" in selection.notes[0]


def test_a_split_that_is_not_there_is_refused(make_model, make_pairs):
    config = load_config(make_model())
    with pytest.raises(DatasetError, match=r"no test split \(found: train, val\)"):
        select(config, make_pairs({"train": 2, "val": 1}), split="test")
    with pytest.raises(DatasetError, match="records no pairs as held out"):
        select(config, make_pairs({"train": 2}, name="other"), split="val")


def test_files_without_a_partner_are_told(make_model, make_pairs):
    data = make_pairs({"val": 3})
    (data / "val" / "labels" / "001.png").unlink()
    selection = select(load_config(make_model()), data)
    assert _names(selection) == ["000", "002"]
    assert "001.png" in selection.notes[0]


def test_classes_are_matched_by_name_in_any_order():
    table, note = class_table(CLASSES, CLASSES[::-1])
    assert table[:4].tolist() == [2, 1, 0, IGNORE_INDEX]
    assert table[IGNORE_INDEX] == IGNORE_INDEX
    assert note == ""


def test_a_folder_may_know_fewer_classes_than_the_model():
    assert class_table(CLASSES, CLASSES[1:])[0][:3].tolist() == [1, 2, IGNORE_INDEX]


def test_classes_of_other_names_are_matched_by_colour_then_by_position():
    renamed = [ClassSpec(name=f"class {i}", color=spec.color) for i, spec in enumerate(CLASSES)]
    table, note = class_table(CLASSES, renamed[::-1])
    assert table[:3].tolist() == [2, 1, 0]
    assert "by colour" in note
    gray = [ClassSpec(name=f"class {i}", color=(i, i, i)) for i in range(3)]
    table, note = class_table(CLASSES, gray)
    assert table[:3].tolist() == [0, 1, 2]
    assert "class 0 = road" in note


def test_a_class_that_the_model_does_not_know_is_named():
    with pytest.raises(DatasetError, match=r"car.*road, tree, sky"):
        class_table(CLASSES, [*CLASSES, ClassSpec(name="car", color=(1, 2, 3))])
