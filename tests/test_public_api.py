"""What a program that imports `translate` may rely on."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import translate
from translate.checkpoints import save_model
from translate.config import GeneratorConfig, ModelConfig
from translate.errors import CheckpointError, ConfigError
from translate.networks import build_generator


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of the user's, with random weights."""
    monkeypatch.chdir(tmp_path)
    config = ModelConfig(name="mine", generator=GeneratorConfig(filters=4, depth=2))
    torch.manual_seed(0)
    save_model(tmp_path / "runs" / "mine", build_generator(config.generator), config)
    return tmp_path / "runs" / "mine"


def test_the_version_is_the_one_of_the_package(repo: Path):
    project = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["version"]["path"] == "translate/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", translate.__version__)


def test_load_takes_a_name_and_the_model_takes_a_photo(run: Path):
    model = translate.load("mine")
    assert isinstance(model, translate.Translator)
    result = model(Image.new("RGB", (31, 17)))
    assert (result.mode, result.size) == ("RGB", (31, 17))
    assert model(np.zeros((17, 31, 3), np.uint8)).shape == (17, 31, 3)
    assert [picture.size for picture in model([Image.new("L", (5, 6)), Image.new("RGBA", (7, 8))])] == [(5, 6), (7, 8)]


def test_load_takes_a_folder_device_and_precision(run: Path):
    model = translate.load(run, device="cpu", precision="bf16")
    assert (str(model.device), model.precision, model.config.name) == ("cpu", "bf16", "mine")


def test_what_can_t_be_loaded_is_told(run: Path):
    with pytest.raises(CheckpointError, match="did you mean mine"):
        translate.load("mime")
    with pytest.raises(ConfigError, match="fp16"):
        translate.load("mine", precision="fp16")


def test_everything_promised_is_there():
    for name in translate.__all__:
        assert getattr(translate, name) is not None
    assert set(translate.__all__) <= set(dir(translate))
