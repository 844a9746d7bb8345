"""A latent's file: what goes in comes out, and no other model is given it."""

import json
from pathlib import Path

import pytest
import torch

from tests import tiny_faces
from translate.checkpoints import write_tensors
from translate.editing.alignment import Square
from translate.editing.latents import Latent, digest_of, load_latent, save_latent, tuned_generator
from translate.errors import CheckpointError

DIGEST = "ab" * 32


def latent(**changes) -> Latent:
    facts = {"w_plus": torch.arange(48.0).view(1, 6, 8) / 7, "model": "tiny", "digest": DIGEST} | changes
    return Latent(**facts)


def test_what_goes_in_comes_out(tmp_path: Path):
    about = {"steps": 7, "l2": 0.25, "measured_by": "discriminator of tiny"}
    stored = latent(square=Square(10, 20.5, 3, -4), tuned={"synthesis.const": torch.ones(2, 4, 4)}, about=about)
    save_latent(tmp_path / "a.safetensors", stored)
    found = load_latent(tmp_path / "a.safetensors", digest=DIGEST)
    assert torch.equal(found.w_plus, stored.w_plus)
    assert (found.model, found.digest, found.square, found.about) == ("tiny", DIGEST, stored.square, about)
    assert torch.equal(found.tuned["synthesis.const"], torch.ones(2, 4, 4))
    save_latent(tmp_path / "b.safetensors", latent())
    assert load_latent(tmp_path / "b.safetensors").square is None


def test_the_digest_is_that_of_the_weights_file(tmp_path: Path):
    folder = tiny_faces.model(tmp_path / "tiny")
    first = digest_of(folder)
    (folder / "config.json").write_text("{}")
    assert digest_of(folder) == first
    assert len(first) == 64


def test_another_model_s_latent_is_refused(tmp_path: Path):
    save_latent(tmp_path / "a.safetensors", latent())
    with pytest.raises(
        CheckpointError, match="a latent of 'tiny' with weights abababab, and this model's are cdcdcdcd"
    ):
        load_latent(tmp_path / "a.safetensors", digest="cd" * 32)


def test_a_latent_of_another_shape_is_refused(tmp_path: Path):
    generator = tiny_faces.generator()
    save_latent(tmp_path / "a.safetensors", latent(w_plus=torch.zeros(1, 5, 8)))
    with pytest.raises(CheckpointError, match=r"w_plus is \[1, 5, 8\], the model takes \(N, 6, 8\)"):
        load_latent(tmp_path / "a.safetensors", generator=generator)
    save_latent(tmp_path / "b.safetensors", latent(tuned={"synthesis.const": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match=r"synthesis.const \[1\] fits nothing in the generator"):
        load_latent(tmp_path / "b.safetensors", generator=generator)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (None, "no latent of this program"),
        ("[" * 100_000, "no latent of this program"),
        (
            {"kind": "x", "format": 1, "model": "a", "sha256": "b", "square": None, "about": {}},
            "no latent of this program",
        ),
        (
            {"kind": "translate latent", "format": 2, "model": "a", "sha256": "b", "square": None, "about": {}},
            "is newer",
        ),
        (
            {"kind": "translate latent", "format": 1, "model": "a", "sha256": 3, "square": None, "about": {}},
            "its head is damaged",
        ),
        (
            {"kind": "translate latent", "format": 1, "model": "a", "sha256": "b", "square": [1], "about": {}},
            "its head is damaged",
        ),
        (
            {"kind": "translate latent", "format": 1, "model": "a", "sha256": "b", "square": ["x"] * 4, "about": {}},
            "its head is damaged",
        ),
    ],
)
def test_a_file_with_another_head_is_refused(tmp_path: Path, facts: object, said: str):
    head = None if facts is None else {"translate": facts if isinstance(facts, str) else json.dumps(facts)}
    write_tensors(tmp_path / "a.safetensors", {"w_plus": torch.zeros(1, 6, 8)}, head)
    with pytest.raises(CheckpointError, match=said) as caught:
        load_latent(tmp_path / "a.safetensors")
    assert "\n" not in str(caught.value)


def test_what_is_damaged_or_missing_is_told(tmp_path: Path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError, match="no such file"):
        load_latent(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        load_latent(path)
    save_latent(path, latent(w_plus=torch.full((1, 6, 8), float("nan"))))
    with pytest.raises(CheckpointError, match="not finite"):
        load_latent(path)
    head = {"kind": "translate latent", "format": 1, "model": "a", "sha256": "b", "square": None, "about": {}}
    write_tensors(path, {"x": torch.zeros(1)}, {"translate": json.dumps(head)})
    with pytest.raises(CheckpointError, match="it lacks w_plus"):
        load_latent(path)


def test_a_tuned_generator_is_a_copy_with_those_weights():
    generator = tiny_faces.generator()
    before = generator.synthesis.const.clone()
    own = tuned_generator(generator, latent(tuned={"synthesis.const": torch.full_like(before, 2)}))
    assert (own.synthesis.const == 2).all()
    assert torch.equal(generator.synthesis.const, before)
    assert tuned_generator(generator, latent()) is generator
