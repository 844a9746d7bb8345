"""The end of a discriminator that knows classes, and the beginning of a generator that does."""

import pytest
import torch

from translate.networks.class_head import ClassedLatent, ClassHead


def test_a_projection_adds_the_class_s_row_times_the_features():
    """Miyato and Koyama 2018, Eq. 3, with psi(phi) = phi_1 + 2 phi_2 + 0.5 and v_0 = (1, 0), v_1 = (0, -3)."""
    head = ClassHead(2, condition="projection", classes=2)
    with torch.no_grad():
        head.realness.weight.copy_(torch.tensor([[1.0, 2.0]]))
        head.realness.bias.fill_(0.5)
        head.projection.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -3.0]]))
    features = torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    verdict = head(features, torch.tensor([0, 1]))
    assert verdict.logits.tolist() == [[4.5], [0.5]]
    assert verdict.classes is None


def test_an_auxiliary_head_predicts_the_class_without_being_told():
    head = ClassHead(2, condition="auxiliary", classes=3)
    verdict = head(torch.rand(4, 2))
    assert verdict.logits.shape == (4, 1)
    assert verdict.classes.shape == (4, 3)


def test_a_projection_without_a_label_is_refused():
    with pytest.raises(ValueError, match="pass their labels"):
        ClassHead(2, condition="projection", classes=2)(torch.rand(1, 2))


def test_a_condition_needs_classes():
    with pytest.raises(ValueError, match="condition is auxiliary and there are 0 classes"):
        ClassHead(2, condition="auxiliary")


def test_noise_and_class_lie_side_by_side():
    start = ClassedLatent(3, classes=2)
    z = torch.rand(2, 3)
    both = start(z, torch.tensor([1, 0]))
    assert torch.equal(both[:, :3], z)
    assert torch.equal(both[:, 3:], start.embedding.weight[[1, 0]])


@pytest.mark.parametrize(("classes", "shape", "reason"), [(0, (2, 4), r"\(N, 3\)"), (2, (2, 3), "pass their labels")])
def test_noise_of_another_width_or_without_a_class_is_refused(classes: int, shape: tuple[int, int], reason: str):
    with pytest.raises(ValueError, match=reason):
        ClassedLatent(3, classes)(torch.rand(shape))
