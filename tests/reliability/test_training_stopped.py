"""SIGTERM or Ctrl-C: the run is saved and over within one step and ten seconds, whatever it is doing (row 22)."""

import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.reliability import forked
from tests.reliability.figures import Record

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")]
SLOW = 0.5
"""Seconds that a picture takes in validation, and a step where steps are slow."""
LIMIT = 10


def stop_while(doing: str, number: int) -> dict[str, Any]:
    """Send a signal in the middle of a slow step or a slow validation; resume what was saved."""
    from translate import checkpoints

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = forked.draw(root / "data", 46)
        # 40 pictures of half a second each: a validation that waited for its end would take 20.
        settings = {"steps": 6, "save_every": 100, "validate_every": 3, "sample_every": 100, "data.holdout": 40}
        entered = root / "entered"

        def slow_down() -> None:
            from translate.trainers import paired, validation

            plain, to_device = paired.Pix2Pix.step, validation.to_device

            def step(self: Any, batch: Any, update: Any) -> Any:
                if update.step == 2:
                    entered.touch()
                    time.sleep(SLOW)
                return plain(self, batch, update)

            def late(batch: Any, device: Any) -> Any:
                if len(batch) > 1:  # of the sheet of samples there is one at a time
                    entered.touch()
                    time.sleep(SLOW * len(batch))
                return to_device(batch, device)

            if doing == "step":
                paired.Pix2Pix.step = step  # type: ignore[method-assign]
            else:
                validation.to_device = late

        def words(name: str) -> list[str]:
            return forked.arguments("pix2pix", data, root / name, settings)

        assert forked.finish(forked.start(words("whole"), root / "said")) == 0, (root / "said").read_text()
        child = forked.start(words("run"), root / "said", slow_down)
        while not entered.exists():
            time.sleep(0.01)
        began = time.monotonic()
        code = forked.kill_after(child, 0.1, number)
        took, said = time.monotonic() - began, (root / "said").read_text()
        _, facts = checkpoints.load_state(root / "run" / "state")
        again = forked.finish(forked.start(words("run"), root / "said"))
        best = [checkpoints.load_config(root / name).model_dump_json() for name in ("whole", "run")]
        return {
            "code": code, "seconds": took, "said": said, "standing": facts["standing"], "resumed": again,
            "different": forked.differences(root / "whole", root / "run"), "best": best,
        }  # fmt: skip


@pytest.mark.parametrize(("doing", "number"), [("step", signal.SIGINT), ("validation", signal.SIGTERM)])
def test_a_signal_ends_a_run_within_a_step_and_ten_seconds(
    doing: str, number: signal.Signals, record_figure: Record
) -> None:
    found = forked.call(stop_while, doing, int(number))
    record_figure(22, f"{number.name} in a {doing}, seconds to exit", round(found["seconds"], 1))
    assert found["code"] == 0, found["said"]
    assert "Traceback" not in found["said"]
    assert found["seconds"] < SLOW + LIMIT
    assert found["standing"]["step"] == 3
    assert found["standing"]["owed"]
    # What was interrupted is made up for: the run ends as if nothing had happened, its best model too.
    assert found["resumed"] == 0
    assert found["different"] == []
    whole, run = (model.replace('"name":"whole"', '"name":"run"') for model in found["best"])
    assert whole == run
