"""Our networks with the reference system's random weights give the reference system's outputs."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from translate.interop.pix2pix import convert, read

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "parity"
# The repository keeps what covers every layout within 8 MB; the rest lies beside the checkout where it was made.
FOLDERS = (FIXTURES, ROOT.parent / "shared" / "parity")
EXPECTED = json.loads((FIXTURES / "networks.json").read_text())


def fixture(name: str) -> Path:
    for folder in FOLDERS:
        if (folder / name).is_file():
            return folder / name
    pytest.skip(f"{name} is not kept in the repository")


@pytest.mark.parametrize("name", EXPECTED)
def test_the_output_is_the_references_to_1e_5(name: str):
    """float32, CPU, evaluation mode."""
    weights = fixture(f"{name}.pth")
    network = convert(read(weights)).build()
    facts = EXPECTED[name.removesuffix("_oldstyle")]
    sample = load_file(fixture(f"{name.removesuffix('_oldstyle')}.io.safetensors"))
    assert sum(p.numel() for p in network.parameters()) == facts["params"]
    with torch.no_grad():
        output = network(sample["input"])
    assert list(output.shape) == facts["output"]
    assert (output - sample["output"]).abs().max() <= 1e-5


def test_the_repository_keeps_a_fixture_of_every_layout():
    kept = {path.stem for path in FIXTURES.glob("*.pth")}
    left_out = {"unet_64_ngf8_c1to2", "resnet_9blocks_ngf8_oldstyle"}
    assert kept == EXPECTED.keys() - left_out
    assert sum(path.stat().st_size for path in FIXTURES.iterdir()) < 8_000_000
