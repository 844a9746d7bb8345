"""Tables of faces: what an age or an attribute says and leaves open, and every bad line refused by its number."""

from pathlib import Path

import pytest
from PIL import Image

from translate.data.faces import ATTRIBUTES, FACTS, PLACE, facts_of, read_faces
from translate.errors import DatasetError

CELEBA = ["Male", "Young", "No_Beard", *ATTRIBUTES]


def known(facts: tuple[int, ...], value: int) -> set[str]:
    return {name for name, sign in zip(FACTS, facts, strict=True) if sign == value}


def table(folder: Path, name: str, text: str) -> Path:
    (folder / "img").mkdir(exist_ok=True)
    for number in range(6):
        Image.new("RGB", (8, 8)).save(folder / "img" / f"{number}.png")
    (folder / name).write_text(text)
    return folder


def attributes(**signs: int) -> str:
    return ",".join(str(signs.get(column, -1)) for column in CELEBA)


def test_a_boy_of_seven_is_a_child_of_his_bin_and_of_the_one_beside_it_nothing_is_said():
    facts = facts_of(7, male=True)
    assert known(facts, 1) == {"male", "age_7"}
    assert {"adult", "baby", "old", "teenage", "beard", "age_0", "age_20", "age_80"} <= known(facts, -1)
    assert {"age_3", "smiling", "glasses", "black_hair", "young"} <= known(facts, 0)


def test_a_woman_of_sixty_five_is_old_and_no_longer_of_middle_age():
    facts = facts_of(65, male=False)
    assert known(facts, 1) == {"adult", "old", "age_60"}
    assert {"male", "young", "middle_aged", "beard"} <= known(facts, -1)


@pytest.mark.parametrize(("age", "sign"), [(49, -1), (50, -1), (51, 0), (59, 0), (60, 1), (120, 1)])
def test_between_two_ages_neither_group_is_asserted(age: int, sign: int):
    assert facts_of(age, male=True)[PLACE["old"]] == sign


def test_every_age_lies_in_exactly_one_bin():
    for age in range(121):
        assert sum(sign == 1 for sign in facts_of(age, male=True)[PLACE["age_0"] :]) == 1


def test_celeba_s_signs_are_facts_and_no_beard_is_turned_round(tmp_path: Path):
    rows = [f"0.png,{attributes(Male=1, Young=1, Smiling=1)}", f"1.png,{attributes(No_Beard=1, Gray_Hair=1)}"]
    first, second = read_faces(table(tmp_path, "attr.csv", "\n".join([f"file,{','.join(CELEBA)}", *rows])))
    assert known(first.facts, 1) == {"male", "adult", "young", "smiling", "beard"}
    assert {"old", "baby", "glasses", "age_70"} <= known(first.facts, -1)
    assert known(second.facts, 1) == {"adult", "old", "gray_hair"}
    assert first.path == tmp_path / "img" / "0.png"


def test_without_a_split_every_fifth_is_held_out_and_with_one_it_is_believed(tmp_path: Path):
    rows = "\n".join(f"{number}.png,30,male" for number in range(6))
    faces = read_faces(table(tmp_path, "labels.csv", f"file,age,sex\n{rows}"))
    assert [face.split for face in faces] == ["train"] * 4 + ["val", "train"]
    told = read_faces(table(tmp_path, "labels.csv", "file,split,age,sex\n0.png,val,3,female\n1.png,train,4,female"))
    assert [face.split for face in told] == ["val", "train"]


def test_without_a_column_the_split_is_that_of_the_folder(tmp_path: Path):
    for name in ("train/a.png", "Validation/b.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (tmp_path / "labels.csv").write_text("file,age,sex\ntrain/a.png,30,male\nValidation/b.png,30,male\n")
    assert [face.split for face in read_faces(tmp_path)] == ["train", "val"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,age\n0.png,3", r"line 1: needs the columns file, age and sex"),
        ("file,age,sex\n0.png,-3,male", r"line 2: age is '-3'"),
        ("file,age,sex\n0.png,3,male\n1.png,121,male", r"line 3: age is '121'"),
        ("file,age,sex\n0.png,3,boy", r"line 2: sex is 'boy'"),
        ("file,age,sex\n0.png,3", r"line 2: has not as many cells"),
        ("file,age,sex\n../x.png,3,male", r"line 2: '../x.png' is no path below"),
        ("file,age,sex\n/etc/passwd,3,male", r"line 2: '/etc/passwd' is no path below"),
        ("file,age,sex\nnone.png,3,male", r"line 2: 'none.png' does not exist"),
        ("file,split,age,sex\n0.png,half,3,male", r"line 2: split is 'half'"),
        ("file,age,sex\n", r"names no picture"),
    ],
)
def test_a_bad_table_is_refused_by_its_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(DatasetError, match=said):
        read_faces(table(tmp_path, "labels.csv", text))


def test_a_sign_that_is_none_and_a_folder_without_a_table_are_refused(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"neither labels\.csv nor attr\.csv"):
        read_faces(tmp_path)
    with pytest.raises(DatasetError, match=r"attr.csv: line 2: Smiling is '2'"):
        read_faces(table(tmp_path, "attr.csv", f"file,{','.join(CELEBA)}\n0.png,{attributes(Smiling=2)}"))
