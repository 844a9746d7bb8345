from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from translate.networks.extractor import FeatureExtractor, ProjectionHead


def _tiny(**more) -> FeatureExtractor:
    random = torch.Generator().manual_seed(0)
    return FeatureExtractor(**{"filters": (4, 6, 8), "dim": 5, "generator": random} | more)


def _pictures(count: int = 6, channels: int = 3, height: int = 24, width: int = 24) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(("height", "width"), [(24, 24), (8, 8), (33, 17)])
def test_pictures_of_any_size_become_one_row_of_features(height: int, width: int):
    extractor = _tiny().eval()
    assert extractor(_pictures(height=height, width=width)).shape == (6, 5)
    assert _tiny(in_channels=1).eval()(_pictures(channels=1, height=height, width=width)).shape == (6, 5)


def test_the_shipped_size_fits_into_two_megabytes_of_half_precision():
    count = sum(t.numel() for t in FeatureExtractor().state_dict().values())
    assert 400_000 < count < 1_000_000


def test_every_parameter_gets_a_gradient_behind_the_head():
    # A residual block starts as the identity: what lies before its last norm learns from the second step on.
    extractor, head = _tiny(), ProjectionHead(5, 7)
    for norm in (part for part in extractor.modules() if isinstance(part, torch.nn.BatchNorm2d) and part.affine):
        torch.nn.init.ones_(norm.weight)
    head(extractor(_pictures())).square().sum().backward()
    parameters = [*extractor.named_parameters(), *head.named_parameters()]
    dead = [name for name, p in parameters if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert dead == []


def test_training_features_have_mean_zero_and_variance_one():
    features = _tiny().train()(_pictures(32)).detach()
    assert torch.allclose(features.mean(dim=0), torch.zeros(5), atol=1e-4)
    assert torch.allclose(features.var(dim=0, unbiased=False), torch.ones(5), atol=1e-2)


def test_a_picture_is_the_same_alone_and_among_others_once_trained():
    extractor = _tiny()
    extractor(_pictures(32))
    extractor.eval()
    together = extractor(_pictures())
    assert torch.allclose(together, torch.cat([extractor(x[None]) for x in _pictures()]), atol=1e-5)


def test_a_generator_decides_the_weights():
    a, b, c = _tiny(), _tiny(), _tiny(generator=torch.Generator().manual_seed(7))
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.mix.weight, c.mix.weight)


def test_stored_weights_give_the_same_features(tmp_path: Path):
    extractor, other = _tiny(), _tiny(generator=torch.Generator().manual_seed(7))
    extractor(_pictures(32))
    save_file(extractor.state_dict(), tmp_path / "x.safetensors")
    other.load_state_dict(load_file(tmp_path / "x.safetensors"))
    assert torch.equal(extractor.eval()(_pictures()), other.eval()(_pictures()))


@pytest.mark.parametrize("shape", [(2, 1, 24, 24), (2, 4, 24, 24), (3, 24, 24), (2, 3, 7, 24)])
def test_what_is_no_picture_for_it_is_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"takes \(N, 3, H, W\) with sides from 8 on"):
        _tiny()(torch.zeros(shape))
