"""Models and states on disk: exact, atomic, never trusted."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from translate import checkpoints
from translate.config import GeneratorConfig, ModelConfig
from translate.errors import CheckpointError
from translate.networks import build_generator

TINY = GeneratorConfig(filters=4, depth=2, dropout=0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    generator = build_generator(TINY).to(memory_format=torch.channels_last)
    checkpoints.save_model(tmp_path / "m", generator, ModelConfig(name="m", generator=TINY))
    return tmp_path / "m"


def test_a_model_comes_back_exactly(folder: Path):
    torch.manual_seed(0)
    first = build_generator(TINY).eval()
    loaded, config = checkpoints.load_model(folder)
    x = torch.randn(1, 3, 17, 9)
    assert config.name == "m"
    assert not loaded.training
    assert torch.equal(first(x), loaded(x))


def test_half_precision_halves_the_file_and_is_read_as_float32(folder: Path, tmp_path: Path):
    generator, config = checkpoints.load_model(folder)
    checkpoints.save_model(tmp_path / "h", generator, config, half=True)
    stored = load_file(tmp_path / "h" / "model.safetensors")
    assert all(t.dtype == torch.float16 for name, t in stored.items() if "num_batches" not in name)
    again, _ = checkpoints.load_model(tmp_path / "h")
    for name, tensor in generator.state_dict().items():
        rounded = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(again.state_dict()[name], rounded)


def change(folder: Path, name: str, tensor: torch.Tensor | None) -> None:
    """Replace or drop one tensor of a stored model."""
    state = load_file(folder / "model.safetensors")
    state.pop(name, None)
    save_file(state | ({name: tensor} if tensor is not None else {}), folder / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        ("downs.0.conv.weight", None, "lacks downs.0.conv.weight"),
        ("extra", torch.zeros(1), "extra and 0 more fit nothing"),
        ("downs.0.conv.weight", torch.zeros(4, 3, 3, 3), r"downs.0.conv.weight is \[4, 3, 3, 3\]"),
        ("downs.0.conv.weight", torch.full((4, 3, 4, 4), float("nan")), "not finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(folder: Path, name: str, tensor: torch.Tensor, said: str):
    change(folder, name, tensor)
    with pytest.raises(CheckpointError, match=said):
        checkpoints.load_model(folder)


def test_other_classes_leave_the_last_layer_as_it_was_and_take_the_rest(folder: Path):
    wider = build_generator(TINY.replace(out_channels=5))
    before = {name: tensor.clone() for name, tensor in wider.state_dict().items()}
    stored = load_file(folder / "model.safetensors")
    assert checkpoints.load_weights(wider, folder / "model.safetensors", allow=2) == [
        "ups.0.conv.bias",
        "ups.0.conv.weight",
    ]
    for name, tensor in wider.state_dict().items():
        assert torch.equal(tensor, (before if name.startswith("ups.0.conv") else stored)[name])
    with pytest.raises(CheckpointError, match=r"the network has"):
        checkpoints.load_weights(build_generator(TINY.replace(out_channels=5)), folder / "model.safetensors")


@pytest.mark.parametrize("data", [b"", b"\x80\x04.", b"PK\x03\x04", b"\xff" * 64])
def test_anything_but_safetensors_is_refused(folder: Path, data: bytes):
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        checkpoints.load_model(folder)


def test_missing_pieces_are_named(folder: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match="no model here"):
        checkpoints.load_model(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoints.load_model(folder)


def test_a_model_of_a_later_format_is_refused(folder: Path):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": 99}))
    with pytest.raises(CheckpointError, match="format 99 is newer"):
        checkpoints.load_model(folder)


def test_a_state_comes_back_exactly(tmp_path: Path):
    tensors = {"net": {"w": torch.randn(3)}, "rng": {"cpu": torch.get_rng_state()}}
    checkpoints.save_state(tmp_path / "state", tensors, {"step": 5})
    found, facts = checkpoints.load_state(tmp_path / "state")
    assert facts["step"] == 5
    assert torch.equal(found["net"]["w"], tensors["net"]["w"])
    assert torch.equal(found["rng"]["cpu"], tensors["rng"]["cpu"])


def states(tmp_path: Path) -> Path:
    for step in (1, 2):
        checkpoints.save_state(tmp_path / "state", {"net": {"w": torch.full((64,), float(step))}}, {"step": step})
    return tmp_path / "state"


@pytest.mark.parametrize(("name", "at"), [("net.safetensors", -40), ("net.safetensors", 12), ("state.json", -10)])
def test_a_flipped_bit_falls_back_to_the_state_before(tmp_path: Path, name: str, at: int):
    state = states(tmp_path)
    data = bytearray((state / name).read_bytes())
    data[at] ^= 4
    (state / name).write_bytes(bytes(data))
    tensors, facts = checkpoints.load_state(state)
    assert facts["step"] == 1
    assert tensors["net"]["w"][0] == 1


def test_two_damaged_states_are_an_error_that_names_both(tmp_path: Path):
    state = states(tmp_path)
    for folder in (state, tmp_path / "state.previous"):
        (folder / "net.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"state/net.*state\.previous/net"):
        checkpoints.load_state(state)


def test_a_crash_between_the_two_renames_loses_nothing(tmp_path: Path):
    state = states(tmp_path)
    os.rename(state, tmp_path / "elsewhere")
    _, facts = checkpoints.load_state(state)
    assert facts["step"] == 1


def test_a_failed_write_leaves_the_last_state_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    state = states(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(CheckpointError, match=r"can't be written \(Input/output error\)"):
        checkpoints.save_state(state, {"net": {"w": torch.zeros(1)}}, {"step": 3})
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert checkpoints.load_state(state)[1]["step"] == 2


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_full_disk_costs_the_older_state_where_the_newer_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_damaged: bool
):
    """The disk holds two states, not three."""
    state, fsync = states(tmp_path), os.fsync
    if is_damaged:
        (state / "net.safetensors").write_bytes(b"")

    def full(handle: int) -> None:
        if (tmp_path / "state.previous").exists() and any(tmp_path.glob(".state-*/net.safetensors")):
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    if is_damaged:
        with pytest.raises(checkpoints.NotWritten, match="No space left"):
            checkpoints.save_state(state, {"net": {"w": torch.zeros(1)}}, {"step": 3})
        assert checkpoints.load_state(state)[1]["step"] == 1
        return
    checkpoints.save_state(state, {"net": {"w": torch.zeros(1)}}, {"step": 3})
    assert checkpoints.load_state(state)[1]["step"] == 3
    assert checkpoints.load_state(tmp_path / "state.previous")[1]["step"] == 2


def test_the_next_save_never_keeps_a_damaged_state_in_place_of_the_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    state = states(tmp_path)
    (state / "net.safetensors").write_bytes(b"")
    assert checkpoints.load_state(state, mend=True)[1]["step"] == 1
    assert [record.message.count("\n") for record in caplog.records] == [0]
    assert "going on from the state before it" in caplog.text

    def killed(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save_state(state, {"net": {"w": torch.zeros(1)}}, {"step": 3})
    assert checkpoints.load_state(state)[1]["step"] == 1


def test_another_spelling_of_the_same_facts_is_damage_too(tmp_path: Path):
    state = states(tmp_path)
    text = (state / "state.json").read_text()
    (state / "state.json").write_text(text.removesuffix("\n"))
    assert checkpoints.load_state(state)[1]["step"] == 1


def test_what_a_killed_process_left_half_written_is_swept_away(tmp_path: Path):
    state = states(tmp_path)
    (tmp_path / ".state-1.tmp").mkdir()
    (tmp_path / ".state-1.tmp" / "net.safetensors").write_bytes(b"half")
    (tmp_path / "last").mkdir()
    (tmp_path / "last" / ".model.safetensors-2.tmp").write_bytes(b"half")
    (tmp_path / "last" / "mine.tmp").write_bytes(b"someone's")
    checkpoints.save_state(state, {"net": {"w": torch.zeros(1)}}, {"step": 3})
    assert not list(tmp_path.glob(".state-*"))
    checkpoints.sweep(tmp_path, below=True)
    assert [path.name for path in (tmp_path / "last").iterdir()] == ["mine.tmp"]
