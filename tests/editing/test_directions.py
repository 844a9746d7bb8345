"""Relevance: the closed form on a linear generator, the paper's beside ours, thresholds, and when nothing survives."""

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional as F

from tests.editing.doubles import HashedCLIP, LinearSynthesis, tiny
from translate.editing.directions import (
    Relevance,
    first_order,
    perturbed,
    perturbed_directions,
    rank_correlation,
    style_change,
)
from translate.editing.styles import StyleStatistics, conv_channels, pack, style_statistics
from translate.errors import ConfigError
from translate.stopping import Cancelled

CONV = [0, 1, 4, 5]
STATISTICS = StyleStatistics(torch.arange(6.0), torch.tensor([1.0, 2.0, 3.0, 1.0, 0.5, 1.0]))


@pytest.fixture
def linear() -> tuple[LinearSynthesis, Tensor]:
    """A generator linear in S and the matrix that stands for CLIP, not brought to length 1."""
    draw = torch.Generator().manual_seed(0)
    slopes = torch.randn(6, 3, 2, 2, generator=draw)
    return LinearSynthesis(torch.randn(3, 2, 2, generator=draw), slopes), torch.randn(5, 12, generator=draw)


def direction(dim: int = 5) -> Tensor:
    return F.normalize(torch.randn(dim, generator=torch.Generator().manual_seed(1)), dim=0)


def test_of_a_linear_generator_it_is_sigma_times_the_slope_along_the_direction(linear):
    synthesis, matrix = linear
    found = first_order(
        synthesis, lambda x: x.flatten(1) @ matrix.T, direction(), torch.randn(11, 6), STATISTICS, batch=4
    )
    expected = STATISTICS.std * (synthesis.slopes.flatten(1) @ matrix.T @ direction())
    expected[2:4] = 0  # those to RGB
    assert torch.allclose(found.values, expected / expected.abs().max(), atol=1e-5)


def test_the_papers_way_gives_the_cosine_of_each_slope_with_the_direction(linear):
    synthesis, matrix = linear
    found = perturbed_directions(synthesis, lambda x: x.flatten(1) @ matrix.T, torch.randn(3, 6), STATISTICS)
    expected = F.normalize(synthesis.slopes.flatten(1) @ matrix.T, dim=1)
    assert torch.allclose(found[CONV], expected[CONV], atol=1e-5)
    assert found[2:4].abs().max() == 0
    assert torch.allclose(perturbed(found, direction()).values, found @ direction())


def test_ours_is_the_papers_where_one_deviation_of_every_channel_does_as_much(linear):
    """The paper divides out how much a channel does at all; ours keeps it."""
    synthesis, matrix = linear
    lengths = (synthesis.slopes.flatten(1) @ matrix.T).norm(dim=1)
    even = STATISTICS._replace(std=1 / lengths)

    def encode(x: Tensor) -> Tensor:
        return x.flatten(1) @ matrix.T

    ours = first_order(synthesis, encode, direction(), torch.randn(4, 6), even).values
    papers = perturbed(perturbed_directions(synthesis, encode, torch.randn(4, 6), even), direction()).values
    assert torch.allclose(ours, papers / papers.abs().max(), atol=1e-5)
    assert rank_correlation(ours[CONV], papers[CONV]) == pytest.approx(1)


def test_both_rank_the_channels_of_a_stylegan2_alike():
    network, clip = tiny(), HashedCLIP()
    statistics = style_statistics(network, samples=500)
    z = torch.randn(24, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        s = pack(network.synthesis, network.map(z, psi=0.7))
    free = conv_channels(network.synthesis)
    towards = direction(16)
    ours = first_order(network.synthesis, clip.encode_image, towards, s, statistics).values[free]
    papers = perturbed(perturbed_directions(network.synthesis, clip.encode_image, s, statistics), towards).values[free]
    assert rank_correlation(ours, papers) > 0.7
    assert rank_correlation(ours, -papers) < -0.7


def test_a_picture_counts_the_same_in_whatever_batch():
    network, clip = tiny(), HashedCLIP()
    statistics = style_statistics(network, samples=100)
    with torch.no_grad():
        s = pack(network.synthesis, network.map(torch.randn(7, 5, generator=torch.Generator().manual_seed(0))))
    one, many = (
        first_order(network.synthesis, clip.encode_image, direction(16), s, statistics, batch=n) for n in (1, 7)
    )
    assert torch.allclose(one.values, many.values, atol=1e-5)


def test_relevance_leaves_no_gradient_in_the_generator():
    network, clip = tiny(), HashedCLIP()
    s = pack(network.synthesis, network.map(torch.randn(2, 5))).detach()
    first_order(network.synthesis, clip.encode_image, direction(16), s, style_statistics(network, samples=50))
    assert all(p.grad is None for p in network.parameters())


def test_survivors_reach_the_threshold_and_are_scaled_to_the_largest():
    relevance = Relevance(torch.tensor([0.1, -0.4, 0.2, 0.0]), "perturbed")
    assert relevance.survivors(0.2).tolist() == pytest.approx([0, -1, 0.5, 0])
    statistics = StyleStatistics(torch.zeros(4), torch.tensor([1.0, 3.0, 2.0, 1.0]))
    assert style_change(relevance, statistics, 0.2).tolist() == [pytest.approx([0, -3, 1, 0])]
    assert relevance.survivors(0.5).tolist() == [0, 0, 0, 0]


def test_the_threshold_chosen_is_the_largest_that_keeps_more_than_20_of_the_papers_or_120_of_ours():
    """Of values .100, .105, ..., .295 those from .19 on are 22, those from .20 on 20; of 201 to 1 121 reach .4."""
    values = torch.arange(40) * 0.005 + 0.10001
    assert Relevance(values, "perturbed").chosen_beta() == pytest.approx(0.19)
    assert Relevance(-values, "perturbed").chosen_beta() == pytest.approx(0.19)
    assert Relevance(torch.linspace(0, 1, 201) + 1e-5, "first-order").chosen_beta() == pytest.approx(0.4)


def test_with_too_few_channels_the_smallest_threshold_is_taken():
    assert Relevance(torch.ones(5), "perturbed").chosen_beta() == pytest.approx(0.10)


@pytest.mark.parametrize("towards", [torch.zeros(5), torch.full((5,), torch.nan)])
def test_a_direction_without_length_is_refused(linear, towards):
    synthesis, matrix = linear
    with pytest.raises(ConfigError, match="mean the same to this CLIP"):
        first_order(synthesis, lambda x: x.flatten(1) @ matrix.T, towards, torch.randn(2, 6), STATISTICS)


def test_a_text_that_no_channel_answers_to_is_told(linear):
    synthesis, matrix = linear
    with pytest.raises(ConfigError, match="no style channel of this model answers"):
        first_order(synthesis, lambda x: 0 * x.flatten(1) @ matrix.T, direction(), torch.randn(2, 6), STATISTICS)


def test_both_stop_when_asked(linear):
    synthesis, matrix = linear
    asked = iter([False, False, True])
    seen = []

    def encode(x: Tensor) -> Tensor:
        return x.flatten(1) @ matrix.T

    with pytest.raises(Cancelled):
        first_order(
            synthesis, encode, direction(), torch.randn(6, 6), STATISTICS, batch=2,
            cancelled=lambda: next(asked), report=lambda *at: seen.append(at),
        )  # fmt: skip
    assert seen == [(2, 6), (4, 6)]
    with pytest.raises(Cancelled):
        perturbed_directions(synthesis, encode, torch.randn(1, 6), STATISTICS, cancelled=lambda: True)


def test_the_rank_correlation_is_spearmans_with_ties():
    draw = torch.Generator().manual_seed(0)
    a = torch.randint(0, 6, (40,), generator=draw).float()
    b = a + torch.randint(0, 4, (40,), generator=draw)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(a, a.exp()) == pytest.approx(1)
