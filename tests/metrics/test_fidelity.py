"""Our figures and those of torch-fidelity 0.4.0 on the same features; it isn't needed to run this.

The constants are what its fid_statistics_to_metric, kid_features_to_metric (one subset of all 240 samples),
isc_features_to_metric (unshuffled) and prc_features_to_metric gave for the features below.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from translate.metrics.frechet import Statistics, frechet_distance
from translate.metrics.inception_score import inception_score
from translate.metrics.kernel import kernel_distance
from translate.metrics.precision_recall import precision_recall


@pytest.fixture(scope="module")
def sets() -> tuple[Tensor, Tensor]:
    """300 real and 240 generated samples of 24 features in float32."""
    random = np.random.RandomState(0)
    mix = random.standard_normal((24, 24)) / 24**0.5
    real = random.standard_normal((300, 24)) @ mix
    fake = random.standard_normal((240, 24)) @ mix * 1.2 + 0.2
    return torch.from_numpy(real).float(), torch.from_numpy(fake).float()


def test_frechet_distance_is_that_of_torch_fidelity(sets: tuple[Tensor, Tensor]):
    assert frechet_distance(*sets) == pytest.approx(3.3791015, abs=1e-6)
    streamed = Statistics()
    for batch in sets[0].split(37):
        streamed.add(batch)
    assert frechet_distance(streamed, sets[1]) == pytest.approx(3.3791015, abs=1e-6)


def test_frechet_distance_of_fewer_samples_than_features_is_that_of_torch_fidelity(sets: tuple[Tensor, Tensor]):
    assert frechet_distance(sets[0][:15], sets[1][:12]) == pytest.approx(21.309034, abs=1e-5)


def test_kernel_distance_is_that_of_torch_fidelity(sets: tuple[Tensor, Tensor]):
    assert kernel_distance(sets[0][:240], sets[1]) == pytest.approx(0.2627802, abs=1e-6)


def test_inception_score_is_that_of_torch_fidelity(sets: tuple[Tensor, Tensor]):
    found = inception_score((sets[0] * 3).softmax(dim=1), splits=10)
    assert found[:2] == pytest.approx((4.8329277, 0.4137396), abs=1e-5)


def test_precision_and_recall_are_those_of_torch_fidelity(sets: tuple[Tensor, Tensor]):
    assert precision_recall(*sets)[:2] == pytest.approx((0.4625, 0.94), abs=1e-6)
