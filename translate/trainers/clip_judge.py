"""What a small CLIP is asked of faces whose labels are known: zero-shot classification (Radford 2021, Sec. 3.1)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from translate.data.faces import PLACE
from translate.networks.clip import Clip
from translate.objectives.clip import text_embedding
from translate.objectives.templates import TEMPLATES
from translate.trainers.clip_data import to_float

BATCH = 64
Asserts = Mapping[str, int]


class Question(NamedTuple):
    """Which of several answers fits a face; asked only of faces that are known to be as `given` says."""

    name: str
    answers: tuple[tuple[str, Asserts], ...]
    given: Asserts


class Score(NamedTuple):
    """How a question went: the share of right answers, the mean over the answers' own shares, the faces asked of."""

    accuracy: float
    balanced: float
    faces: int


ADULT = {"adult": 1}
HAIR = ("black", "blond", "brown", "gray")


def _either(name: str, yes: str, no: str, fact: str, given: Asserts) -> Question:
    return Question(name, ((yes, {fact: 1}), (no, {fact: -1})), given)


QUESTIONS = (
    _either("sex", "man", "woman", "male", ADULT),
    Question(
        "age group",
        (("child", {"adult": -1}), ("young person", {"young": 1, "adult": 1}), ("old person", {"old": 1})),
        {},
    ),
    _either("smiling", "smiling person", "serious person", "smiling", {}),
    _either("beard", "man with a beard", "man without a beard", "beard", ADULT | {"male": 1}),
    _either("glasses", "person with glasses", "person without glasses", "glasses", {}),
    Question(
        "hair",
        tuple((f"person with {colour} hair", {f"{colour}_hair": 1}) for colour in HAIR),
        ADULT | {"bald": -1},
    ),
    _either("makeup", "woman with makeup", "woman without makeup", "makeup", ADULT | {"male": -1}),
    _either("mouth", "face with an open mouth", "face with a closed mouth", "open_mouth", {}),
)


@torch.no_grad()
def embed(clip: Clip, pictures: Tensor) -> Tensor:
    """Embeddings in float32. Shape: (N, 3, H, W) uint8 -> (N, E)."""
    place = clip.mean.device
    return torch.cat([clip.encode_image(to_float(part).to(place)).cpu() for part in pictures.split(BATCH)])


@torch.no_grad()
def answer(clip: Clip, embeddings: Tensor, question: Question, templates: Sequence[str] = TEMPLATES) -> Tensor:
    """The probability of each answer. Shape: (N, E) -> (N, answers), rows sum to 1."""
    texts = torch.stack([text_embedding(clip, text, templates) for text, _ in question.answers]).cpu()  # (A, E)
    return (clip.scale.cpu() * embeddings @ texts.T).softmax(dim=1)


def truth(question: Question, facts: Tensor) -> Tensor:
    """The right answer of each face, -1 where it is not known or the question is not asked.

    Shape: (N, facts) of -1, 0, 1 -> (N,) int64.
    """
    fits = torch.stack([_holds(asserts, facts) for _, asserts in question.answers], dim=1)  # (N, answers)
    asked = _holds(question.given, facts) & (fits.sum(dim=1) == 1)
    return torch.where(asked, fits.int().argmax(dim=1), -1)


def score(clip: Clip, embeddings: Tensor, facts: Tensor, question: Question) -> Score | None:
    """How well zero-shot answers agree with the labels; None where fewer than two of the answers occur."""
    right = truth(question, facts)
    asked = right >= 0
    right = right[asked]
    if len(right.unique()) < 2:
        return None
    said = answer(clip, embeddings[asked], question).argmax(dim=1)
    shares = [(said[right == value] == value).float().mean() for value in right.unique()]
    return Score(float((said == right).float().mean()), float(torch.stack(shares).mean()), len(right))


def judge(clip: Clip, pictures: Tensor, facts: Tensor, questions: Sequence[Question] = QUESTIONS) -> dict[str, Score]:
    """Every question that the labels can answer. Shape: pictures (N, 3, H, W) uint8, facts (N, facts)."""
    embeddings = embed(clip, pictures)
    found = {question.name: score(clip, embeddings, facts, question) for question in questions}
    return {name: value for name, value in found.items() if value is not None}


def infer(clip: Clip, embeddings: Tensor, facts: Tensor, confident: float) -> tuple[Tensor, dict[str, int]]:
    """The facts, filled in where nothing is known and the model is sure; for how many faces, by question.

    Known facts never change. Shape: (N, E), (N, facts) -> (N, facts).
    """
    filled, counts = facts.clone(), {}
    for question in QUESTIONS:
        asked = _holds(question.given, facts) & (_known(question, facts) == 0)
        certain, said = answer(clip, embeddings, question).max(dim=1)
        sure = asked & (certain >= confident)
        for number, (_, asserts) in enumerate(question.answers):
            for fact, sign in asserts.items():
                column = filled[:, PLACE[fact]]
                column[sure & (said == number) & (facts[:, PLACE[fact]] == 0)] = sign
        if question.name == "hair":  # who has one colour has not the others
            for _, asserts in question.answers:
                for fact in asserts:
                    column = filled[:, PLACE[fact]]
                    column[sure & (column == 0)] = -1
        counts[question.name] = int(sure.sum())
    return filled, counts


def _holds(asserts: Asserts, facts: Tensor) -> Tensor:
    held = torch.ones(len(facts), dtype=torch.bool)
    for fact, sign in asserts.items():
        held &= facts[:, PLACE[fact]] == sign
    return held


def _known(question: Question, facts: Tensor) -> Tensor:
    places = sorted({PLACE[fact] for _, asserts in question.answers for fact in asserts})
    return facts[:, places].abs().sum(dim=1)
