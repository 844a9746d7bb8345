"""Latent optimisation: its schedule, its steps by a plain loop, what stays, what stops it."""

import math

import pytest
import torch
from torch import Tensor

from tests.editing.doubles import ColourCLIP, HashedCLIP, tiny
from translate.editing.composite import composite
from translate.editing.optimisation import OptimisationConfig, Start, optimise, rate
from translate.editing.styles import conv_channels, pack
from translate.errors import TranslateError
from translate.networks import StyleGAN2Generator

NETWORK = tiny()
CLIP = HashedCLIP()
TOLD = CLIP.encode_text(["a smile"])
CHANNELS = 50
WHOLE = OptimisationConfig(space="w_plus")


def start(network: StyleGAN2Generator = NETWORK) -> Start:
    with torch.no_grad():
        w_plus = network.map(torch.randn(1, 5, generator=torch.Generator().manual_seed(4))).contiguous()
    return Start(w_plus, torch.zeros(1, CHANNELS))


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.0), (2, 0.4), (5, 1.0), (50, 1.0), (75, 1.0), (99, 0.5 - 0.5 * math.cos(0.04 * math.pi))],
)
def test_the_rate_rises_for_a_twentieth_and_falls_as_a_cosine_in_the_last_quarter(step, expected):
    assert rate(step, 100) == pytest.approx(expected)


def test_half_way_down_the_rate_is_a_half():
    assert rate(7, 8) == pytest.approx(0.5)


def plain(steps: int, l2: float) -> Tensor:
    """The published loop, written out."""
    origin = start().w_plus
    latent = origin.clone().requires_grad_()
    adam = torch.optim.Adam([latent], lr=0.1)
    for i in range(steps):
        t = i / steps
        adam.param_groups[0]["lr"] = 0.1 * (0.5 - 0.5 * math.cos(min(1, (1 - t) / 0.25) * math.pi)) * min(1, t / 0.05)
        seen = CLIP.encode_image(NETWORK.synthesis(latent, "const"))
        loss = 1 - (seen * TOLD).sum() + l2 * ((latent - origin) ** 2).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
    NETWORK.zero_grad(set_to_none=True)
    return (latent - origin).detach()


def test_it_steps_as_the_published_loop_does():
    config = OptimisationConfig(space="w_plus", steps=12)
    done = optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, start(), config)
    assert torch.allclose(done.w_change, plain(12, 0.008), atol=1e-6)
    assert done.finished
    assert done.s_change.abs().max() == 0


def test_free_generation_has_the_distance_alone():
    config = OptimisationConfig(space="w_plus", steps=12)
    done = optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, start(), config, free=True)
    assert torch.allclose(done.w_change, plain(12, 0), atol=1e-6)


def test_in_style_space_the_layers_to_rgb_stay():
    config = OptimisationConfig(steps=6, space="s")
    done = optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, start(), config)
    moved = set(done.s_change[0].nonzero()[:, 0].tolist())
    assert moved == set(conv_channels(NETWORK.synthesis).tolist())
    assert done.w_change.abs().max() == 0


def test_channels_begin_with_the_lead_and_move_in_units_of_it():
    """Adam's second step, the first with a rate, is 0.1 of the lead, down the slope of 1 - cos."""
    lead = torch.zeros(1, CHANNELS)
    lead[0, [3, 17]] = torch.tensor([2.0, -0.5])
    config = OptimisationConfig(steps=2, lr=0.1, lambda_l2=0)
    done = optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, start(), config, lead=lead)
    s = (pack(NETWORK.synthesis, start().w_plus) + lead).detach().requires_grad_()
    told = (CLIP.encode_image(NETWORK.synthesis.render(NETWORK.synthesis.split(s))) * TOLD).sum()
    uphill = torch.autograd.grad(told, s)[0].sign()
    assert torch.allclose(done.s_change, lead + 0.1 * lead.abs() * uphill, atol=1e-5)
    assert done.w_change.abs().max() == 0


def test_channels_are_held_near_the_lead_and_cancelled_at_once_stay_where_they_were():
    lead = torch.zeros(1, CHANNELS)
    lead[0, [3, 17]] = torch.tensor([2.0, -0.5])

    def run(weight: float, cancel: bool = False) -> Tensor:
        config = OptimisationConfig(steps=30, lambda_l2=weight)
        return optimise(
            NETWORK.synthesis, CLIP.encode_image, TOLD, start(), config, lead=lead, cancelled=lambda: cancel
        ).s_change

    assert (run(100.0) - lead).abs().max() < 0.1 * (run(0.0) - lead).abs().max()
    assert run(0.0, cancel=True).abs().max() == 0
    with pytest.raises(ValueError, match="needs lead"):
        optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, start())


@pytest.mark.parametrize("space", ["w_plus", "s"])
def test_the_picture_comes_nearer_to_the_text(space):
    clip = ColourCLIP()
    told = clip.encode_text(["bright"])
    config = OptimisationConfig(steps=40, space=space, lambda_l2=0)
    done = optimise(NETWORK.synthesis, clip.encode_image, told, start(), config)

    def distance(change: tuple[Tensor, Tensor]) -> float:
        s = pack(NETWORK.synthesis, start().w_plus + change[0]) + change[1]
        return 1 - float((clip.encode_image(NETWORK.synthesis.render(NETWORK.synthesis.split(s))) * told).sum())

    with torch.no_grad():
        before = distance((torch.zeros(1), torch.zeros(1)))
        assert distance(done[:2]) < 0.5 * before


def test_a_heavy_l2_holds_the_latent():
    loose, held = (
        optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, start(), WHOLE.replace(steps=30, lambda_l2=weight))
        for weight in (0.008, 10.0)
    )
    assert held.w_change.square().sum() < 0.05 * loose.w_change.square().sum()


def test_cancelling_keeps_what_was_reached():
    whole: list[Tensor] = []

    def run(stop_after: int):
        asked = iter([False] * stop_after + [True] * 100)
        return optimise(
            NETWORK.synthesis, CLIP.encode_image, TOLD, start(), WHOLE.replace(steps=10),
            cancelled=lambda: next(asked), report=lambda at: whole.append(at.picture),
        )  # fmt: skip

    none, some, full = run(0), run(4), run(10)
    assert (none.finished, some.finished, full.finished) == (False, False, True)
    assert none.w_change.abs().max() == 0
    assert 0 < some.w_change.norm() < full.w_change.norm()
    assert len(whole) == 14


def test_previews_come_as_often_as_asked_and_figures_at_every_step():
    seen = []
    config = WHOLE.replace(steps=7, preview_every=3)
    optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, start(), config, report=seen.append)
    assert [at.step for at in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert [at.picture is not None for at in seen] == [True, False, False, True, False, False, True]
    assert set(seen[0].losses) == {"clip", "l2"}
    assert seen[0].losses["l2"] == 0
    assert seen[0].picture.shape == (1, 3, 16, 16)


def test_only_the_mask_s_inside_is_seen_and_the_outside_costs():
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8] = 1
    seen, shown = [], []

    def encode(x: Tensor) -> Tensor:
        shown.append(x.detach())
        return CLIP.encode_image(x)

    begin = start()
    config = WHOLE.replace(steps=8, preview_every=1)
    optimise(NETWORK.synthesis, encode, TOLD, begin, config, mask=mask, report=seen.append)
    with torch.no_grad():
        before = NETWORK.synthesis(begin.w_plus, "const")
    assert all(torch.allclose(x[..., 8:], before[..., 8:], atol=1e-6) for x in shown)
    assert not torch.allclose(shown[-1][..., :8], before[..., :8], atol=1e-3)
    assert torch.equal(composite(before, shown[-1], mask)[..., 8:], before[..., 8:])
    assert seen[-1].losses["outside"] > 0
    free = optimise(
        NETWORK.synthesis, CLIP.encode_image, TOLD, begin,
        config.replace(lambda_outside=0, steps=40), mask=mask,
    )  # fmt: skip
    held = optimise(
        NETWORK.synthesis, CLIP.encode_image, TOLD, begin,
        config.replace(lambda_outside=100, steps=40), mask=mask,
    )  # fmt: skip

    def outside(change: Tensor) -> float:
        with torch.no_grad():
            return float((NETWORK.synthesis(begin.w_plus + change, "const") - before)[..., 8:].abs().mean())

    assert outside(held.w_change) < 0.5 * outside(free.w_change)


def test_identity_is_looked_at_where_it_has_a_weight():
    seen = []
    config = WHOLE.replace(steps=3, lambda_id=0.5)
    optimise(
        NETWORK.synthesis, CLIP.encode_image, TOLD, start(), config, identity=CLIP.encode_image, report=seen.append
    )
    assert seen[0].losses["id"] == pytest.approx(0, abs=1e-6)
    assert seen[2].losses["id"] > 0


def test_edits_done_before_are_kept_in_both_spaces():
    """The optimisation starts from S with what was added, and what it gives comes on top."""
    begin = start()
    begin = begin._replace(s_change=torch.full((1, CHANNELS), 0.1))
    first = []
    for space in ("w_plus", "s"):
        config = OptimisationConfig(steps=1, space=space)
        done = optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, begin, config, report=first.append)
        assert max(x.abs().max() for x in done[:2]) == 0  # the first step has rate 0
    with torch.no_grad():
        s = pack(NETWORK.synthesis, begin.w_plus) + 0.1
        expected = NETWORK.synthesis.render(NETWORK.synthesis.split(s))
    assert all(torch.allclose(at.picture, expected, atol=1e-5) for at in first)


def test_no_gradient_is_left_in_the_generator_and_a_loss_that_overflows_is_told():
    optimise(NETWORK.synthesis, CLIP.encode_image, TOLD, start(), WHOLE.replace(steps=2))
    assert all(p.grad is None for p in NETWORK.parameters())
    with pytest.raises(TranslateError, match="not finite"):
        optimise(NETWORK.synthesis, lambda x: CLIP.encode_image(x) / 0, TOLD, start(), WHOLE.replace(steps=2))
