"""Soft and noisy labels: targets by hand, rows that change places, losses without labels refused."""

import pytest
import torch
from torch.nn import functional as F

from translate.errors import ConfigError
from translate.objectives.adversarial import ADVERSARIAL, hinge, lsgan, vanilla
from translate.objectives.labels import mislabelled, smoothed

REAL, FAKE = torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([[0.3], [-2.0], [1.0]])


def test_smoothed_vanilla_is_cross_entropy_with_a_soft_target():
    found = smoothed(vanilla(), 0.1).discriminator(REAL, FAKE)
    on_real = F.binary_cross_entropy_with_logits(REAL, torch.full_like(REAL, 0.9))
    on_fake = F.binary_cross_entropy_with_logits(FAKE, torch.zeros_like(FAKE))
    assert found.item() == pytest.approx((on_real + on_fake).item(), abs=1e-6)


def test_smoothed_lsgan_pulls_as_the_soft_target_does():
    real = REAL.clone().requires_grad_()
    (slope,) = torch.autograd.grad(smoothed(lsgan(), 0.2).discriminator(real, FAKE), real)
    assert torch.allclose(slope, 2 * (REAL - 0.8) / 3)


@pytest.mark.parametrize("loss", [vanilla, lsgan, hinge])
def test_the_generator_pays_what_it_paid(loss):
    assert torch.equal(smoothed(loss(), 0.3).generator(FAKE), loss().generator(FAKE))
    assert torch.equal(mislabelled(loss(), 0.3).generator(FAKE), loss().generator(FAKE))


@pytest.mark.parametrize("word", ["relativistic", "contrastive"])
def test_a_loss_without_labels_has_none_to_smooth(word: str):
    with pytest.raises(ConfigError, match=r"stability\.label_smoothing: .* no labels to smooth"):
        smoothed(ADVERSARIAL[word](), 0.1)


def test_mislabelled_pictures_change_places():
    torch.manual_seed(0)
    swapped = torch.rand(3, 1) < 0.4
    assert swapped.flatten().tolist() == [False, False, True]
    torch.manual_seed(0)
    found = mislabelled(vanilla(), 0.4).discriminator(REAL, FAKE)
    real, fake = torch.tensor([2.0, -1.0, 1.0]), torch.tensor([0.3, -2.0, 0.5])
    assert found.item() == pytest.approx((F.softplus(-real).mean() + F.softplus(fake).mean()).item())


def test_the_share_of_wrong_labels_is_the_one_asked_for():
    torch.manual_seed(0)
    seen: list[torch.Tensor] = []
    spy = mislabelled(vanilla(), 0.2)
    for _ in range(50):
        # +-1 tell real from generated; the loss's mean is linear in how many changed places.
        seen.append(spy.discriminator(torch.ones(100, 1), -torch.ones(100, 1)))
    right, wrong = F.softplus(torch.tensor(-1.0)), F.softplus(torch.tensor(1.0))
    share = (torch.stack(seen).mean() / 2 - right) / (wrong - right)
    assert share.item() == pytest.approx(0.2, abs=0.02)
