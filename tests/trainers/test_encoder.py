"""The encoder's training: it learns one batch by heart, resumes exactly, says how it does beside the mean face."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests import tiny_faces
from translate.checkpoints import load_encoder, read_tensors
from translate.errors import CheckpointError, ConfigError, DatasetError
from translate.networks import FaceEncoder
from translate.objectives.perceptual import FeatureDistance
from translate.trainers.encoder import (
    EncoderTraining,
    Faces,
    read_faces,
    reconstruction,
    style_statistics,
    train_encoder,
)

TINY = EncoderTraining(
    filters=8, max_filters=16, batch_size=8, steps=6, lr=3e-3, precision="fp32", log_every=1, save_every=2, ema=0.5
)


@pytest.fixture(scope="module")
def distance() -> FeatureDistance:
    return FeatureDistance("discriminator of tiny", tiny_faces.discriminator().features, 16)


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    """Seven pictures that the tiny generator draws, as files; three are held out."""
    folder = tmp_path / "faces"
    folder.mkdir()
    with torch.no_grad():
        drawn = tiny_faces.generator()(torch.randn(7, 8, generator=torch.Generator().manual_seed(5)))
    for number, picture in enumerate((drawn.clamp(-1, 1) * 127.5 + 127.5).byte().permute(0, 2, 3, 1).numpy()):
        Image.fromarray(picture).save(folder / f"{number}.png")
    return read_faces(folder, tiny_faces.DATA.replace(flip=False))


def test_spread_and_mean_of_w_are_those_of_many_draws():
    generator = tiny_faces.generator()
    mean, spread = style_statistics(generator)
    torch.manual_seed(1)
    with torch.no_grad():
        w = generator.mapping(torch.randn(20_000, 8))
    torch.testing.assert_close(mean, w.mean(dim=0), atol=0.05, rtol=0)
    assert spread == pytest.approx(w.var(dim=0).mean().sqrt().item(), rel=0.05)


def test_it_learns_few_faces_by_heart_and_says_so(faces: Faces, distance: FeatureDistance, tmp_path: Path):
    seen: list[dict[str, float]] = []
    few = Faces(faces.train, faces.train)
    config = TINY.replace(steps=60, lambda_latent=0.0, save_every=1000)
    stored = train_encoder(
        tiny_faces.generator(), few, distance, tmp_path / "e", config, name="tiny", measured_by=distance.name,
        device="cpu", report=lambda step, losses: seen.append(losses),
    )  # fmt: skip
    assert np.mean([losses["l2"] for losses in seen[-5:]]) < 0.3 * np.mean([losses["l2"] for losses in seen[:5]])
    assert stored.metrics["l2"] < 0.5 * stored.metrics["mean_face_l2"]
    assert stored.measured == (
        "4 held-out faces; squared error of [-1, 1]; perceptual distance by discriminator of tiny"
    )
    encoder, config_again = load_encoder(tmp_path / "e")
    assert config_again == stored
    again = reconstruction(encoder, tiny_faces.generator(), few.val, distance)
    assert again == pytest.approx(stored.metrics, rel=1e-3)


def test_the_resumed_training_equals_the_uninterrupted_one(faces: Faces, distance: FeatureDistance, tmp_path: Path):
    def train(out: str, config: EncoderTraining, **more) -> None:
        train_encoder(tiny_faces.generator(), faces, distance, tmp_path / out, config, device="cpu", **more)

    train("whole", TINY)
    steps: list[int] = []
    train("halves", TINY, report=lambda step, losses: steps.append(step), cancelled=lambda: len(steps) == 3)
    assert steps == [1, 2, 3]
    torch.manual_seed(99)
    train("halves", TINY, resume=True)
    whole, halves = (read_tensors(tmp_path / out / "model.safetensors") for out in ("whole", "halves"))
    assert [name for name in whole if not torch.equal(whole[name], halves[name])] == []


def test_the_generator_is_left_as_it_was(faces: Faces, distance: FeatureDistance, tmp_path: Path):
    generator = tiny_faces.generator()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    train_encoder(generator, faces, distance, tmp_path / "e", TINY.replace(steps=2), device="cpu")
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())


def test_the_mean_face_s_figures_are_those_of_the_mean_face(faces: Faces, distance: FeatureDistance):
    generator = tiny_faces.generator()
    encoder = FaceEncoder(16, 6, 8, filters=4, max_filters=8).eval()
    encoder.w_avg.copy_(generator.mapping.w_avg)
    figures = reconstruction(encoder, generator, faces.val, distance)
    assert figures["l2"] == figures["mean_face_l2"]  # a fresh encoder answers the mean
    assert figures["perceptual"] == figures["mean_face_perceptual"]
    with torch.no_grad():
        mean = generator.synthesis(generator.mapping.w_avg.expand(1, 6, -1), "const").clamp(-1, 1)
    real = torch.stack([faces.val[0, index].real for index in range(3)])
    assert figures["l2"] == pytest.approx((mean - real).square().mean().item(), rel=1e-3)


def test_what_cannot_go_on_is_told(faces: Faces, distance: FeatureDistance, tmp_path: Path):
    def train(config: EncoderTraining = TINY, *, resume: bool = False) -> None:
        train_encoder(tiny_faces.generator(), faces, distance, tmp_path / "e", config, device="cpu", resume=resume)

    with pytest.raises(CheckpointError, match="holds no training of an encoder; start one without --resume"):
        train(resume=True)
    train(TINY.replace(steps=1))
    with pytest.raises(CheckpointError, match="holds a training of an encoder; go on with --resume"):
        train()
    with pytest.raises(ConfigError, match="was trained with other settings"):
        train(TINY.replace(lr=1.0), resume=True)
    shutil.rmtree(tmp_path / "e" / "state")  # as a shipped model's
    with pytest.raises(CheckpointError, match="holds an encoder already; choose another --out, or delete it first"):
        train()
    with pytest.raises(DatasetError):
        read_faces(tmp_path / "nothing", tiny_faces.DATA)
