"""Which network compares pictures, and that a distance of it is one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny_faces
from translate.checkpoints import DISCRIMINATOR, ENCODER, save_model, sha256
from translate.config import EncoderConfig
from translate.editing import identity, perceptual
from translate.editing.editor import Editor
from translate.editing.identity import SFace, feature_identity, load_identity
from translate.editing.perceptual import load_perceptual
from translate.errors import CheckpointError, ConfigError
from translate.networks import build_encoder
from translate.objectives.perceptual import FeatureDistance

ENCODING = EncoderConfig(name="tiny", size=16, filters=4, max_filters=8, num_ws=6, w_dim=8)


def pictures(count: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_features_at_right_angles_are_two_apart():
    """Unit vectors: |a - b|^2 = 2, of one of two layers; the other's are equal."""
    first, second = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    first[:, 0], second[:, 1] = 3, 5
    found = {0.0: [first, first], 1.0: [second, first]}
    distance = FeatureDistance("by hand", lambda x: found[float(x.mean())], 4)
    assert distance(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)).item() == pytest.approx(1.0, rel=1e-4)


def test_a_distance_is_symmetric_zero_for_equals_the_same_alone_and_differentiable():
    distance = FeatureDistance("test", tiny_faces.discriminator().features, 16)
    a, b = pictures(seed=0), pictures(seed=1).requires_grad_(True)
    values = distance(a, b)
    assert distance(a, a).tolist() == [0, 0, 0]
    assert (values > 0.01).all()
    torch.testing.assert_close(values, distance(b, a))
    torch.testing.assert_close(values[1:2], distance(a[1:2], b[1:2]))
    values.sum().backward()
    assert b.grad is not None
    assert (b.grad.abs().sum(dim=(1, 2, 3)) > 0).all()
    larger = torch.nn.functional.interpolate(a, (32, 32))
    assert distance(larger, larger.flip(0)).shape == (3,)
    with pytest.raises(ValueError, match="two pictures of one shape"):
        distance(a, a[:1])


def test_the_model_s_own_discriminator_or_encoder_is_taken_and_named(tmp_path: Path):
    folder = tiny_faces.model(tmp_path / "tiny")
    assert load_perceptual(folder).name == "discriminator of tiny"
    with pytest.raises(CheckpointError, match="no encoder to compare pictures by; `translate models pull lpips-alex`"):
        load_perceptual(folder, "encoder")
    save_model(folder / ENCODER, build_encoder(ENCODING), ENCODING)
    assert load_perceptual(folder, "encoder").name == "encoder of tiny"
    assert load_perceptual(folder, DISCRIMINATOR).name == "discriminator of tiny"
    a, b = pictures(), pictures(seed=5)
    expected = FeatureDistance("", tiny_faces.discriminator().features, 16)(a, b)
    torch.testing.assert_close(load_perceptual(folder)(a, b), expected)


def test_a_distance_that_can_not_be_read_is_logged_and_the_next_one_taken(tmp_path: Path, monkeypatch, caplog):
    """LPIPS that lies there without its calibration: photos are still compared, and asked for by name it is refused."""

    def damaged(folder: Path, device: torch.device) -> None:
        raise CheckpointError("alexnet.pth: is damaged")

    folder = tiny_faces.model(tmp_path / "tiny")
    monkeypatch.setitem(perceptual.LOADERS, "lpips-alex", damaged)
    assert load_perceptual(folder).name == "discriminator of tiny"
    assert "alexnet.pth: is damaged; faces are compared by another network" in caplog.text
    with pytest.raises(CheckpointError, match=r"alexnet\.pth: is damaged"):
        load_perceptual(folder, "lpips-alex")


def test_a_damaged_part_is_told_and_not_taken_for_a_missing_one(tmp_path: Path):
    folder = tiny_faces.model(tmp_path / "tiny")
    (folder / DISCRIMINATOR / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"discriminator.model\.safetensors"):
        Editor.load(folder, device="cpu")


def test_a_model_without_either_says_what_to_install(tmp_path: Path):
    folder = tiny_faces.model(tmp_path / "tiny", judged=False)
    with pytest.raises(
        CheckpointError, match="nothing to compare pictures by; `translate models pull lpips-alex` installs"
    ):
        load_perceptual(folder)
    with pytest.raises(CheckpointError, match="no encoder and no discriminator to tell faces apart"):
        load_identity(folder, pictures())
    with pytest.raises(ConfigError, match="perceptual distance 'vgg'; known: auto, lpips-vgg"):
        load_perceptual(folder, "vgg")


def test_an_identity_is_of_unit_length_the_same_alone_and_less_what_all_faces_share(tmp_path: Path):
    folder = tiny_faces.model(tmp_path / "tiny")
    faces = tiny_faces.generator()(torch.randn(40, 8, generator=torch.Generator().manual_seed(0))).detach()
    own = load_identity(folder, faces)
    assert own.name == "discriminator of tiny"
    found = own(faces)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(40))
    torch.testing.assert_close(found[7:8], own(faces[7:8]), atol=1e-4, rtol=1e-4)
    # Of different faces the mean cosine is about 0, as of any vectors less their mean.
    cosines = (found @ found.T)[~torch.eye(40, dtype=torch.bool)]
    assert abs(float(cosines.mean())) < 0.1
    raw = feature_identity("raw", tiny_faces.discriminator().features, 16, faces)
    torch.testing.assert_close(raw(faces), found)
    shifted = faces.clone().requires_grad_(True)
    (own(shifted) * found).sum().backward()
    assert shifted.grad is not None


def test_sface_is_shown_faces_where_it_wants_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Eyes that are red dots at the template's places come to SFace's own: (38, 52) and (74, 52) of 112 pixels."""
    seen = []

    class Recogniser:
        def feature(self, picture: np.ndarray) -> np.ndarray:
            seen.append(picture)
            return np.full((1, 128), 2.0, np.float32)

    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path))
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / identity.SFACE).write_bytes(b"any")
    with pytest.raises(CheckpointError, match="its SHA-256 starts"):
        SFace(tiny_faces.ALIGNMENTS["utkface"])
    monkeypatch.setattr(identity, "SFACE_DIGEST", sha256(tmp_path / "features" / identity.SFACE))
    with pytest.raises(CheckpointError, match="OpenCV can't read it"):
        SFace(tiny_faces.ALIGNMENTS["utkface"])
    monkeypatch.setattr(identity.cv2.FaceRecognizerSF, "create", lambda *_: Recogniser())
    face = torch.full((1, 3, 200, 200), -1.0)
    for x, y in tiny_faces.ALIGNMENTS["utkface"].points[:2]:
        face[:, 0, round(200 * y) - 6 : round(200 * y) + 6, round(200 * x) - 6 : round(200 * x) + 6] = 1
    found = SFace(tiny_faces.ALIGNMENTS["utkface"])(face)
    assert found.shape == (1, 128)
    assert found.norm().item() == pytest.approx(1)
    assert seen[0].shape == (112, 112, 3)
    left, right = (seen[0][:, half, 2] > 128 for half in (slice(0, 56), slice(56, 112)))  # BGR
    (y, x), (v, u) = (np.argwhere(eye).mean(axis=0) for eye in (left, right))
    # The two templates differ in their proportions: the similarity that fits all five misses the eyes by a few pixels.
    assert (x, y) == pytest.approx((38.3, 51.7), abs=4)
    assert (u + 56, v) == pytest.approx((73.5, 51.5), abs=4)


def test_sface_is_asked_for_in_one_line():
    with pytest.raises(CheckpointError, match="translate models pull sface"):
        SFace(tiny_faces.ALIGNMENTS["utkface"])
    with pytest.raises(CheckpointError, match="where the five points of a face lie"):
        SFace(tiny_faces.ALIGNMENTS["ffhq"])
