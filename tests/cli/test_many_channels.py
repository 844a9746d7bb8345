"""Seven channels of 16 bits: trained on, applied and scored from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from translate import images
from translate.checkpoints import save_model
from translate.data.synthetic import scene
from translate.networks import build_generator

from ..inference.conftest import picture_config

SMALL = [
    "--steps=2", "--size=32", "--device=cpu", "--set=generator.filters=4", "--set=generator.depth=3",
    "--set=discriminator.filters=4", "--set=discriminator.layers=1", "--set=validate_every=2",
    "--set=sample_every=2", "--set=workers=0",
]  # fmt: skip


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    """Scenes through seven filters, as a satellite sees them, and as a camera does."""
    filters = np.random.default_rng(7).dirichlet(np.ones(3), 7).T
    for number in range(4):
        photo = scene(number, 48, 48)[0].astype(np.uint16) * 257
        split = tmp_path / "data" / ("val" if number == 3 else "train")
        images.save(np.round(photo @ filters).astype(np.uint16), split / "a" / f"{number}.tif")
        images.save(photo, split / "b" / f"{number}.png")
    return tmp_path / "data"


@pytest.fixture
def run(cli):
    """Run a verb: (exit code, all that it said)."""

    def called(*words: object) -> tuple[int, str]:
        code, out, err = cli(*(str(word) for word in words))
        return code, out + err

    return called


def test_a_satellite_s_seven_channels_become_a_picture(run, seven: Path, tmp_path: Path):
    assert run("data", "check", seven)[0] == 0
    model, out = tmp_path / "run", tmp_path / "out"
    code, said = run("train", "pix2pix", "--data", seven, "--out", model, *SMALL)
    assert code == 2
    assert "side a has 7 channels and 3 are expected; set generator.in_channels=7" in said
    code, said = run("train", "pix2pix", "--data", seven, "--out", model, "--set=generator.in_channels=7", *SMALL)
    assert code == 0, said
    code, said = run("apply", model, seven / "val" / "a", "-o", out, "--json")
    assert code == 0, said
    made = images.read_array(out / "3.png", None)
    assert (made.shape, made.dtype) == ((48, 48, 3), np.uint16)
    code, said = run("evaluate", model, "--data", seven, "--json", tmp_path / "report.json")
    assert code == 0, said
    assert "psnr" in (tmp_path / "report.json").read_text()
    code, said = run("apply", model, seven / "val" / "b", "-o", tmp_path / "wrong")
    assert code == 2
    assert "the picture has 3 channels" in said


def test_a_channel_too_few_is_named_before_the_first_step(run, seven: Path):
    images.save(np.zeros((48, 48, 6), np.uint16), seven / "train" / "a" / "1.tif")
    code, said = run("data", "check", seven)
    assert code == 2
    assert "1.tif: has 6 channels, 7 are expected" in said


def test_a_model_that_makes_seven_channels_writes_tiffs(run, tmp_path: Path):
    """No 8 bits on the way: the first network that comes to hand, and its own arithmetic as the reference."""
    config = picture_config(channels=3, out_channels=7)
    network = build_generator(config.generator)
    save_model(tmp_path / "model", network, config)
    photo = np.random.default_rng(0).integers(0, 65536, (40, 36, 3), np.uint16)
    images.save(photo, tmp_path / "in" / "photo.png")
    code, said = run("apply", tmp_path / "model", tmp_path / "in", "-o", tmp_path / "out", "--scale=native")
    assert code == 0, said
    made = images.read_array(tmp_path / "out" / "photo.tif", None)
    assert (made.shape, made.dtype) == ((40, 36, 7), np.uint16)
    exact = images.to_array(network.half().float().eval()(images.to_tensor(photo)[None])[0], np.uint16)
    assert np.abs(made.astype(int) - exact).max() <= 8  # of 65,535; one step of 8 bits is 257
    assert len(np.unique(made % 257)) > 200  # all that lies between two steps of 8 bits
    code, said = run("apply", tmp_path / "model", tmp_path / "in" / "photo.png", "-o", tmp_path / "x.png")
    assert code == 2
    assert "it holds one channel or three; save it as TIFF" in said


def test_tiles_are_asked_for_and_reported(run, tmp_path: Path):
    config = picture_config()
    save_model(tmp_path / "model", build_generator(config.generator), config)
    images.save(scene(0, 150, 140)[0], tmp_path / "in" / "photo.png")
    words = ("apply", tmp_path / "model", tmp_path / "in", "-o", tmp_path / "out", "--scale=native")
    code, said = run(*words, "--tile=63")
    assert (code, "tile is 63; the smallest has 64 pixels a side" in said) == (2, True)
    assert not (tmp_path / "out").exists()
    code, said = run(*words, "--tile=65", "--json")
    assert code == 0
    assert json.loads(said)["written"][0]["tile"] == 68  # four is what two halvings need
