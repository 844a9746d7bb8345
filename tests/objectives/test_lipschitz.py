"""Constraints on critics: closed forms, singular values, and the Wasserstein distance of two shifted Gaussians."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from translate.networks.patchgan import MultiScale, PatchGAN
from translate.objectives.adversarial import wgan
from translate.objectives.lipschitz import (
    GroupSort,
    bjorck,
    clip_weights,
    gradient_penalty,
    orthonormalise,
    r1_penalty,
    spectral_normalise,
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def top(weight: Tensor) -> float:
    """The largest singular value."""
    return torch.linalg.svdvals(weight.detach().flatten(1).double())[0].item()


# Penalties


def test_the_penalty_of_a_linear_critic_is_its_slopes_distance_from_one():
    critic = nn.Linear(2, 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[3.0, 4.0]]))
    penalty = gradient_penalty(critic, torch.randn(5, 2), torch.randn(5, 2))
    assert penalty.item() == pytest.approx(10 * (5 - 1) ** 2, rel=1e-5)
    penalty.backward()
    assert torch.allclose(critic.weight.grad, 10 * 2 * (5 - 1) * torch.tensor([[0.6, 0.8]]))


def test_the_penalty_is_taken_between_real_and_generated_at_a_point_of_each_samples_own():
    """|grad x^2 / 2| = |x|, so that the penalty tells where it was taken."""
    eps = torch.rand(4, generator=seeded())
    real, fake = torch.full((4, 1), 3.0), torch.full((4, 1), -1.0)
    expected = 10 * ((3 * eps - (1 - eps)).abs() - 1).square().mean()
    found = gradient_penalty(lambda x: x.square() / 2, real, fake, random=seeded())
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert len(set(eps.tolist())) == 4


def test_points_to_compare_need_the_same_shape():
    with pytest.raises(ValueError, match="needs the same shape"):
        gradient_penalty(nn.Linear(2, 1), torch.zeros(3, 2), torch.zeros(4, 2))


def test_r1_by_hand():
    """Critic x^2 / 2 + y^2: gradient (x, 2 y), of squared length 1 + 16 and 0."""
    real = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    penalty = r1_penalty(lambda x: x[:, :1].square() / 2 + x[:, 1:].square(), real, gamma=4.0)
    assert penalty.item() == pytest.approx(4 / 2 * (17 + 0) / 2)


def test_a_critic_that_is_flat_at_the_data_costs_nothing_and_has_finite_gradients():
    critic = nn.Linear(2, 1)
    nn.init.zeros_(critic.weight)
    assert r1_penalty(critic, torch.randn(3, 2)).item() == 0
    gradient_penalty(critic, torch.randn(3, 2), torch.randn(3, 2)).backward()
    assert bool(critic.weight.grad.isfinite().all())


def test_a_map_of_logits_counts_as_its_mean_and_scales_as_theirs():
    def one(x: Tensor) -> Tensor:
        return (x * torch.tensor([1.0, 3.0])).sum(dim=1, keepdim=True)

    def as_map(x: Tensor) -> Tensor:
        return (x * torch.tensor([2.0, 6.0])).view(-1, 1, 1, 2)

    def as_scales(x: Tensor) -> list[Tensor]:
        return [2 * as_map(x), torch.zeros(len(x), 1, 1, 1)]

    x = torch.randn(3, 2)
    values = [r1_penalty(critic, x).item() for critic in (one, as_map, as_scales)]
    assert values == pytest.approx([5 * 10.0] * 3)


@pytest.mark.parametrize("judge", [PatchGAN, MultiScale])
def test_penalties_teach_the_critic_and_neither_player_through_the_pictures(judge: Callable[..., nn.Module]):
    critic = judge(3, filters=4, layers=1, norm="none")
    real, fake = (torch.rand(2, 3, 16, 16).requires_grad_() for _ in range(2))
    (gradient_penalty(critic, real, fake) + r1_penalty(critic, real)).backward()
    assert real.grad is None
    assert fake.grad is None
    assert all(bool((p.grad != 0).any()) for name, p in critic.named_parameters() if name.endswith("weight"))


def test_penalties_hold_in_half_precision():
    critic, x, y = PatchGAN(3, filters=8, layers=2, norm="none"), torch.randn(2, 3, 24, 24), torch.randn(2, 3, 24, 24)
    full = gradient_penalty(critic, x, y, random=seeded()), r1_penalty(critic, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = gradient_penalty(critic, x, y, random=seeded()), r1_penalty(critic, x)
    assert [penalty.dtype for penalty in low] == [torch.float32, torch.float32]
    assert [p.item() for p in low] == pytest.approx([p.item() for p in full], rel=0.02)


def test_a_compiled_critic_is_penalised_as_it_is_written():
    critic, x, y = PatchGAN(3, filters=4, layers=1, norm="none"), torch.randn(2, 3, 16, 16), torch.randn(2, 3, 16, 16)
    expected = gradient_penalty(critic, x, y, random=seeded())
    critic.compile(backend="aot_eager")
    critic(x)
    found = gradient_penalty(critic, x, y, random=seeded())
    found.backward()
    assert torch.equal(found, expected)


# Constrained weights


def test_clipping_leaves_no_parameter_beyond_the_bound():
    critic = nn.Linear(2, 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[-3.0, 0.005]]))
        critic.bias.fill_(0.5)
    clip_weights(critic)
    assert critic.weight.tolist() == [pytest.approx([-0.01, 0.005])]
    assert critic.bias.tolist() == pytest.approx([0.01])
    with pytest.raises(ValueError, match="needs to be positive"):
        clip_weights(critic, 0)


@pytest.mark.parametrize("layer", [nn.Linear(30, 20), nn.Conv2d(6, 16, 4, stride=2, padding=1)])
def test_the_spectral_norm_is_the_largest_singular_value(layer: nn.Module):
    before = layer.weight.detach().clone()
    spectral_normalise(layer)
    for _ in range(100):
        normalised = layer.weight
    assert (before / normalised).mean().item() == pytest.approx(top(before), rel=1e-3)
    assert top(normalised) == pytest.approx(1, abs=1e-3)


def test_a_training_pass_is_one_power_iteration_and_follows_the_weight():
    layer = spectral_normalise(nn.Linear(8, 8))
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(torch.diag(torch.tensor([5.0, *[1.0] * 7])))
    u, v = layer.parametrizations.weight[0]._u.clone(), layer.parametrizations.weight[0]._v.clone()
    weight = layer.parametrizations.weight.original.detach()
    u = nn.functional.normalize(weight @ v, dim=0)
    v = nn.functional.normalize(weight.T @ u, dim=0)
    assert torch.allclose(layer.weight, weight / (u @ weight @ v))
    for _ in range(10):
        layer(torch.zeros(1, 8))
    assert top(layer.weight) == pytest.approx(1, abs=1e-3)


def test_every_layer_of_a_discriminator_is_normalised_and_learns():
    critic = spectral_normalise(MultiScale(3, filters=4, layers=1, norm="none"))
    for _ in range(100):
        logits = critic(torch.randn(1, 3, 32, 32))
    layers = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d)]
    assert [top(layer.weight) for layer in layers] == pytest.approx([1.0] * 6, abs=1e-3)
    torch.stack([scale.mean() for scale in logits]).sum().backward()
    assert all(p.grad is not None for p in critic.parameters())


@pytest.mark.parametrize("shape", [(64, 64), (128, 48), (10, 100), (32, 16, 4, 4), (1, 32), (5, 1)])
def test_bjorcks_result_is_orthonormal(shape: tuple[int, ...]):
    found = bjorck(torch.randn(shape, generator=seeded()), iterations=30)
    assert found.shape == shape
    assert torch.linalg.svdvals(found.flatten(1)).tolist() == pytest.approx(
        [1.0] * min(shape[0], found[0].numel()), abs=1e-3
    )


def test_it_is_the_nearest_orthonormal_matrix():
    """U V^T of the singular value decomposition."""
    weight = torch.randn(12, 8, dtype=torch.float64, generator=seeded())
    u, _, v = torch.linalg.svd(weight, full_matrices=False)
    assert torch.allclose(bjorck(weight, iterations=40), u @ v, atol=1e-9)


def test_a_step_takes_each_singular_value_s_to_half_of_s_times_three_less_its_square():
    """Of diag(0.6, 0.8), scaled by sqrt(0.64) to 0.75 and 1."""
    found = bjorck(torch.diag(torch.tensor([0.6, 0.8])), iterations=1)
    assert found.diag().tolist() == pytest.approx([0.75 * (3 - 0.75**2) / 2, 1.0])


def test_twenty_iterations_take_a_hundredth_to_one():
    found = bjorck(torch.diag(torch.tensor([1.0, 0.01])))
    assert found.diag().tolist() == pytest.approx([1, 1], abs=1e-3)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_scale_of_the_weight_does_not_count_and_nothing_overflows(scale: float):
    weight = torch.randn(6, 6, generator=seeded())
    assert torch.allclose(bjorck(scale * weight, iterations=40), bjorck(weight, iterations=40), atol=1e-4)
    assert bool((bjorck(torch.zeros(3, 2)) == 0).all())


def test_orthonormal_layers_keep_distances_and_a_convolution_never_stretches_them():
    critic = orthonormalise(nn.Sequential(nn.Linear(8, 8), GroupSort(), nn.Linear(8, 8)))
    x, y = torch.randn(50, 8), torch.randn(50, 8)
    assert torch.allclose(critic[0](x).diff(dim=0).norm(dim=1), x.diff(dim=0).norm(dim=1), rtol=1e-3)
    assert bool(((critic(x) - critic(y)).norm(dim=1) <= (x - y).norm(dim=1) * 1.001).all())
    conv = orthonormalise(nn.Conv2d(1, 3, 4, stride=2, padding=1, bias=False))
    flat = torch.eye(64).view(64, 1, 8, 8)
    as_matrix = conv(flat).flatten(1)  # (64 pixels, outputs)
    assert 0.5 < top(as_matrix) <= 1.001


def test_what_can_not_be_constrained_is_refused():
    with pytest.raises(ValueError, match="no linear or convolutional layer"):
        spectral_normalise(nn.ReLU())
    with pytest.raises(ValueError, match="constrained already"):
        orthonormalise(spectral_normalise(nn.Linear(2, 2)))


def test_orthonormal_weights_learn_and_stay_orthonormal_in_half_precision():
    layer = orthonormalise(nn.Linear(6, 4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weight = layer.weight
        layer(torch.randn(3, 6)).float().square().sum().backward()
    assert torch.allclose(weight @ weight.T, torch.eye(4), atol=1e-3)
    assert bool((layer.parametrizations.weight.original.grad != 0).any())


def test_group_sort_sorts_neighbours_and_keeps_the_length():
    x = torch.tensor([[3.0, 1.0, -1.0, 2.0]])
    assert GroupSort()(x).tolist() == [[1, 3, -1, 2]]
    assert GroupSort(4)(x).tolist() == [[-1, 1, 2, 3]]
    image = torch.randn(2, 6, 3, 3)
    assert torch.allclose(GroupSort(3)(image).norm(), image.norm())
    with pytest.raises(ValueError, match="groups of 2"):
        GroupSort()(torch.zeros(1, 3))


# The distance of two Gaussians of the same shape is how far one is shifted from the other.


def mlp(activation: Callable[[], nn.Module], width: int = 32) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, width), activation(), nn.Linear(width, width), activation(), nn.Linear(width, 1))


def shown(
    critic: nn.Module,
    shift: tuple[float, float],
    *,
    steps: int,
    lr: float,
    penalty: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None,
    after: Callable[[nn.Module], None] | None = None,
) -> float:
    """The distance a critic trained on samples of both shows on new ones."""
    random, loss = seeded(), wgan()
    optimizer = torch.optim.Adam(critic.parameters(), lr=lr, betas=(0.0, 0.9))
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)

    def draw(count: int) -> Tensor:
        return 0.3 * torch.randn(count, 2, generator=random)

    for _ in range(steps):
        real, fake = draw(128) + torch.tensor(shift), draw(128)
        total = loss.discriminator(critic(real), critic(fake))
        if penalty is not None:
            total = total + penalty(critic, real, fake)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        schedule.step()
        if after is not None:
            after(critic)
    with torch.no_grad():
        new = draw(20_000)
        return -loss.discriminator(critic(new + torch.tensor(shift)), critic(new)).item()


def test_under_the_gradient_penalty_a_critic_shows_the_distance():
    """Within 5 %, and, to 1 %, the 0.5 (1 + 0.5 / 20) that its docstring says."""
    found = shown(mlp(nn.SiLU), (0.3, 0.4), steps=300, lr=3e-3, penalty=gradient_penalty)
    assert found == pytest.approx(0.5, rel=0.05)
    assert found == pytest.approx(0.5125, rel=0.01)


@pytest.mark.parametrize("shift", [(0.3, 0.4), (1.8, -2.4)])
def test_with_orthonormal_weights_a_critic_shows_the_distance(shift: tuple[float, float]):
    critic = orthonormalise(mlp(GroupSort, 16))
    assert shown(critic, shift, steps=60, lr=1e-2) == pytest.approx(math.hypot(*shift), rel=0.05)
    for layer in (critic[0], critic[2], critic[4]):
        values = torch.linalg.svdvals(layer.weight.detach())
        assert values.tolist() == pytest.approx([1.0] * len(values), abs=1e-3)


def test_a_spectrally_normalised_critic_shows_no_more_than_the_distance():
    found = shown(spectral_normalise(mlp(nn.ReLU, 16)), (1.8, 2.4), steps=60, lr=1e-2)
    assert 0 < found < 3 * 1.01


def test_under_clipping_a_critic_shows_the_distance_but_for_a_factor_of_its_bound():
    """With all weights c in size and tanh near its middle, width^2 c^3 (0.3 + 0.4) in the place of 0.5; it is
    proportional to the distance all the same."""

    def clipped(shift: tuple[float, float], bound: float) -> float:
        return shown(mlp(nn.Tanh), shift, steps=200, lr=3e-3, after=lambda critic: clip_weights(critic, bound))

    near, far, wider = clipped((0.3, 0.4), 0.05), clipped((0.6, 0.8), 0.05), clipped((0.3, 0.4), 0.1)
    assert near == pytest.approx(32**2 * 0.05**3 * 0.7, rel=0.02)
    assert wider == pytest.approx(32**2 * 0.1**3 * 0.7, rel=0.05)
    assert far / near == pytest.approx(2, rel=0.02)
