"""What is said of a generator of points: values by hand."""

import pytest
import torch
from torch import Tensor, nn

from translate import presets
from translate.data.mixtures import MIXTURES
from translate.trainers.mixture_judge import SAMPLES, MixtureJudge

RING = MIXTURES["ring-8"]


class At(nn.Module):
    """Puts sample i at mode places[i % len(places)], whatever the noise; None lies between all modes."""

    def __init__(self, *places: int | None) -> None:
        super().__init__()
        self.places = places

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        centres = [torch.zeros(2) if place is None else RING.centres[place] for place in self.places]
        return torch.stack([centres[number % len(centres)] for number in range(len(z))])


def judged(network: nn.Module, classes: int = 0) -> dict[str, float]:
    config = presets.preset("mixture")
    config = config.replace(
        **{"generator.classes": classes, "objective.condition": "projection" if classes else "none"}
    )
    return MixtureJudge(RING, config, torch.device("cpu")).figures({"generator": network})["generator"]


def test_all_modes_alike_leave_nothing_misplaced():
    found = judged(At(*range(8)))
    assert (found["modes"], found["good"]) == (1.0, 1.0)
    assert found["misplaced"] == pytest.approx(0, abs=8 / SAMPLES)


def test_a_single_mode_is_good_and_an_eighth_is_where_it_should_be():
    found = judged(At(3))
    assert (found["modes"], found["good"]) == (1 / 8, 1.0)
    assert found["misplaced"] == pytest.approx(7 / 8)


def test_half_of_the_samples_between_modes_are_misplaced():
    found = judged(At(0, None, 1, None, 2, None, 3, None, 4, None, 5, None, 6, None, 7, None))
    assert found["modes"] == 1.0
    assert found["good"] == pytest.approx(0.5)
    assert found["misplaced"] == pytest.approx(0.5, abs=0.01)


def test_samples_in_the_mode_of_another_class_are_not_of_their_class():
    """Sample i is asked for class i % 8: At(0..7) gives it, At(1, 1, ...) does for one of eight."""
    assert judged(At(*range(8)), classes=8)["in_class"] == 1.0
    assert judged(At(1), classes=8)["in_class"] == pytest.approx(1 / 8, abs=1 / SAMPLES)


def test_points_that_are_not_finite_are_the_worst():
    class Lost(nn.Module):
        def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
            return z / 0

    assert judged(Lost()) == {"modes": 0.0, "good": 0.0, "misplaced": 1.0}
