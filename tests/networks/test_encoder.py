"""The encoder of faces: w_avg until it has learnt, heads at their own scale, the contract of every network."""

from pathlib import Path

import pytest
import torch

from translate.checkpoints import load_encoder, save_model
from translate.config import EncoderConfig
from translate.errors import CheckpointError, ConfigError
from translate.networks import FaceEncoder, build_encoder

CONFIG = EncoderConfig(name="faces", size=16, filters=4, max_filters=8, num_ws=6, w_dim=5)


def stirred(config: EncoderConfig = CONFIG) -> FaceEncoder:
    """With random weights also where it starts with none."""
    torch.manual_seed(0)
    encoder = build_encoder(config)
    for parameter in encoder.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return encoder.eval()


def test_a_fresh_encoder_answers_the_mean():
    encoder = build_encoder(CONFIG)
    encoder.w_avg.copy_(torch.arange(5.0))
    found = encoder(torch.randn(3, 3, 16, 16))
    assert torch.equal(found, torch.arange(5.0).expand(3, 6, 5))


@pytest.mark.parametrize(("size", "num_ws"), [(8, 4), (16, 6), (64, 10), (1024, 18)])
def test_there_is_a_style_for_every_layer_of_any_generator(size: int, num_ws: int):
    config = CONFIG.replace(size=size, num_ws=num_ws, filters=2, max_filters=2)
    with torch.no_grad():
        assert build_encoder(config).eval()(torch.zeros(1, 3, size, size)).shape == (1, num_ws, 5)


def test_the_first_style_is_the_base_that_all_others_have():
    encoder = stirred()
    image = torch.randn(2, 3, 16, 16)
    before = encoder(image)
    encoder.base.linear.bias.data += 1
    torch.testing.assert_close(encoder(image), before + 1)
    for head in encoder.deltas:
        head.linear.bias.data += 1
    after = encoder(image)
    torch.testing.assert_close(after[:, 0], before[:, 0] + 1)
    torch.testing.assert_close(after[:, 1:], before[:, 1:] + 2)


def test_every_parameter_gets_a_gradient():
    encoder = stirred().train()
    encoder(torch.randn(2, 3, 16, 16)).square().sum().backward()
    assert [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_a_picture_has_the_same_styles_alone_and_in_a_batch():
    encoder, images = stirred(), torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(encoder(images)[1:2], encoder(images[1:2]), atol=1e-5, rtol=1e-5)


def test_features_are_those_of_every_resolution():
    assert [tuple(m.shape) for m in stirred().features(torch.zeros(1, 3, 16, 16))] == [
        (1, 4, 16, 16),
        (1, 8, 8, 8),
        (1, 8, 4, 4),
    ]


def test_a_stored_encoder_is_the_same(tmp_path: Path):
    encoder, image = stirred(), torch.randn(1, 3, 16, 16)
    save_model(tmp_path, encoder, CONFIG)
    found, config = load_encoder(tmp_path)
    assert config == CONFIG
    assert torch.equal(found(image), encoder(image))
    assert not any(p.requires_grad for p in found.parameters())


def test_what_does_not_fit_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"expected \(N, 3, 16, 16\), got \(1, 3, 8, 8\)"):
        stirred()(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ConfigError, match="size is 24"):
        CONFIG.replace(size=24)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_encoder(tmp_path)
