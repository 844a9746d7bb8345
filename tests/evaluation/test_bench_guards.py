"""The bench of guards: what it takes away is what is there, and its figures are those of the rounds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from translate import images
from translate.checkpoints import save_model
from translate.config import DataConfig, GeneratorConfig, ModelConfig
from translate.errors import ImageError
from translate.evaluation import bench_guards as module
from translate.evaluation.bench_guards import GUARDS, alternate, bare, bench_guards
from translate.networks import build_generator

TINY: dict[str, Any] = {
    "generator.depth": 1,
    "generator.filters": 2,
    "discriminator.filters": 2,
    "discriminator.layers": 1,
    "data.size": 16,
    "data.load_size": 16,
    "data.crop": 16,
    "save_every": 10,
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    config = ModelConfig(
        name="tiny", generator=GeneratorConfig(filters=4, depth=1), data=DataConfig(size=32, load_size=32, crop=32)
    )
    save_model(tmp_path / "tiny", build_generator(config.generator), config)
    return tmp_path / "tiny"


def test_bare_leaves_the_guards_out_and_brings_them_back(tmp_path: Path):
    before = [getattr(place, name) for place, name, _ in GUARDS]
    wide = tmp_path / "wide.png"
    images.save(np.zeros((1, 17_000, 1), np.uint8), wide)
    with pytest.raises(ImageError, match="too large"):
        images.read_array(wide)
    with bare():
        assert images.read_array(wide).shape == (1, 17_000, 3)
    with pytest.raises(ZeroDivisionError), bare():
        _ = 1 / 0
    assert [getattr(place, name) for place, name, _ in GUARDS] == before


def test_both_take_turns_at_being_first():
    order: list[str] = []
    pairs = alternate(lambda: order.append("g"), lambda: order.append("b"), 3, torch.device("cpu"))
    assert "".join(order) == "bg" + "gb" + "bg" + "gb"  # one round to warm up
    assert len(pairs) == 3


def test_costs_are_of_the_rounds_and_a_step_bears_its_share_of_a_save(model: Path, monkeypatch: pytest.MonkeyPatch):
    """A guarded step of 102 ms beside one of 100, a save of 2 s every 10 steps: 2 % and a share of 200 %."""
    monkeypatch.setattr(module, "alternate", lambda *_: [(0.102, 0.1), (0.103, 0.1), (0.2, 0.2)])
    monkeypatch.setattr(module, "_save", lambda *_: 2000.0)
    found = bench_guards(preset="pix2pix", changes=TINY, model=model, device="cpu", precision="fp32", rounds=3)
    assert (found.step.ms_guarded, found.step.ms_bare) == (103.0, 100.0)
    assert found.save_share == pytest.approx(2.0)
    assert found.step.slower == pytest.approx(0.02 + 2.0)
    assert (found.step.low, found.step.high) == (pytest.approx(2.0), pytest.approx(2.03))
    assert found.apply.slower == pytest.approx(0.02)
    assert (found.step.is_met, found.apply.is_met) == (False, True)


def test_what_is_timed_is_told(model: Path):
    found = bench_guards(preset="pix2pix", changes=TINY, model=model, device="cpu", precision="fp32", rounds=1)
    stored = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert (stored["bench"], stored["rounds"], stored["machine"]["device"]) == ("guards", 1, "cpu")
    assert stored["step"]["what"] == "a step of pix2pix, 16 x 16, batch 1, fp32"
    assert stored["apply"]["what"] == "a photo of 960 x 720 through tiny, fp32"
    assert found.ms_a_save > 0
    assert found.step.ms_bare > 0
