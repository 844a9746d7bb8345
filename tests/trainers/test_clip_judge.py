"""Zero-shot questions: who is asked, what counts as right, and what a model may fill in by itself."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from translate.data.faces import FACTS, PLACE
from translate.trainers.clip_judge import QUESTIONS, Question, answer, embed, infer, judge, score, truth

BY_NAME = {question.name: question for question in QUESTIONS}
SMILE = BY_NAME["smiling"]


class Colours:
    """Knows only how red a picture is, and takes every text with "smiling" in it for red."""

    mean = torch.zeros(1)
    scale = torch.tensor(20.0)

    def encode_image(self, image: Tensor) -> Tensor:
        red = image[:, 0].mean(dim=(1, 2))  # (N,) in [-1, 1]
        return F.normalize(torch.stack([red, 1 - red.abs()], dim=1), dim=1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor([[1.0, 0.0] if "smiling" in text else [-1.0, 0.0] for text in texts])


def faces(*rows: dict[str, int]) -> Tensor:
    return torch.tensor([[row.get(name, 0) for name in FACTS] for row in rows], dtype=torch.int8)


def reds(*levels: int) -> Tensor:
    pictures = torch.full((len(levels), 3, 8, 8), 128, dtype=torch.uint8)
    pictures[:, 0] = torch.tensor(levels, dtype=torch.uint8)[:, None, None]
    return pictures


@pytest.fixture
def clip() -> Any:
    return Colours()


def test_only_known_faces_of_the_asked_kind_have_a_right_answer():
    facts = faces({"smiling": 1}, {"smiling": -1}, {}, {"male": 1, "adult": 1, "beard": -1}, {"male": -1, "beard": -1})
    assert truth(SMILE, facts).tolist() == [0, 1, -1, -1, -1]
    assert truth(BY_NAME["beard"], facts).tolist() == [-1, -1, -1, 1, -1]


def test_hair_of_two_colours_is_not_asked_about():
    facts = faces(*({"adult": 1, "bald": -1, "black_hair": 1, "gray_hair": gray} for gray in (-1, 1)))
    assert truth(BY_NAME["hair"], facts).tolist() == [0, -1]


def test_every_answer_is_of_facts_that_exist_and_of_words_that_captions_hold():
    from translate.data.captions import words

    for question in QUESTIONS:
        for text, asserts in question.answers:
            assert asserts.keys() <= PLACE.keys()
            assert set(text.split()) <= set(words())


def test_probabilities_sum_to_one_and_follow_the_scale(clip: Any):
    found = answer(clip, torch.tensor([[0.6, 0.8]]), SMILE, ("{}",))
    odds = torch.tensor(20.0 * (0.6 + 0.6)).exp()
    torch.testing.assert_close(found, torch.stack([odds, torch.tensor(1.0)])[None] / (odds + 1))


def test_balanced_accuracy_is_the_mean_over_the_answers(clip: Any):
    """Three smile, one is missed; the one that does not is right: 3 of 4, and (2/3 + 1) / 2."""
    facts = faces({"smiling": 1}, {"smiling": 1}, {"smiling": 1}, {"smiling": -1}, {})
    found = score(clip, embed(clip, reds(250, 240, 20, 10, 200)), facts, SMILE)
    assert found is not None
    assert found.accuracy == pytest.approx(3 / 4)
    assert found.balanced == pytest.approx(5 / 6)
    assert found.faces == 4


def test_a_question_that_only_one_answer_fits_is_not_scored(clip: Any):
    assert judge(clip, reds(250, 10), faces({"smiling": 1}, {"smiling": 1})) == {}


def test_a_sure_answer_fills_in_what_is_open_and_changes_nothing_known(clip: Any):
    facts = faces({}, {}, {"smiling": -1}, {})
    filled, counts = infer(clip, embed(clip, reds(250, 5, 250, 129)), facts, 0.9)
    assert filled[:, PLACE["smiling"]].tolist() == [1, -1, -1, 0]  # the last is too gray to be sure about
    assert counts["smiling"] == 2
    assert facts[:, PLACE["smiling"]].tolist() == [0, 0, -1, 0]


def test_who_gets_one_colour_of_hair_is_denied_the_others():
    class Blond(Colours):
        def encode_text(self, texts: Sequence[str]) -> Tensor:
            return torch.tensor([[1.0, 0.0] if "blond" in text else [-1.0, 0.0] for text in texts])

    clip: Any = Blond()
    filled, _ = infer(clip, embed(clip, reds(250)), faces({"adult": 1, "bald": -1}), 0.9)
    known = {name: int(filled[0, PLACE[name]]) for name in ("black_hair", "blond_hair", "brown_hair", "gray_hair")}
    assert known == {"black_hair": -1, "blond_hair": 1, "brown_hair": -1, "gray_hair": -1}


def test_a_question_may_have_any_number_of_answers(clip: Any):
    three = Question("three", (("smiling", {"smiling": 1}), ("b", {"hat": 1}), ("c", {"bangs": 1})), {})
    assert answer(clip, torch.tensor([[1.0, 0.0]]), three, ("{}",)).shape == (1, 3)
