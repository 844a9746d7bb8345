import math

import pytest
import torch
from torch import Tensor

from translate.metrics.inception_score import inception_score


def _probabilities(count: int, classes: int, seed: int = 0) -> Tensor:
    logits = torch.randn(count, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (3 * logits).softmax(dim=1)


def test_sure_answers_evenly_over_all_classes_score_the_number_of_classes():
    found = inception_score(torch.eye(5).repeat(8, 1), splits=4)
    assert found.value == pytest.approx(5, abs=1e-9)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert found.counts == (40,)


def test_the_same_answer_to_every_picture_scores_one_however_sure():
    for row in ([1.0, 0, 0], [0.2, 0.3, 0.5]):
        assert inception_score(torch.tensor([row] * 20), splits=2).value == pytest.approx(1, abs=1e-9)


def test_hand_computed_value_of_two_answers():
    """Rows (.9, .1) and (.1, .9): the marginal is even, so KL is ln 2 + .9 ln .9 + .1 ln .1 for both."""
    expected = math.exp(math.log(2) + 0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert inception_score(torch.tensor([[0.9, 0.1], [0.1, 0.9]]), splits=1).value == pytest.approx(expected, abs=1e-6)


def test_it_is_the_formula_of_the_paper_part_by_part():
    p = _probabilities(23, 4)
    scores = []
    for start, end in ((0, 7), (7, 15), (15, 23)):
        rows = p[start:end].tolist()
        marginal = [sum(row[c] for row in rows) / len(rows) for c in range(4)]
        divergences = [sum(row[c] * math.log(row[c] / marginal[c]) for c in range(4)) for row in rows]
        scores.append(math.exp(sum(divergences) / len(rows)))
    mean = sum(scores) / 3
    spread = math.sqrt(sum((score - mean) ** 2 for score in scores) / 3)
    assert inception_score(p, splits=3)[:2] == pytest.approx((mean, spread), rel=1e-9)


def test_names_of_classes_and_the_order_within_a_part_change_nothing():
    p = _probabilities(30, 6)
    score = inception_score(p, splits=1).value
    assert inception_score(p.flip(1), splits=1).value == pytest.approx(score, rel=1e-9)
    assert inception_score(p.flip(0), splits=1).value == pytest.approx(score, rel=1e-9)


def test_samples_sorted_by_class_need_shuffling():
    """In order each part holds a single class and scores 1."""
    p = torch.eye(4).repeat_interleave(50, dim=0)
    assert inception_score(p, splits=4).value == pytest.approx(1)
    random = torch.Generator().manual_seed(0)
    assert inception_score(p, splits=4, generator=random).value == pytest.approx(4, rel=0.05)


def test_fewer_samples_score_lower():
    p = _probabilities(2000, 20)
    assert inception_score(p[:200], splits=10).value < inception_score(p, splits=10).value


@pytest.mark.parametrize(
    ("p", "splits", "said"),
    [
        (torch.rand(4), 1, r"expected class probabilities \(N, K\), got \(4,\)"),
        (torch.rand(0, 4), 1, r"expected class probabilities \(N, K\)"),
        (torch.randn(40, 4), 10, "take the softmax of logits first"),
        (torch.tensor([[1.5, -0.5]] * 4), 1, "no class probabilities"),
        (torch.full((4, 2), float("nan")), 1, "no class probabilities"),
        (torch.full((19, 2), 0.5), 10, "splits is 10, expected 1 to 9 for 19 samples"),
        (torch.full((4, 2), 0.5), 0, "splits is 0"),
    ],
)
def test_what_has_no_score_is_refused_in_one_line(p: Tensor, splits: int, said: str):
    with pytest.raises(ValueError, match=said) as caught:
        inception_score(p, splits)
    assert "\n" not in str(caught.value)
