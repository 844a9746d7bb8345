"""A .pth file becomes a model folder of ours that gives the reference system's outputs, and knows where it is from."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from translate.checkpoints import load_config, load_model
from translate.errors import CheckpointError
from translate.interop import importing
from translate.interop.importing import About
from translate.interop.pix2pix import convert, read

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "parity"
EXPECTED = json.loads((FIXTURES / "networks.json").read_text())
GENERATORS = [name for name in EXPECTED if name.startswith(("unet", "resnet"))]
ABOUT = About(name="imported", title="A title", licence="terms", source="https://example.org/x.pth", trust="unverified")


@pytest.mark.parametrize("name", GENERATORS)
def test_an_imported_model_gives_the_reference_s_output_to_1e_5(name: str, tmp_path: Path):
    importing.write(FIXTURES / f"{name}.pth", tmp_path, ABOUT)
    network, config = load_model(tmp_path)
    sample = load_file(FIXTURES / f"{name.removesuffix('_oldstyle')}.io.safetensors")
    with torch.no_grad():
        assert (network(sample["input"]) - sample["output"]).abs().max() <= 1e-5
    assert (config.name, config.title, config.licence) == ("imported", "A title", "terms")
    assert config.kind == ("pix2pix" if name.startswith("unet") else "cyclegan")


def test_a_model_imported_with_each_picture_s_statistics_is_the_reference_in_training_mode(tmp_path: Path):
    path = FIXTURES / "unet_256_ngf4.pth"
    found = importing.write(path, tmp_path, ABOUT, "picture")
    assert found.notes == (importing.STATISTICS["picture"],)
    reference = convert(read(path)).build().train()
    for part in reference.modules():
        if isinstance(part, nn.Dropout):
            part.eval()
    x = torch.rand(1, 3, 100, 140, generator=torch.Generator().manual_seed(0)) * 2 - 1
    network, config = load_model(tmp_path)
    assert config.generator.norm == "picture"
    with torch.no_grad():
        assert (network(x) - reference(x)).abs().max() <= 1e-5


def test_what_was_left_out_is_said(tmp_path: Path):
    """Two statistics of each of the 23 norms."""
    found = importing.write(FIXTURES / "resnet_9blocks_ngf8_oldstyle.pth", tmp_path, ABOUT)
    assert found.notes == ("left out 46 statistics that old instance norms tracked and nothing uses",)
    assert importing.write(FIXTURES / "resnet_9blocks_ngf8.pth", tmp_path, ABOUT).notes == ()


def test_the_source_is_recorded_and_the_files_are_checked_against_it(tmp_path: Path):
    importing.write(FIXTURES / "resnet_9blocks_ngf8.pth", tmp_path, ABOUT)
    record = importing.source(tmp_path)
    assert (record["source"], record["trust"]) == ("https://example.org/x.pth", "unverified")
    assert record["bytes"] == (FIXTURES / "resnet_9blocks_ngf8.pth").stat().st_size
    importing.check(tmp_path)
    for name in ("model.safetensors", "config.json"):
        path = tmp_path / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b" ")
        with pytest.raises(CheckpointError, match=f"{name}: its SHA-256 is not the one recorded"):
            importing.check(tmp_path)
        path.write_bytes(whole)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"files": 1}'])
def test_an_unreadable_record_is_told_and_a_missing_one_is_none(tmp_path: Path, text: str):
    assert importing.source(tmp_path) == {}
    importing.check(tmp_path)
    (tmp_path / "source.json").write_text(text)
    with pytest.raises(CheckpointError, match="not a readable record"):
        importing.source(tmp_path)


@pytest.mark.parametrize("name", ["nlayer3_ndf8_batch", "nlayer3_ndf8_instance", "pixel_ndf8"])
def test_a_discriminator_is_no_model(name: str, tmp_path: Path):
    """Their outputs are compared in tests/networks/test_parity.py."""
    with pytest.raises(CheckpointError, match=r"a discriminator \((patch|pixel)\); a model is a generator"):
        importing.write(FIXTURES / f"{name}.pth", tmp_path, ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_a_misfit_names_the_file(tmp_path: Path):
    torch.save({"encoder.0.weight": torch.ones(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other.pth: no network of the pix2pix and CycleGAN project"):
        importing.write(tmp_path / "other.pth", tmp_path / "new", ABOUT)


def test_the_stored_config_is_one_that_this_program_reads(tmp_path: Path):
    importing.write(FIXTURES / "unet_64_ngf8_c1to2.pth", tmp_path, ABOUT)
    network = load_config(tmp_path).generator
    assert (network.depth, network.in_channels, network.out_channels, network.head) == (6, 1, 2, "image")
