"""A published StyleGAN2 becomes a model only where our config says all of it, and then makes the same pictures."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.interop.nvidia_files import snapshot
from tests.interop.test_stylegan2 import generator, to_nvidia, to_rosinality
from translate.checkpoints import load_model
from translate.errors import CheckpointError
from translate.interop import importing, latent
from translate.networks.stylegan2 import StyleGAN2Generator

SHAPE = {"widths": [8, 8, 4], "z_dim": 7, "w_dim": 7, "mapping_layers": 3}
ABOUT = importing.About(name="faces", source="here", licence="theirs")


def nvidia(path: Path, network: StyleGAN2Generator) -> Path:
    path.write_bytes(snapshot(to_nvidia(network.state_dict())))
    return path


def rosinality(path: Path, network: StyleGAN2Generator) -> Path:
    state = network.state_dict()
    torch.save({"g_ema": to_rosinality(state), "latent_avg": state["mapping.w_avg"]}, path)
    return path


@pytest.mark.parametrize("write", [nvidia, rosinality])
def test_an_imported_generator_makes_the_pictures_of_the_published_one(
    tmp_path: Path, write: Callable[[Path, StyleGAN2Generator], Path]
):
    torch.manual_seed(0)
    network = generator(**SHAPE).eval()
    folder = tmp_path / "model"
    folder.mkdir()
    found = importing.write(write(tmp_path / "published.bin", network), folder, ABOUT)
    own, config = load_model(folder)
    z = torch.randn(2, 7)
    with torch.no_grad():
        assert torch.allclose(own(z), network(z), atol=1e-6)
    made = config.latent
    assert (made.size, made.filters, made.max_filters, made.depth, made.latent) == (16, 4, 8, 3, 7)
    assert (config.name, config.licence) == ("faces", "theirs")
    assert found.config == config
    importing.check(folder)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"widths": [8, 4, 4]}, r"its widths are \[8, 4, 4\], and from 4 up to 8 they would be \[8, 8, 4\]"),
        ({"z_dim": 5}, "its z has 5 numbers and w 7"),
        ({"architecture": "residual"}, "its architecture is residual"),
    ],
)
def test_a_shape_that_no_config_describes_is_one_line(tmp_path: Path, shape: dict[str, object], words: str):
    path = nvidia(tmp_path / "odd.pkl", generator(**(SHAPE | shape)))
    with pytest.raises(CheckpointError, match=words) as caught:
        latent.read(path)
    assert str(caught.value).startswith(f"{path}: ")
