"""The projector finds latents it can find, in time or cut short; pivotal tuning has a generator of its own."""

import math

import pytest
import torch

from tests import tiny_faces
from translate.editing.inversion import (
    ProjectorConfig,
    TuningConfig,
    changed,
    noise_regulariser,
    project,
    ramp,
    tune,
)
from translate.objectives.perceptual import FeatureDistance

QUICK = ProjectorConfig(steps_w=40, steps_w_plus=60)


@pytest.fixture(scope="module")
def generator():
    return tiny_faces.generator()


@pytest.fixture(scope="module")
def distance():
    return FeatureDistance("discriminator of tiny", tiny_faces.discriminator().features, 16)


@pytest.fixture(scope="module")
def known(generator):
    """Styles of two faces, and what they draw."""
    with torch.no_grad():
        one, other = generator.map(torch.randn(2, 8, generator=torch.Generator().manual_seed(3))).chunk(2)
        w_plus = torch.cat([one[:, :3], other[:, 3:]], dim=1)
        return w_plus, generator.synthesis(w_plus, "const")


def test_the_rate_climbs_a_line_and_falls_half_a_cosine():
    assert ramp(0, 100) == 0
    assert ramp(2, 100) == pytest.approx(0.4)
    assert ramp(5, 100) == ramp(75, 100) == pytest.approx(1)
    assert ramp(875, 1000) == pytest.approx(0.5)
    assert ramp(90, 100) == pytest.approx(0.5 - 0.5 * math.cos(math.pi * 0.4))
    assert ramp(100, 100) == pytest.approx(0)


def test_noise_is_known_by_how_it_resembles_its_neighbours():
    """A map of ones: mean(1 * 1)^2 on two axes at 16 and at 8 pixels. Stripes one pixel wide: -1 across, 1 along."""
    assert noise_regulariser([torch.ones(16, 16)]).item() == pytest.approx(4)
    stripes = torch.tensor([1.0, -1.0]).repeat(8).expand(16, 16)
    assert noise_regulariser([stripes]).item() == pytest.approx(2)  # halved, nothing of them is left
    torch.manual_seed(0)
    assert noise_regulariser([torch.randn(64, 64)]).item() < 0.05


def test_the_projector_comes_near_a_picture_that_the_generator_can_draw(generator, distance, known):
    _, target = known
    with torch.no_grad():
        mean = generator.synthesis(generator.mapping.w_avg.expand(1, generator.num_ws, -1), "const")
    before, seen = (mean - target).square().mean().item(), []
    found = project(generator, target, distance, QUICK, report=lambda *at: seen.append(at))
    with torch.no_grad():
        drawn = generator.synthesis(found.w_plus, "const")
    assert found.l2 == pytest.approx((drawn - target).square().mean().item(), rel=1e-3)
    assert found.perceptual == pytest.approx(distance(drawn, target).item(), rel=1e-3)
    assert found.l2 < 0.05 * before
    assert found.perceptual < 0.1 * distance(mean, target).item()
    assert (found.steps, [at[:2] for at in seen]) == (100, [(n, 100) for n in range(1, 101)])
    assert all(p.requires_grad for p in generator.parameters())


def test_it_goes_on_from_a_start_and_never_ends_worse(generator, distance, known):
    w_plus, target = known
    found = project(generator, target, distance, QUICK.replace(steps_w_plus=3), start=w_plus)
    assert found.steps == 3
    assert found.l2 < 1e-8
    near = w_plus + 0.2 * torch.randn(w_plus.shape, generator=torch.Generator().manual_seed(0))
    none = project(generator, target, distance, QUICK.replace(steps_w_plus=0), start=near)
    assert torch.equal(none.w_plus, near)
    some = project(generator, target, distance, QUICK.replace(steps_w_plus=20), start=near)
    assert some.l2 + some.perceptual < none.l2 + none.perceptual


def test_a_seed_gives_the_same_latent_and_a_cancelled_search_its_best(generator, distance, known):
    _, target = known
    config = QUICK.replace(steps_w=4, steps_w_plus=4)
    one, two = (project(generator, target, distance, config, seed=7) for _ in range(2))
    assert torch.equal(one.w_plus, two.w_plus)
    assert not one.cancelled
    polls = iter([False, False, True])
    cut = project(generator, target, distance, config, cancelled=lambda: next(polls))
    assert (cut.cancelled, cut.steps) == (True, 2)
    assert math.isfinite(cut.l2)


def test_optimised_noise_is_normal_and_the_generator_s_own_stays(generator, distance, known):
    _, target = known
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    config = QUICK.replace(steps_w=0, steps_w_plus=5, optimise_noise=True)
    found = project(generator, target, distance, config)
    assert len(found.noise) == 5
    for noise in found.noise:
        assert noise.mean().abs() < 0.3
        assert 0.5 < noise.square().mean() < 1.5
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())


def test_tuning_draws_what_no_latent_can_and_leaves_the_generator_untouched(generator, distance, known):
    w_plus, target = known
    target = (target + 0.3 * torch.sign(torch.sin(torch.arange(16.0)))).clamp(-1, 1)
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    config = TuningConfig(steps=60, lr=3e-3, stop=0)
    with torch.no_grad():
        at_first = (generator.synthesis(w_plus, "const") - target).square().mean().item()
    found = tune(generator, w_plus, target, distance, config)
    with torch.no_grad():
        drawn = found.generator.synthesis(w_plus, "const")
    assert found.l2 == pytest.approx((drawn - target).square().mean().item(), rel=1e-4)
    assert found.l2 < 0.5 * at_first
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())
    assert all(name.startswith("synthesis.") for name in changed(found.generator, generator))
    assert changed(generator, generator) == {}


def test_tuning_stops_at_the_distance_asked_for_or_when_cancelled(generator, distance, known):
    w_plus, target = known
    other = target.flip(3)
    assert tune(generator, w_plus, other, distance, TuningConfig(stop=10.0)).steps == 0
    assert tune(generator, w_plus, target, distance, TuningConfig()).steps == 0
    polls = iter([False, False, True])
    cut = tune(generator, w_plus, other, distance, TuningConfig(), cancelled=lambda: next(polls))
    assert (cut.steps, cut.cancelled) == (2, True)
    quarter = tune(generator, w_plus, other, distance, TuningConfig(steps=200, lr=1e-2))
    with torch.no_grad():
        assert quarter.perceptual <= 0.25 * distance(target, other).item()
