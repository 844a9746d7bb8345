"""What a training would take, measured in a process of its own."""

import subprocess
import sys
import time

import pytest

from translate import presets
from translate.errors import TranslateError
from translate.evaluation import estimate as module
from translate.evaluation.estimate import estimate
from translate.stopping import Cancelled


def tiny() -> module.TrainConfig:
    settings = {"generator.filters": 4, "generator.depth": 2, "discriminator.filters": 4, "discriminator.layers": 1}
    return presets.preset("pix2pix").replace(**settings, **{"data.crop": 16, "data.load_size": 16, "data.size": 16})


def test_an_estimate_is_of_real_steps_and_of_the_whole_process() -> None:
    found = estimate(tiny(), device="cpu")
    assert 1 <= found.steps_timed <= module.MOST
    assert 0 < found.seconds_a_step < 60
    assert found.device == "cpu"
    assert found.memory_mib is None or 100 < found.memory_mib < 20_000


def test_a_device_that_is_none_is_the_usual_line() -> None:
    with pytest.raises(TranslateError, match="abacus"):
        estimate(tiny(), device="abacus")


class Slow(subprocess.Popen[bytes]):
    """A process that takes its time; the real one would start torch."""

    last: "Slow"

    def __init__(self, _: object, **given: object) -> None:
        given.pop("env")
        super().__init__([sys.executable, "-c", "import time; time.sleep(60)"], **given)  # type: ignore[call-overload]
        Slow.last = self


def test_a_cancelled_estimate_ends_its_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.subprocess, "Popen", Slow)
    began = time.monotonic()
    with pytest.raises(Cancelled, match="the estimate was cancelled"):
        estimate(tiny(), cancelled=lambda: time.monotonic() - began > 0.3)
    assert Slow.last.poll() is not None
    assert time.monotonic() - began < 30


def test_an_estimate_that_takes_too_long_or_dies_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.subprocess, "Popen", Slow)
    with pytest.raises(TranslateError, match="no step was done in 0 s; take a smaller size or batch"):
        estimate(tiny(), limit=0.1)
    with pytest.raises(TranslateError, match="ended without an answer"):
        module._read(b"")
    with pytest.raises(TranslateError, match="does not fit"):
        module._read(b'{"error": "a batch of 9 does not fit"}')
