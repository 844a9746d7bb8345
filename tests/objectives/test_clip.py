"""Losses in CLIP's space by hand-worked vectors, the direction of a change of words, and the contrast of captions."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from translate.objectives.clip import (
    caption_contrast,
    clip_distance,
    directional_distance,
    text_direction,
    text_embedding,
)
from translate.objectives.templates import TEMPLATES

E1, E2 = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])


class Dictionary:
    """Gives each text the vector that was put down for it."""

    def __init__(self, known: dict[str, Tensor]) -> None:
        self.known = known

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        return torch.stack([self.known[text] for text in texts])


def everything(n: int, t: int) -> Tensor:
    return torch.ones(n, t, dtype=torch.bool)


def test_the_distance_is_one_less_the_cosine():
    image = torch.stack([E1, E2, -E1, torch.tensor([3.0, 4.0])])
    torch.testing.assert_close(clip_distance(image, E1[None]), torch.tensor([0.0, 1.0, 2.0, 0.4]))


def test_a_move_along_the_words_costs_nothing_against_them_two_and_across_one():
    source = torch.zeros(3, 2)
    moved = torch.stack([2 * E1, -E1, E2])
    torch.testing.assert_close(directional_distance(moved, source, E1), torch.tensor([0.0, 2.0, 1.0]))


def test_a_text_is_the_unit_mean_of_its_templates_each_brought_to_length_one():
    encoder = Dictionary({"a x": 5 * E1, "the x": 0.1 * E2})
    expected = torch.full((2,), 1 / math.sqrt(2))
    torch.testing.assert_close(text_embedding(encoder, "x", ("a {}", "the {}")), expected)
    torch.testing.assert_close(text_embedding(encoder, "an x", ("a {}", "the {}")), expected)


def test_a_direction_is_the_unit_difference_and_zero_between_equals():
    encoder = Dictionary({"old man": E1, "man": E2})
    found = text_direction(encoder, "an old man", "a man", ("{}",))
    torch.testing.assert_close(found, torch.tensor([1.0, -1.0]) / math.sqrt(2))
    assert text_direction(encoder, "man", "a man", ("{}",)).abs().max() == 0


def test_the_templates_are_openai_s_eighty_but_for_the_one_of_many():
    from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES

    theirs = [template("{}") for template in OPENAI_IMAGENET_TEMPLATES]
    assert len(TEMPLATES) == 79
    assert list(TEMPLATES) == [text for text in theirs if text != "a photo of many {}."]


def test_with_one_caption_each_the_contrast_is_clip_s_own_loss():
    """Radford 2021, Fig. 3: cross-entropy of the diagonal, both ways."""
    torch.manual_seed(0)
    image, text = F.normalize(torch.randn(5, 8), dim=1), F.normalize(torch.randn(5, 8), dim=1)
    logits, label = 7 * image @ text.T, torch.arange(5)
    expected = (F.cross_entropy(logits, label) + F.cross_entropy(logits.T, label)) / 2
    fits = torch.eye(5, dtype=torch.bool)
    torch.testing.assert_close(caption_contrast(image, text, fits, everything(5, 5), 7.0), expected)


def test_equal_captions_are_both_right_so_that_the_least_loss_is_the_entropy_of_two():
    """Two pictures of e1 with one caption, one of e2 with another: at a high scale nothing but log 2 remains."""
    image, text = torch.stack([E1, E1, E2]), torch.stack([E1, E1, E2])
    fits = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    loss = caption_contrast(image, text, fits, everything(3, 3), 100.0)
    assert loss == pytest.approx(2 / 3 * math.log(2), abs=1e-5)


def test_a_pair_that_nobody_knows_about_pulls_and_pushes_nothing():
    image = torch.stack([E1, E2]).requires_grad_()
    text = torch.stack([E1, (E1 + E2) / math.sqrt(2)])
    fits, known = torch.tensor([[1, 0], [0, 1]], dtype=torch.bool), torch.tensor([[1, 0], [0, 1]], dtype=torch.bool)
    loss = caption_contrast(image, text, fits, known, 10.0)
    loss.backward()
    assert loss == 0
    assert image.grad is not None
    assert image.grad.abs().max() == 0


def test_a_picture_that_nothing_fits_counts_nothing_and_leaves_finite_gradients():
    image, text = torch.stack([E1, E2]).requires_grad_(), E1[None].clone().requires_grad_()
    fits = torch.tensor([[True], [False]])
    loss = caption_contrast(image, text, fits, everything(2, 1), 1.0)
    # Rows: one caption only, log 1. Columns: e1 against both pictures, softmax of (1, 0).
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)) / 2)
    loss.backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()


def test_shapes_and_a_fit_that_is_not_known_are_refused():
    with pytest.raises(ValueError, match=r"got \(2, 3\)"):
        caption_contrast(torch.eye(2), torch.eye(2), everything(2, 3), everything(2, 3), 1.0)
    with pytest.raises(ValueError, match="what fits is known"):
        caption_contrast(torch.eye(2), torch.eye(2), everything(2, 2), ~everything(2, 2), 1.0)
