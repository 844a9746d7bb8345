"""Park's objective: the contrastive term by hand and by a plain loop, its weights, and no gradient leaks."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.config import CUTConfig
from translate.objectives.adversarial import lsgan
from translate.objectives.contrastive import CUTObjective, build_objective, patch_nce


def unit(*shape: int) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape) + shape[-1])), dim=-1)


def plainly(query: Tensor, key: Tensor, temperature: float) -> float:
    """Eq. 2 and 3 as written: a loop over pictures, places and negatives."""
    losses = []
    for picture_q, picture_k in zip(query.tolist(), key.tolist(), strict=True):
        for own, q in enumerate(picture_q):
            powers = [math.exp(sum(a * b for a, b in zip(q, k, strict=True)) / temperature) for k in picture_k]
            losses.append(-math.log(powers[own] / sum(powers)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.07, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 2, 3), (3, 7, 4)])
def test_the_contrastive_term_is_the_papers(shape: tuple[int, ...], temperature: float):
    query, key = unit(*shape), unit(*shape[:-1], shape[-1] + 1)[..., : shape[-1]]
    assert patch_nce(query, key, temperature).item() == pytest.approx(plainly(query, key, temperature), abs=1e-6)


def test_two_patches_at_right_angles():
    """exp(1) against exp(0) at home; the other way round when the patches have changed places."""
    here = torch.eye(2).unsqueeze(0)
    assert patch_nce(here, here, 1.0).item() == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-7)
    assert patch_nce(here, here.flip(1), 1.0).item() == pytest.approx(math.log(1 + math.exp(1)), abs=1e-7)
    assert patch_nce(here, here, 0.5).item() == pytest.approx(math.log(1 + math.exp(-2)), abs=1e-7)


def test_a_perfect_match_costs_less_than_any_other_order():
    here = unit(1, 4, 8)
    matched = patch_nce(here, here, 0.07)
    assert all(patch_nce(here.roll(shift, 1), here, 0.07) > matched + 1 for shift in (1, 2, 3))


def test_patches_that_are_all_alike_cost_log_of_their_number():
    same = unit(1, 1, 8).expand(2, 5, 8)
    assert patch_nce(same, same, 0.07).item() == pytest.approx(math.log(5), rel=1e-6)


def test_negatives_come_from_the_same_picture_alone():
    query, key = unit(2, 6, 4), unit(2, 6, 5)[..., :4]
    alone = [patch_nce(query[i : i + 1], key[i : i + 1], 0.07).item() for i in range(2)]
    assert patch_nce(query, key, 0.07).item() == pytest.approx(sum(alone) / 2, rel=1e-6)


def test_only_the_query_learns():
    query, key = unit(1, 3, 4).requires_grad_(), unit(1, 3, 5)[..., :4].requires_grad_()
    patch_nce(query, key, 0.07).backward()
    assert query.grad is not None and query.grad.any()  # noqa: PT018
    assert key.grad is None


def test_lower_precision_around_it_changes_nothing():
    query, key = unit(2, 6, 32), unit(2, 6, 33)[..., :32]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = patch_nce(query, key, 0.07)
    assert low.dtype == torch.float32
    assert torch.equal(low, patch_nce(query, key, 0.07))


def test_a_map_of_a_single_place_costs_nothing_and_teaches_nothing():
    query = unit(2, 1, 4).requires_grad_()
    loss = patch_nce(query, unit(2, 1, 4).roll(1, -1), 0.07)
    loss.backward()
    assert loss.item() == 0
    assert not query.grad.any()


class Mean(nn.Module):
    """A discriminator whose one logit is `weight` times the mean of all it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x.mean(dim=(1, 2, 3), keepdim=True)


FAKE_B, REAL_B = torch.full((1, 3, 4, 4), -0.5), torch.full((1, 3, 4, 4), 0.25)
MATCHED, SWAPPED = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
HERE = torch.eye(2).unsqueeze(0)


def objective(**changes) -> CUTObjective:
    return CUTObjective(adversarial=lsgan(), temperature=1.0, **changes)


def test_generator_pays_for_being_found_out_and_for_lost_patches():
    losses = objective(lambda_gan=2.0, lambda_nce=10.0, identity=False).generator(
        Mean(), FAKE_B, [HERE, HERE], [HERE, HERE.flip(1)]
    )
    assert set(losses) == {"gan", "nce"}
    assert losses["gan"].item() == pytest.approx(2 * (-0.5 - 1) ** 2)
    # the mean over both layers
    assert losses["nce"].item() == pytest.approx(10 * (MATCHED + SWAPPED) / 2)


def test_with_identity_each_domain_counts_half():
    query, key = torch.cat([HERE, HERE]), torch.cat([HERE, HERE.flip(1)])
    losses = objective(lambda_nce=4.0).generator(Mean(), FAKE_B, [query], [key])
    assert losses["nce"].item() == pytest.approx(4 * MATCHED / 2)
    assert losses["nce_identity"].item() == pytest.approx(4 * SWAPPED / 2)


def test_discriminator_loss_is_halved():
    losses = objective().discriminator(Mean(), FAKE_B, REAL_B)
    assert losses["gan"].item() == pytest.approx(0.5 * ((0.25 - 1) ** 2 + 0.5**2))


def test_discriminator_step_sends_no_gradient_to_the_generator():
    fake_b = FAKE_B.clone().requires_grad_()
    objective().discriminator(Mean(), fake_b, REAL_B)["gan"].backward()
    assert fake_b.grad is None


def test_generator_step_reaches_the_generator_through_a_frozen_discriminator():
    fake_b, disc = FAKE_B.clone().requires_grad_(), Mean().requires_grad_(False)
    objective(identity=False).generator(disc, fake_b, [HERE], [HERE])["gan"].backward()
    assert fake_b.grad is not None
    assert disc.weight.grad is None


def test_config_sets_every_weight():
    config = CUTConfig(lambda_gan=2.0, lambda_nce=3.0, identity=False, temperature=0.5)
    built = build_objective(config, lsgan())
    assert (built.lambda_gan, built.lambda_nce, built.identity, built.temperature) == (2.0, 3.0, False, 0.5)
    logits = torch.tensor([[[[0.25]]]])
    assert built.adversarial.generator(logits).item() == pytest.approx(0.75**2)
