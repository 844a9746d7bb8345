"""`translate export` from the command line, and its file as a model of `translate apply`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.checkpoints import save_model
from translate.config import DataConfig, GeneratorConfig, ModelConfig
from translate.networks import build_generator

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the run `tiny` and two photos."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    config = ModelConfig(
        name="tiny",
        generator=GeneratorConfig(filters=4, depth=1),
        data=DataConfig(size=32, load_size=32, crop=32),
    )
    save_model(Path("runs") / "tiny", build_generator(config.generator), config)
    Path("in").mkdir()
    for name, size in {"a": (32, 32), "c": (41, 20)}.items():
        Image.effect_noise(size, 50).convert("RGB").save(f"in/{name}.png")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny"], "Missing option"),
        (["tyni", "-o", "m.onnx"], "did you mean tiny?"),
        (["tiny", "-o", "m.pt"], "m.pt: an ONNX file's name ends in .onnx"),
        (["tiny", "-o", "none/m.onnx"], "none/m.onnx: its folder does not exist"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(cli, arguments: list[str], message: str):
    code, out, err = cli("export", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.slow
def test_a_model_is_exported_and_its_file_applied(cli):
    code, out, err = cli("export", "tiny", "-o", "m.onnx", "--json")
    report = json.loads(out)
    assert (code, err, report["output"], report["bytes"]) == (0, "", "m.onnx", Path("m.onnx").stat().st_size)
    assert len(report["compared"]) == 3
    assert all(size["difference"] <= 1e-4 for size in report["compared"])
    assert "m.onnx: is there already; --overwrite replaces it" in cli("export", "tiny", "-o", "m.onnx")[2]
    code, out, err = cli("apply", "m.onnx", "in", "-o", "onnx")
    assert (code, err) == (0, "")
    assert out.startswith("m.onnx: 2 written -> onnx (scale ")
    cli("apply", "tiny", "in", "-o", "torch", "--device", "cpu", "--precision", "fp32")
    for name in ("a.png", "c.png"):
        one, other = (np.asarray(Image.open(Path(root) / name, formats=["PNG"])) for root in ("onnx", "torch"))
        assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.slow
def test_a_file_is_scored_as_the_model_it_was_exported_from(cli, place: Path):
    rng = np.random.default_rng(0)
    for side in "ab":
        (place / "pairs" / side).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "pairs" / side / f"{number}.png")
    cli("export", "tiny", "-o", "m.onnx")
    how = ["--data", "pairs", "--split", "all", "--device", "cpu", "--precision", "fp32", "--json"]
    for model in ("tiny", "m.onnx"):
        code, _, err = cli("evaluate", model, *how, f"{model}.json")
        assert (code, err) == (0, "")
    one, other = (json.loads(Path(f"{model}.json").read_text()) for model in ("tiny", "m.onnx"))
    scores, again = (report["reports"][0]["scores"] for report in (one, other))
    for name in ("l1", "psnr", "ssim"):
        assert again[name] == pytest.approx(scores[name], rel=1e-4), name
    assert len(other["reports"][0]["sha256"]) == 64


def test_a_file_that_is_asked_to_run_elsewhere_is_refused_in_one_line(cli):
    Path("m.onnx").write_bytes(b"")
    for where in (["--device", "cuda"], ["--precision", "bf16"]):
        code, _, err = cli("apply", "m.onnx", "in", "-o", "out", *where)
        assert (code, err.count("\n")) == (2, 1)
