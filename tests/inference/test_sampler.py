"""A model that starts from noise: seeds that mean something, classes by name, the way between two seeds."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from translate.checkpoints import save_model
from translate.config import DataConfig, GeneratorConfig, LatentConfig, ModelConfig
from translate.errors import ConfigError
from translate.inference.sampler import Sampler, slerp
from translate.inference.translator import Translator
from translate.networks import build_generator, build_latent_generator


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A tiny DCGAN of two classes with random weights."""
    network = LatentConfig(latent=8, size=16, filters=4, classes=2)
    config = ModelConfig(name="tiny", kind="gan", generator=network, labels=("cat", "dog"))
    torch.manual_seed(0)
    save_model(tmp_path / "tiny", build_latent_generator(network), config)
    return tmp_path / "tiny"


@pytest.fixture
def sampler(stored: Path) -> Sampler:
    return Sampler.load(stored, device="cpu", precision="fp32")


def test_a_seed_gives_the_same_picture_alone_among_others_and_from_a_new_start(sampler: Sampler, stored: Path):
    alone = sampler.pictures([5], "cat")[0]
    among = sampler.pictures([1, 5, 9], "cat")[1]
    anew = Sampler.load(stored, device="cpu", precision="fp32").pictures([5], "cat")[0]
    assert alone.size == (16, 16)
    assert np.abs(np.asarray(alone, int) - np.asarray(among, int)).max() <= 1
    assert np.array_equal(np.asarray(alone), np.asarray(anew))


def test_another_seed_and_another_class_are_other_samples(sampler: Sampler):
    noise = sampler.noise([0, 1])
    cat, dog = sampler.samples(noise, "cat"), sampler.samples(noise, "dog")
    assert not torch.allclose(cat[0], cat[1])
    assert not torch.allclose(cat[0], dog[0])


def test_noise_is_what_torch_draws_for_that_seed(sampler: Sampler):
    drawn = torch.randn(8, generator=torch.Generator().manual_seed(42))
    assert torch.equal(sampler.noise([42])[0], drawn)


def test_a_way_begins_and_ends_at_its_seeds(sampler: Sampler):
    way = sampler.interpolate(3, 8, 5, "dog")
    assert len(way) == 5
    for frame, seed in ((way[0], 3), (way[-1], 8)):
        expected = sampler.pictures([seed], "dog")[0]
        assert np.abs(np.asarray(frame, int) - np.asarray(expected, int)).max() <= 1


def test_the_great_circle_keeps_the_length_and_halves_the_angle():
    """Between (2, 0) and (0, 2) the middle is (sqrt 2, sqrt 2), not (1, 1)."""
    middle = slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 0.5)
    torch.testing.assert_close(middle, torch.full((2,), math.sqrt(2)))
    third = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 1 / 3)
    torch.testing.assert_close(third, torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)]))


def test_a_way_from_a_point_to_itself_stays_there():
    a = torch.tensor([1.0, -2.0, 0.5])
    torch.testing.assert_close(slerp(a, a, 0.3), a)


@pytest.mark.parametrize("label", [None, "horse"])
def test_an_unknown_class_or_none_at_all_is_refused(sampler: Sampler, label: str | None):
    with pytest.raises(ConfigError, match=r"tiny: no class .*it knows cat, dog"):
        sampler.pictures([0], label)


def test_a_model_without_classes_is_asked_for_none(tmp_path: Path):
    network = LatentConfig(latent=8, size=16, filters=4)
    save_model(tmp_path / "m", build_latent_generator(network), ModelConfig(name="plain", generator=network))
    plain = Sampler.load(tmp_path / "m", device="cpu")
    assert len(plain.pictures([0, 1])) == 2
    with pytest.raises(ConfigError, match="plain: no class 'cat'; it knows no classes"):
        plain.pictures([0], "cat")


def test_a_translator_makes_nothing_of_noise_and_the_other_way_round(stored: Path, tmp_path: Path):
    network = GeneratorConfig(filters=4, depth=2)
    config = ModelConfig(name="unet", generator=network, data=DataConfig(size=16, load_size=16, crop=16))
    save_model(tmp_path / "unet", build_generator(network), config)
    with pytest.raises(ConfigError, match=r"unet: its generator \(unet\) translates pictures"):
        Sampler.load(tmp_path / "unet", device="cpu")
    with pytest.raises(ConfigError, match=r"tiny: its generator \(dcgan\) starts from noise"):
        Translator.load(stored, device="cpu")


def test_weights_that_are_not_finite_make_a_model_unsound(sampler: Sampler):
    assert sampler.is_sound()
    with torch.no_grad():
        sampler.generator.last.bias.fill_(math.nan)
    assert not sampler.is_sound()


def test_a_model_of_large_pictures_makes_them_one_at_a_time():
    """64 pictures of 1024 x 1024 would take 40 GB; of 64 x 64 they are made together."""

    class Watched(torch.nn.Module):
        def forward(self, z: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
            counts.append(len(z))
            return torch.zeros(len(z), 3, 2, 2)

    for size, expected in ((1024, [1, 1, 1]), (512, [3]), (64, [3])):
        counts: list[int] = []
        config = ModelConfig(name="large", kind="gan", generator=LatentConfig(latent=8, size=size))
        Sampler(Watched(), config, device="cpu").samples(torch.zeros(3, 8))
        assert counts == expected
