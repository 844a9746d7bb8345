"""LPIPS from files: the published layout, one error a cause, and nothing that a file says is run."""

import importlib.util
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from translate.checkpoints import sha256
from translate.errors import CheckpointError
from translate.interop import lpips
from translate.interop.lpips import TRUNKS, Perceptual, load
from translate.metrics.lpips import lpips as distance


def _random_state(module: torch.nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Weights that keep the scale from layer to layer, and no biases."""
    random = np.random.RandomState(seed)
    state = {}
    for name, value in module.state_dict().items():
        drawn = random.standard_normal(value.shape).astype("f4")
        state[name] = torch.from_numpy(drawn) * (2 / value[0].numel()) ** 0.5 if value.ndim > 1 else value * 0
    return state


def _pair(height: int = 64, width: int = 80) -> tuple[Tensor, Tensor]:
    random = np.random.RandomState(1)
    pred = random.uniform(-1, 1, (2, 3, height, width)).astype("f4")
    target = pred * 0.7 + random.uniform(-0.3, 0.3, pred.shape).astype("f4")
    return torch.from_numpy(pred), torch.from_numpy(target)


def _calibrated(measure: Perceptual) -> dict[str, Tensor]:
    return {f"lin{i}.model.1.weight": (w / len(w)).view(1, -1, 1, 1) for i, w in enumerate(_ramps(measure))}


def _ramps(measure: Perceptual) -> list[Tensor]:
    return [torch.arange(len(weight)).float() for weight in measure.weights]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trunk's file with a classifier behind it, and a torchmetrics with a calibration, both of random weights."""
    measure = Perceptual("alex")
    state = {f"features.{name}": value for name, value in _random_state(measure.features).items()}
    trunk = tmp_path / "features" / TRUNKS["alex"].file
    calibration = tmp_path / "torchmetrics" / lpips.CALIBRATION / "alex.pth"
    for path, tensors in (
        (trunk, state | {"classifier.1.weight": torch.zeros(2, 2)}),
        (calibration, _calibrated(measure)),
    ):
        path.parent.mkdir(parents=True)
        torch.save(tensors, path)
    _trust(monkeypatch, digest=sha256(trunk), calibration_digest=sha256(calibration))
    found = types.SimpleNamespace(origin=str(tmp_path / "torchmetrics" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    return trunk.parent


def _trust(monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    monkeypatch.setitem(TRUNKS, "alex", TRUNKS["alex"]._replace(**changes))


def test_it_is_the_formula_over_the_layers_of_the_trunk(folder: Path):
    measure = load(folder)
    pred, target = _pair()
    outputs = [measure.outputs(pictures) for pictures in (pred, target)]
    assert [layer.shape[1:] for layer in outputs[0]] == [
        (64, 15, 19), (192, 7, 9), (384, 3, 4), (256, 3, 4), (256, 3, 4),
    ]  # fmt: skip
    weights = [ramp / len(ramp) for ramp in _ramps(measure)]
    assert torch.equal(measure(pred, target), distance(*outputs, weights))
    assert measure.name == "lpips-0.1-alex"
    assert not any(parameter.requires_grad for parameter in measure.parameters())


def test_agrees_with_torchmetrics(folder: Path):
    """Figures of torchmetrics 1.9 with these weights in its AlexNet; the lpips package 0.1.4 gives the same."""
    assert load(folder)(*_pair()).tolist() == pytest.approx([0.1250987, 0.1291375], abs=1e-5)


def test_a_picture_is_zero_from_itself_and_the_measure_is_symmetric(folder: Path):
    measure = load(folder)
    pred, target = _pair()
    assert measure(pred, pred.clone()).tolist() == [0, 0]
    assert torch.allclose(measure(pred, target), measure(target, pred))


def test_a_pair_does_not_depend_on_its_batch_nor_on_autocast(folder: Path):
    measure = load(folder)
    pred, target = _pair()
    together = measure(pred, target)
    alone = torch.cat([measure(p[None], t[None]) for p, t in zip(pred, target, strict=True)])
    assert torch.allclose(alone, together, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(measure(pred, target), together)


@pytest.mark.parametrize(
    ("net", "parameters", "last"), [("alex", 2_469_696, "10.weight"), ("vgg", 14_714_688, "28.weight")]
)
def test_the_trunks_have_the_layout_of_torchvision(net: str, parameters: int, last: str):
    """The counts of torchvision's alexnet().features and vgg16().features, and where their last convolutions stand."""
    features = Perceptual(net).features
    assert sum(parameter.numel() for parameter in features.parameters()) == parameters
    assert last in features.state_dict()


@pytest.mark.parametrize("net", list(TRUNKS))
def test_the_smallest_picture_has_an_output_in_every_layer(net: str):
    measure, least = Perceptual(net), TRUNKS[net].least
    assert measure(*(pictures[:1, :, :least, :least] for pictures in _pair())).shape == (1,)
    with pytest.raises(ValueError, match=f"needs {least} pixels a side"):
        measure(*(pictures[:, :, : least - 1] for pictures in _pair()))
    with pytest.raises(RuntimeError):
        measure.outputs(_pair()[0][:, :, : least - 1])


def test_other_shapes_are_refused():
    measure = Perceptual("alex")
    pred, target = _pair()
    with pytest.raises(ValueError, match=r"LPIPS takes two \(N, 3, H, W\)"):
        measure(pred, target[..., :-1])
    with pytest.raises(ValueError, match=r"LPIPS takes two \(N, 3, H, W\)"):
        measure(pred[:, :1], target[:, :1])


def test_without_its_file_one_line_says_where_to_get_it(folder: Path):
    (folder / TRUNKS["alex"].file).unlink()
    with pytest.raises(CheckpointError, match="no such file; fetch it with `translate models pull lpips-alex`"):
        load(folder)


def test_without_torchmetrics_one_line_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match=r"pip install 'translate-images\[metrics\]'"):
        load(folder)


def test_an_unknown_network_is_refused(folder: Path):
    with pytest.raises(CheckpointError, match="LPIPS of 'squeeze': no such network; known: alex, vgg"):
        load(folder, "squeeze")


def _trunk(folder: Path) -> Path:
    return folder / TRUNKS["alex"].file


def _calibration(folder: Path) -> Path:
    return folder.parent / "torchmetrics" / lpips.CALIBRATION / "alex.pth"


@pytest.mark.parametrize("place", [_trunk, _calibration])
def test_another_file_under_its_name_is_refused(folder: Path, place: Callable[[Path], Path]):
    place(folder).write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="its SHA-256 begins with") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("place", "field"), [(_trunk, "digest"), (_calibration, "calibration_digest")])
def test_a_file_that_would_run_code_does_not(
    folder: Path, place: Callable[[Path], Path], field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"features.0.weight": Harmful()}, place(folder))
    _trust(monkeypatch, **{field: sha256(place(folder))})
    with pytest.raises(CheckpointError, match="not weights that can be read safely"):
        load(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"features.0.weight": torch.zeros(2, 2)}, "not the weights of LPIPS"),
        ({}, "not the weights of LPIPS"),
        ({"features.0.weight": 3}, "something other than tensors"),
        ([torch.zeros(2)], "something other than tensors"),
    ],
)
def test_weights_of_another_network_are_refused(
    folder: Path, content: object, said: str, monkeypatch: pytest.MonkeyPatch
):
    torch.save(content, _trunk(folder))
    _trust(monkeypatch, digest=sha256(_trunk(folder)))
    with pytest.raises(CheckpointError, match=said) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
