"""The judge of edits: what it is asked, what teaches it, and that it learns what labels say."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from translate import images
from translate.checkpoints import write_tensors
from translate.data.faces import FACTS, PLACE
from translate.errors import CheckpointError, DatasetError
from translate.evaluation import edit_judge
from translate.evaluation.edit_judge import FaceJudge, JudgeNetwork, Question, kept_judge, read_labelled, train_judge
from translate.trainers.clip_data import Faces

WOMAN = Question("woman", "male", -1, given=(("adult", 1),))
NARROW = (8, 8, 8, 8)


def facts(*rows: dict[str, int]) -> Tensor:
    return torch.tensor([[row.get(fact, 0) for fact in FACTS] for row in rows], dtype=torch.int8)


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes faces of (split, age, sex), men bright and women dark; returns the folder."""

    def write(*faces: tuple[str, int, str]) -> Path:
        lines = ["file,split,age,sex"]
        for number, (split, age, sex) in enumerate(faces):
            shade = 180 if sex == "male" else 70
            noise = np.random.default_rng(number).integers(-20, 20, (64, 64, 3))
            images.save((shade + noise).astype(np.uint8), tmp_path / f"{number}.png")
            lines.append(f"{number}.png,{split},{age},{sex}")
        (tmp_path / "labels.csv").write_text("\n".join(lines))
        return tmp_path

    return write


def test_a_question_is_asked_of_the_faces_it_is_about_and_turned_by_its_sign():
    told = facts({"male": 1, "adult": 1}, {"male": -1, "adult": 1}, {"male": -1, "adult": -1}, {"male": -1}, {})
    assert WOMAN.truth(told).tolist() == [-1, 1, 0, 0, 0]
    assert Question("man", "male").truth(told).tolist() == [1, -1, -1, -1, 0]


def test_a_fact_that_a_table_tells_only_one_way_teaches_nothing(table):
    """Ages deny women a beard and give nobody one."""
    (faces,) = read_labelled([table(("train", 30, "male"), ("train", 30, "female"), ("val", 5, "female"))], "train")
    assert faces.pictures.shape == (2, 3, 72, 72)
    assert faces.facts[:, PLACE["male"]].tolist() == [1, -1]
    assert faces.facts[:, PLACE["beard"]].tolist() == [0, 0]
    assert faces.facts[:, PLACE["adult"]].tolist() == [0, 0]  # the child is held out


def test_held_out_faces_are_those_of_val_at_the_size_that_is_judged(table):
    (faces,) = read_labelled([table(("train", 30, "male"), ("train", 30, "female"), ("val", 5, "female"))], "val")
    assert faces.pictures.shape == (1, 3, 64, 64)
    assert faces.facts[0, PLACE["male"]] == -1


def test_a_folder_without_held_out_faces_is_told(table):
    with pytest.raises(DatasetError, match="names no faces of the split val"):
        read_labelled([table(("train", 30, "male"))], "val")


def test_yes_and_no_weigh_alike_however_rare():
    """Of one yes and three no: 4 / 2 and 4 / 6, so that both sum up to 2."""
    told = facts({"beard": 1}, {"beard": -1}, {"beard": -1}, {"beard": -1}, {})
    yes, no = edit_judge._weights(told)
    assert (float(yes[PLACE["beard"]]), float(no[PLACE["beard"]])) == (pytest.approx(2), pytest.approx(4 / 6))


def test_what_is_not_known_counts_nothing_in_the_loss():
    told = facts({"beard": 1}, {"beard": -1}).float()
    logits = torch.zeros(2, len(FACTS))
    weights = edit_judge._weights(told)
    at_zero = edit_judge._loss(logits, told, weights)
    logits[:, PLACE["glasses"]] = 50
    assert float(at_zero) == pytest.approx(np.log(2))
    assert torch.equal(edit_judge._loss(logits, told, weights), at_zero)


def test_it_learns_what_the_labels_say_and_the_same_each_time(table):
    people = [(split, 30, sex) for split in ("train", "val") for sex in ("male", "female") for _ in range(8)]
    folder = table(*people)
    train, val = (read_labelled([folder], split) for split in ("train", "val"))
    judge = train_judge(train, steps=40, batch=16, widths=NARROW, precision="fp32")
    assert judge.accuracy(val[0], Question("man", "male")) == (1.0, 1.0, 1.0, 8, 8)
    one, two = (train_judge(train, steps=2, batch=4, widths=NARROW, precision="fp32").network for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


class Lightness(JudgeNetwork):
    """Says yes to what is brighter than gray, whatever it is asked."""

    def forward(self, image: Tensor) -> Tensor:
        return image.mean(dim=(1, 2, 3))[:, None].expand(-1, len(FACTS))


def test_accuracy_is_of_those_that_are_asked_and_balanced_over_both_answers():
    """Of three men one is darker than gray and than the one woman, who is too; the child is not asked."""
    shades = torch.tensor([200, 210, 20, 30, 250], dtype=torch.uint8)
    pictures = shades[:, None, None, None].expand(-1, 3, 64, 64)
    man, woman = {"male": 1, "adult": 1}, {"male": -1, "adult": 1}
    faces = Faces(pictures, facts(man, man, man, woman, {"male": 1, "adult": -1}))
    found = FaceJudge(Lightness()).accuracy(faces, WOMAN._replace(sign=1))
    assert found == pytest.approx((3 / 4, (2 / 3 + 1) / 2, 2 / 3, 3, 1))


def test_faces_that_it_is_as_sure_of_are_ranked_half_right():
    """A man at 200 against women at 200 and 100: half a pair and one pair of two."""
    shades = torch.tensor([200, 200, 100], dtype=torch.uint8)
    man, woman = {"male": 1, "adult": 1}, {"male": -1, "adult": 1}
    faces = Faces(shades[:, None, None, None].expand(-1, 3, 64, 64), facts(man, woman, woman))
    assert FaceJudge(Lightness()).accuracy(faces, WOMAN._replace(sign=1)).ranked == 0.75


def test_a_judge_is_kept_in_its_file_and_not_trained_again(table, tmp_path: Path, monkeypatch):
    folder = table(("train", 30, "male"), ("train", 30, "female"))
    trained = []

    def train(folders, report=None):
        trained.append(len(folders))
        return FaceJudge(JudgeNetwork())

    monkeypatch.setattr(edit_judge, "train_judge", train)
    path, face = tmp_path / "judge.safetensors", torch.rand(2, 3, 64, 64)
    first = kept_judge(path, [folder])(face, WOMAN)
    assert torch.equal(kept_judge(path, [folder])(face, WOMAN), first)
    assert trained == [1]
    write_tensors(path, {"other": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"judge\.safetensors"):
        kept_judge(path, [folder])
