"""From a photo to a latent and back into the photo, with a tiny generator and a detector that is told."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny_faces
from translate.checkpoints import ENCODER, save_model
from translate.config import EncoderConfig
from translate.editing import alignment
from translate.editing.inverter import Inverter
from translate.editing.latents import digest_of, load_latent, save_latent, tuned_generator
from translate.errors import ConfigError, ImageError
from translate.networks import build_encoder

PHOTO = tiny_faces.smooth(300, 400)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_faces.model(tmp_path / "tiny")


def test_the_face_of_a_photo_becomes_a_latent_that_knows_where_it_lay(folder: Path):
    inverter = Inverter.load(folder, device="cpu")
    inverter.detect = lambda photo: [tiny_faces.face()]
    found = inverter(PHOTO, steps=5)
    square = alignment.of_points(tiny_faces.face().points, tiny_faces.ALIGNMENTS["utkface"])
    assert found.latent.square == square
    assert (found.latent.model, found.latent.digest) == ("tiny", digest_of(folder))
    assert found.notes == ("one face found",)
    torch.testing.assert_close(found.target, alignment.cut(PHOTO, square, 16))
    with torch.no_grad():
        drawn = inverter.generator.synthesis(found.latent.w_plus, "const").clamp(-1, 1)
    torch.testing.assert_close(found.drawn, drawn)
    about = found.latent.about
    assert about["l2"] == pytest.approx((drawn - found.target).square().mean().item(), rel=1e-3)
    assert (about["steps"], about["encoder"], about["measured_by"]) == (5, False, "discriminator of tiny")


def test_a_tuned_latent_draws_the_same_when_it_is_loaded_again(folder: Path, tmp_path: Path):
    inverter = Inverter.load(folder, device="cpu")
    found = inverter(PHOTO, crop=(50, 50, 200), steps=2, tune=3)
    assert found.latent.about["tuned_steps"] == 3
    save_latent(tmp_path / "a.safetensors", found.latent)
    again = load_latent(tmp_path / "a.safetensors", digest=inverter.digest, generator=inverter.generator)
    with torch.no_grad():
        drawn = tuned_generator(inverter.generator, again).synthesis(again.w_plus, "const").clamp(-1, 1)
    assert (drawn - found.drawn).abs().max() < 5e-3  # float16
    with torch.no_grad():
        untuned = inverter.generator.synthesis(again.w_plus, "const").clamp(-1, 1)
    assert (untuned - found.drawn).abs().max() > 5e-3


def test_an_encoder_beside_the_generator_gives_the_start_and_without_steps_the_answer(folder: Path):
    config = EncoderConfig(name="tiny", size=16, filters=4, max_filters=8, num_ws=6, w_dim=8)
    encoder = build_encoder(config)
    encoder.w_avg.fill_(0.25)
    save_model(folder / ENCODER, encoder, config)
    inverter = Inverter.load(folder, device="cpu")
    found = inverter(PHOTO, crop=(0, 0, 300), steps=0)
    assert torch.equal(found.latent.w_plus, torch.full((1, 6, 8), 0.25))
    assert (found.latent.about["encoder"], found.latent.about["steps"]) == (True, 0)
    some = inverter(PHOTO, crop=(0, 0, 300), steps=4)
    assert some.latent.about["steps"] == 4
    assert some.latent.about["l2"] <= found.latent.about["l2"]


def test_a_face_pasted_back_changes_nothing_outside_its_square(folder: Path):
    inverter = Inverter.load(folder, device="cpu")
    found = inverter(PHOTO, crop=(100, 50, 120), steps=0)
    assert found.latent.square is not None
    out = alignment.paste(PHOTO, found.latent.square, found.drawn)
    outside = np.ones(PHOTO.shape[:2], bool)
    outside[50:170, 100:220] = False
    assert np.array_equal(out[outside], PHOTO[outside])
    assert not np.array_equal(out[100:120, 150:170], PHOTO[100:120, 150:170])


def test_a_photo_without_a_square_or_a_model_without_styles_is_refused(folder: Path, tmp_path: Path):
    with pytest.raises(ImageError, match=r"me\.jpg: 400 x 300 pixels are no square, and no face detector"):
        Inverter.load(folder, device="cpu")(PHOTO, where="me.jpg")
    from translate.config import LatentConfig, ModelConfig
    from translate.networks import build_latent_generator

    network = LatentConfig(kind="dcgan", latent=4, size=16, filters=4, max_filters=8)
    save_model(tmp_path / "plain", build_latent_generator(network), ModelConfig(name="plain", generator=network))
    with pytest.raises(ConfigError, match="plain: no StyleGAN2 of RGB pictures"):
        Inverter.load(tmp_path / "plain", device="cpu")
