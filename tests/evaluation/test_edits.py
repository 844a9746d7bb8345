"""Edits before a judge: the counting by hand, and many faces at once beside each alone."""

import math

import pytest
import torch
from torch import Tensor

from tests.editing.doubles import HashedCLIP, tiny
from translate.config import LatentConfig, ModelConfig
from translate.data.faces import FACTS
from translate.editing.editor import Editor
from translate.editing.optimisation import OptimisationConfig
from translate.editing.styles import pack
from translate.evaluation import edits
from translate.evaluation.edit_judge import FaceJudge, JudgeNetwork, Question
from translate.evaluation.edits import ATTRIBUTES, Attribute, background

CONFIG = ModelConfig(name="tiny", generator=LatentConfig(kind="stylegan2", latent=5, size=16, depth=2, norm="none"))


class Lightness(JudgeNetwork):
    """Says yes to what is brighter than gray, whatever it is asked."""

    def forward(self, image: Tensor) -> Tensor:
        return image.mean(dim=(1, 2, 3))[:, None].expand(-1, len(FACTS))


def editor(**given: object) -> Editor:
    return Editor(
        tiny(), CONFIG, "ab" * 32, **({"clip": HashedCLIP(), "device": "cpu", "templates": ("a {}",)} | given)
    )  # type: ignore[arg-type]


def plain(*shades: float) -> Tensor:
    return torch.tensor(shades)[:, None, None, None].expand(-1, 3, 16, 16).clone()


def test_background_is_what_lies_outside_of_an_ellipse():
    mask = background(200)
    assert float(mask.mean()) == pytest.approx(1 - math.pi * 0.42 * 0.5, abs=2e-3)
    assert (mask[0, 0, 100, 100], mask[0, 0, 0, 0], mask[0, 0, 100, 20], mask[0, 0, 100, 14]) == (0, 1, 0, 1)


def test_moved_crossed_and_changed_are_counted_by_hand():
    """Logits are shades: two of three rise; of the two below 0 one comes above it."""
    asked = Attribute("a bright face", Question("bright", "male"))
    who = editor(identity=None)
    found = edits._outcome(
        who, FaceJudge(Lightness()), asked, "direction", plain(-0.5, -0.2, 0.5), plain(-0.4, 0.1, 0.2)
    )
    assert (found.faces, found.lacking, found.identity) == (3, 2, None)
    assert (found.moved, found.moved_lacking, found.crossed) == pytest.approx((2 / 3, 1, 1 / 2))
    assert found.rise == pytest.approx((0.1 + 0.3 - 0.3) / 3, abs=1e-6)
    assert (found.changed, found.background) == pytest.approx((127.5 * 0.7 / 3,) * 2, rel=1e-4)


def test_a_sign_of_minus_one_asks_for_the_contrary():
    asked = Attribute("a dark face", Question("dark", "male", -1))
    found = edits._outcome(editor(), FaceJudge(Lightness()), asked, "direction", plain(0.5, 0.5), plain(0.4, 0.6))
    assert (found.moved, found.lacking, found.crossed) == (0.5, 2, 0.0)


def test_only_what_lies_outside_of_the_ellipse_is_background():
    before, after = plain(0.0), plain(0.0)
    after[:, :, 7:9, 7:9] = 1
    found = edits._outcome(editor(), FaceJudge(Lightness()), ATTRIBUTES[0], "direction", before, after)
    assert found.background == 0
    assert found.changed == pytest.approx(127.5 * 4 / 256)


def test_faces_that_are_optimised_together_go_where_each_goes_alone(monkeypatch):
    monkeypatch.setattr(edits, "OptimisationConfig", lambda **given: OptimisationConfig(steps=6, **given))
    who = editor()
    w_plus = torch.cat([who.start(seed).w_plus for seed in (0, 1, 2)])
    together = edits._optimised(who, w_plus, "an old face")
    alone = torch.cat([edits._optimised(who, one, "an old face") for one in w_plus.split(1)])
    assert together.abs().max() > 0.05
    assert torch.allclose(together, alone, atol=1e-3)


def test_a_direction_for_many_is_the_editor_s_own_for_each():
    who = editor()
    starts = [who.start(seed) for seed in range(3)]
    many = edits.EditState(torch.cat([state.w_plus for state in starts]))
    after = edits._pictures(who, many.then(edits._step(who, many, "an old face", "direction")))
    for picture, state in zip(after, starts, strict=True):
        assert torch.allclose(picture, who.edit(state, "an old face").picture[0], atol=1e-5)


def test_each_face_is_drawn_with_what_optimisation_added_to_it(monkeypatch):
    monkeypatch.setattr(edits, "AT_ONCE", 2)
    monkeypatch.setattr(edits, "OptimisationConfig", lambda **given: OptimisationConfig(steps=4, **given))
    who = editor()
    many = edits.EditState(torch.cat([who.start(seed).w_plus for seed in range(3)]))
    step = edits._step(who, many, "an old face", "optimise")
    after = edits._pictures(who, many.then(step))
    assert step.s_change is not None
    assert not torch.allclose(step.s_change[1], step.s_change[2], atol=1e-3)
    with torch.no_grad():
        styles = pack(who.synthesis, many.w_plus[2:]) + step.s_change[2:]
        alone = who.synthesis.render(who.synthesis.split(styles))
    assert torch.allclose(after[2:], alone.clamp(-1, 1), atol=1e-5)
