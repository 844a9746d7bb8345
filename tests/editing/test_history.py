"""The stack of edits: undo gives the same bits, masked edits stay in their masks, a morph has both ends."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.editing.doubles import tiny
from translate.editing.history import EditState, EditStep, blend, draw, mix
from translate.editing.styles import pack
from translate.errors import ConfigError

SYNTHESIS = tiny().synthesis


def state(seed: int = 0) -> EditState:
    return EditState(torch.randn(1, 6, 7, generator=torch.Generator().manual_seed(seed)), origin=f"seed {seed}")


def step(seed: int, mask: Tensor | None = None, **changes: object) -> EditStep:
    change = torch.randn(1, 50, generator=torch.Generator().manual_seed(seed)) * 0.5
    return EditStep(prompt=f"edit {seed}", method="direction", s_change=change, mask=mask, **changes)  # type: ignore[arg-type]


def half(rows: slice) -> Tensor:
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., rows, :] = 1
    return mask


@torch.no_grad()
def picture(given: EditState) -> Tensor:
    return draw(SYNTHESIS, given)


@torch.no_grad()
def of(w_plus: Tensor, s_change: Tensor) -> Tensor:
    return SYNTHESIS.render(SYNTHESIS.split(pack(SYNTHESIS, w_plus) + s_change))


def test_edits_add_up_in_w_and_in_s_at_their_strengths():
    first = step(1, strength=2.0)
    w_change = torch.full((1, 6, 7), 0.3)
    second = EditStep(prompt="b", method="mapper", w_change=w_change, strength=-0.5)
    stacked = state().then(first).then(second)
    assert torch.allclose(picture(stacked), of(state().w_plus - 0.5 * w_change, 2 * first.s_change), atol=1e-6)


def test_undo_gives_the_picture_before_bit_for_bit():
    one = state().then(step(1))
    two = one.then(step(2, half(slice(0, 8)))).then(step(3))
    assert two.undo().undo() == one or two.undo().undo().steps == one.steps
    assert torch.equal(picture(two.undo().undo()), picture(one))
    assert torch.equal(picture(one.undo()), picture(state()))
    with pytest.raises(ConfigError, match="no edit to undo"):
        state().undo()


def test_a_state_never_changes():
    one = state().then(step(1))
    before = picture(one)
    one.then(step(2))
    one.at(3.0)
    assert len(one.steps) == 1
    assert torch.equal(picture(one), before)
    with pytest.raises(AttributeError):
        one.steps = ()  # type: ignore[misc]


def test_another_strength_is_another_multiple_and_zero_is_nothing():
    one = state().then(step(1))
    assert torch.equal(picture(one.at(0)), picture(state()))
    assert torch.allclose(picture(one.at(-1.5)), of(state().w_plus, -1.5 * one.steps[0].s_change), atol=1e-6)


def test_a_masked_edit_leaves_every_bit_outside_and_is_whole_inside():
    top = half(slice(0, 8))
    masked, whole = state().then(step(1, top)), state().then(step(1))
    assert torch.equal(picture(masked)[..., 8:, :], picture(state())[..., 8:, :])
    assert torch.equal(picture(masked)[..., :8, :], picture(whole)[..., :8, :])


def test_an_edit_after_a_masked_one_changes_both_and_does_not_spread_it():
    top = half(slice(0, 8))
    both = state().then(step(1, top)).then(step(2))
    only = state().then(step(2))
    assert torch.equal(picture(both)[..., 8:, :], picture(only)[..., 8:, :])
    expected = of(state().w_plus, step(1).s_change + step(2).s_change)
    assert torch.allclose(picture(both)[..., :8, :], expected[..., :8, :], atol=1e-5)


def test_masks_that_do_not_meet_do_not_mix_and_those_that_do_add_up():
    top, bottom, middle = half(slice(0, 4)), half(slice(12, 16)), half(slice(2, 10))
    apart = picture(state().then(step(1, top)).then(step(2, bottom)))
    assert torch.equal(apart[..., :4, :], picture(state().then(step(1)))[..., :4, :])
    assert torch.equal(apart[..., 12:, :], picture(state().then(step(2)))[..., 12:, :])
    assert torch.equal(apart[..., 4:12, :], picture(state())[..., 4:12, :])
    met = picture(state().then(step(1, top)).then(step(2, middle)))
    assert torch.equal(met[..., :2, :], picture(state().then(step(1)))[..., :2, :])
    both = of(state().w_plus, step(1).s_change + step(2).s_change)
    assert torch.allclose(met[..., 2:10, :], both[..., 2:10, :], atol=1e-5)


def test_a_morph_begins_and_ends_with_the_faces_themselves_and_is_straight_between():
    a, b = state(0).then(step(1)), state(5).then(step(2, strength=2.0))
    assert blend(a, b, 0) is a
    assert blend(a, b, 1) is b
    quarter = blend(a, b, 0.25)
    s_change = 0.75 * step(1).s_change + 0.5 * step(2).s_change
    expected = of(0.75 * state(0).w_plus + 0.25 * state(5).w_plus, s_change)
    assert torch.allclose(picture(quarter), expected, atol=1e-5)
    assert quarter.origin == "seed 0 to seed 5 at 0.25"


@pytest.mark.parametrize("tuned_one", [0, 1])
def test_a_generator_tuned_to_one_of_two_faces_draws_the_whole_way(tuned_one: int):
    tuned = tiny(seed=9).synthesis
    ends = [state(0), state(5)]
    ends[tuned_one] = replace(ends[tuned_one], synthesis=tuned)
    assert [blend(*ends, t).synthesis for t in (0, 0.5, 1)] == [tuned] * 3
    assert [mix(*ends, layers).synthesis for layers in (0, 3, 6)] == [tuned] * 3


def test_between_two_tuned_generators_there_is_no_way():
    a, b = (replace(state(seed), synthesis=tiny(seed=seed).synthesis) for seed in (0, 5))
    for way in (lambda: blend(a, b, 0), lambda: mix(a, b, 3)):
        with pytest.raises(ConfigError, match="each of the faces has a generator tuned to its photo"):
            way()
    assert blend(a, replace(b, synthesis=a.synthesis), 0.5).synthesis is a.synthesis


def test_a_mix_takes_its_first_layers_of_one_face_and_the_others_of_the_other():
    a, b = state(0).then(step(1)), state(5)
    assert torch.equal(mix(a, b, 0).w_plus, b.w_plus)
    assert torch.equal(mix(a, b, 6).w_plus, a.w_plus)
    half_way = mix(a, b, 2)
    assert torch.equal(half_way.w_plus[:, :2], a.w_plus[:, :2])
    assert torch.equal(half_way.w_plus[:, 2:], b.w_plus[:, 2:])
    assert half_way.steps == ()
    assert half_way.origin == "2 layers of seed 0, the rest of seed 5"
