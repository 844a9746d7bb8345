"""`translate invert`, `translate train encoder`, and `models pack` of a model of faces."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests import tiny_faces
from tests.clip_models import tiny_config
from translate import images
from translate.checkpoints import load_config, load_discriminator, load_encoder, read_tensors, save_model
from translate.config import ALIGNMENTS
from translate.editing.latents import digest_of, load_latent
from translate.features.clip import load_clip
from translate.networks.clip import build_clip


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of faces among the runs, and a photo."""
    monkeypatch.chdir(tmp_path)
    tiny_faces.model(tmp_path / "runs" / "tiny", aligned=False)
    Image.fromarray(tiny_faces.smooth(60, 80)).save(tmp_path / "me.png")
    return tmp_path


INVERT = ("invert", "me.png", "--model", "tiny", "--device", "cpu", "--steps", "3")


def test_a_photo_becomes_a_latent_with_pictures_and_figures(cli, place: Path):
    code, out, err = cli(
        *INVERT, "-o", "me.safetensors", "--crop", "10,5,40", "--tune", "2", "--preview", "two.png",
        "--paste", "in.png", "--json", "me.json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "the square 10,5,40 was given"
    assert out.splitlines()[1].startswith("me.safetensors: 3 steps, tuned for 2; squared error ")
    assert out.strip().endswith("by discriminator of tiny")
    found = load_latent(place / "me.safetensors", digest=digest_of(place / "runs/tiny"))
    assert found.w_plus.shape == (1, 6, 8)
    record = json.loads((place / "me.json").read_text())
    assert (record["model"], record["steps"], record["square"]) == ("tiny", 3, [10, 5, 50, 5, 50, 45, 10, 45])
    assert record["measured_by"] == "discriminator of tiny"
    pasted, photo = images.read_array("in.png"), images.read_array("me.png")
    assert np.array_equal(pasted[:, 50:], photo[:, 50:])
    assert not np.array_equal(pasted, photo)
    assert images.header("two.png").width == 4 + 2 * (16 + 4)
    for path in ("two.png", "in.png"):
        with Image.open(path) as made:
            assert made.text["Comment"] == "Synthetic picture: a face drawn again by the model tiny"


def test_a_picture_that_can_not_say_that_it_is_synthetic_is_refused_before_the_work(cli):
    code, _, err = cli(*INVERT, "-o", "me.safetensors", "--crop", "10,5,40", "--paste", "in.tif")
    assert (code, "in.tif: a synthetic picture is written as .png, .jpg" in err) == (2, True)
    assert not Path("me.safetensors").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("-o", "me.safetensors"), "me.png: 80 x 60 pixels are no square, and no face detector is installed"),
        (("-o", "me.png"), "me.png: name a file that ends in .safetensors"),
        (("-o", "no/me.safetensors"), "in a folder that exists"),
        (("-o", "a.safetensors", "--crop", "1,2"), "expected three numbers"),
        (("-o", "a.safetensors", "--crop", "50,0,40"), "leaves the photo of 80 x 60 pixels"),
        (("-o", "a.safetensors", "--crop", "0,0,9", "--perceptual", "vgg"), "perceptual distance 'vgg'; known:"),
        (("-o", "a.safetensors", "--crop", "0,0,9", "--json", "no/x.json"), "its folder does not exist"),
    ],
)
def test_the_user_s_mistakes_are_one_line(cli, more: tuple[str, ...], said: str):
    code, out, err = cli(*INVERT, *more)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert not Path("a.safetensors").exists()


def test_an_encoder_is_trained_into_its_model_used_by_invert_and_packed_with_it(cli, place: Path):
    (place / "faces").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(place / "faces" / f"{number}.png")
    tiny = ("--set", "filters=4", "--set", "max_filters=8", "--set", "batch_size=4", "--set", "log_every=1")
    command = ("train", "encoder", "--data", "faces", "--init", "tiny", "--device", "cpu")
    code, out, err = cli(*command, "--steps", "2", "--json", *tiny)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0, err
    assert [row["kind"] for row in rows] == ["train", "train", "done"]
    assert {"l2", "perceptual", "mean_face_l2", "mean_face_perceptual"} < set(rows[2])
    code, out, err = cli(*command, "--steps", "3", "--resume", *tiny)
    assert out.splitlines()[0].endswith("encoder: step 3")
    code, out, _ = cli(*INVERT[:-1], "0", "-o", "me.safetensors", "--crop", "0,0,60")
    assert (code, load_latent(place / "me.safetensors").about["encoder"]) == (0, True)
    code, out, _ = cli("models", "pack", "tiny", "-o", "small", "--alignment", "utkface")
    assert "with its discriminator and encoder" in out
    assert load_config(place / "small").alignment == ALIGNMENTS["utkface"]
    assert load_encoder(place / "small/encoder")[1].step == 3
    judge, described = load_discriminator(place / "small/discriminator")
    assert described.name == "small"
    assert read_tensors(place / "small/discriminator/model.safetensors")["from_rgb.weight"].dtype == torch.float16
    image = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(judge(image), tiny_faces.discriminator()(image), atol=2e-2, rtol=2e-2)
    assert cli("models", "pack", "tiny", "-o", "small", "--alignment", "celeba")[0] == 2


def test_an_encoder_needs_a_model_of_styles(cli):
    assert "name it with --init MODEL" in cli("train", "encoder", "--data", ".")[2]
    assert "sizes: no such setting" in cli("train", "encoder", "--init", "tiny", "--set", "sizes=3")[2]


def test_a_clip_is_packed_with_the_model_it_edits(cli, place: Path):
    clip = build_clip(tiny_config("words"), seed=3)
    save_model(place / "runs/words/clip", clip, tiny_config("words"))
    code, out, err = cli("models", "pack", "tiny", "-o", "small", "--clip", "runs/words")
    assert code == 0, err
    assert "with its discriminator and clip" in out
    packed = load_clip(place / "small")
    assert packed.name == "small-clip"
    assert read_tensors(place / "small/clip/model.safetensors")["model.logit_scale"].dtype == torch.float16
    text = ["an old man"]
    torch.testing.assert_close(packed.encode_text(text), clip.eval().encode_text(text), atol=5e-3, rtol=0)
    assert cli("models", "pack", "tiny", "-o", "other", "--clip", "runs/nowhere")[0] == 2
