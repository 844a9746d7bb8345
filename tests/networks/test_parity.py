"""Our networks with the reference system's random weights give the reference system's outputs."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.reliability.figures import Record
from translate.interop.pix2pix import convert, read

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "parity"
EXPECTED = json.loads((FIXTURES / "networks.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_the_output_is_the_references_to_1e_5(name: str, record_figure: Record):
    """float32, CPU, evaluation mode."""
    network = convert(read(FIXTURES / f"{name}.pth")).build()
    facts = EXPECTED[name.removesuffix("_oldstyle")]
    sample = load_file(FIXTURES / f"{name.removesuffix('_oldstyle')}.io.safetensors")
    assert sum(p.numel() for p in network.parameters()) == facts["params"]
    with torch.no_grad():
        output = network(sample["input"])
    assert list(output.shape) == facts["output"]
    worst = (output - sample["output"]).abs().max().item()
    record_figure(27, f"{name}, difference to the reference", worst)
    assert worst <= 1e-5
