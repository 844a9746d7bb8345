"""Which device and precision a run gets, and what is said when it can't have them."""

import pytest
import torch

from translate.devices import pick_device, pick_precision, pictures_at_once
from translate.errors import ConfigError

CPU = torch.device("cpu")


def pretend(monkeypatch, *, cuda=0, mps=False, amx=False, avx512_bf16=False, cuda_bf16=True):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: cuda_bf16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16, raising=False)


@pytest.mark.parametrize(
    ("machine", "expected"), [({}, "cpu"), ({"mps": True}, "mps"), ({"cuda": 1, "mps": True}, "cuda")]
)
def test_auto_takes_the_best_device_there_is(monkeypatch, machine, expected):
    pretend(monkeypatch, **machine)
    assert pick_device("auto").type == expected


def test_a_named_device_is_given_when_it_is_there(monkeypatch):
    pretend(monkeypatch, cuda=2, mps=True)
    assert [str(pick_device(n)) for n in ("cpu", "cuda", "cuda:1", "mps")] == ["cpu", "cuda", "cuda:1", "mps"]


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_an_absent_device_is_refused_with_a_way_out(monkeypatch, name):
    pretend(monkeypatch)
    with pytest.raises(ConfigError, match=f"'{name}'.*use cpu or auto"):
        pick_device(name)


def test_an_index_past_the_last_gpu_is_refused(monkeypatch):
    pretend(monkeypatch, cuda=2)
    with pytest.raises(ConfigError, match="sees 2 CUDA devices"):
        pick_device("cuda:2")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "cuda:²"])
def test_an_unknown_device_name_is_refused(monkeypatch, name):
    pretend(monkeypatch, cuda=1)
    with pytest.raises(ConfigError, match="known: auto, cpu, cuda"):
        pick_device(name)


@pytest.mark.parametrize(
    ("machine", "expected"), [({}, "fp32"), ({"amx": True}, "bf16"), ({"avx512_bf16": True}, "bf16")]
)
def test_a_cpu_gets_bf16_only_with_instructions_for_it(monkeypatch, machine, expected):
    pretend(monkeypatch, **machine)
    assert pick_precision("auto", CPU) == expected


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_gets_bf16_only_when_it_is_not_emulated(monkeypatch, native, expected):
    pretend(monkeypatch, cuda=1, cuda_bf16=native)
    assert pick_precision("auto", torch.device("cuda")) == expected


def test_mps_stays_with_fp32(monkeypatch):
    pretend(monkeypatch, mps=True)
    assert pick_precision("auto", torch.device("mps")) == "fp32"


def test_a_torch_without_the_private_checks_means_fp32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert pick_precision("auto", CPU) == "fp32"


def test_what_the_user_names_is_what_runs(monkeypatch):
    pretend(monkeypatch, amx=True)
    assert (pick_precision("fp32", CPU), pick_precision("bf16", CPU)) == ("fp32", "bf16")


def test_an_unknown_precision_is_refused():
    with pytest.raises(ConfigError, match="'fp16'; known: auto, fp32, bf16"):
        pick_precision("fp16", CPU)


@pytest.mark.parametrize(
    ("side", "most", "expected"),
    [(64, 8, 8), (128, 64, 64), (256, 64, 16), (512, 64, 4), (1024, 8, 1), (2048, 8, 1)],
)
def test_no_more_pixels_are_drawn_together_than_one_picture_of_1024_has(side, most, expected):
    assert pictures_at_once(side, most) == expected
