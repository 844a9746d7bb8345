"""What a training would take on this machine: a few of its own steps, timed in a process of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from translate.config import TrainConfig, parse
from translate.errors import TranslateError
from translate.stopping import check

ENOUGH, MOST = 4.0, 20
"""Seconds of steps that are enough to know the speed, and the most steps."""
LIMIT, TICK = 300.0, 0.2
"""Seconds after which an answer is given up, and between two looks for it."""

_PACKAGES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """The time of a step and the memory of a whole training process."""

    seconds_a_step: float
    steps_timed: int
    memory_mib: float | None
    """The accelerator's where there is one, else the process's; None where the system doesn't tell."""
    device: str

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def estimate(
    config: TrainConfig, *, device: str = "auto", cancelled: Callable[[], bool] = bool, limit: float = LIMIT
) -> Estimate:
    """Time steps of `config` on made-up pictures of its own crop; reading pictures and validation come on top.

    Raises: Cancelled; TranslateError when it takes too long, or the training does not fit into memory.
    """
    path = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-c", "from translate.evaluation.estimate import answer; answer()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    asked = json.dumps({"config": config.model_dump(mode="json"), "device": device}).encode()
    end = time.monotonic() + limit
    with process:
        try:
            while True:
                try:
                    return _read(process.communicate(asked, timeout=TICK)[0])
                except subprocess.TimeoutExpired:
                    asked = b""  # it has been sent
                check(cancelled, "the estimate was cancelled")
                if time.monotonic() > end:
                    raise TranslateError(f"no step was done in {limit:.0f} s; take a smaller size or batch")
        finally:
            process.kill()


def answer() -> None:
    """Be the process of its own: a config on standard input, an `Estimate` or an error on standard output."""
    given = json.load(sys.stdin)
    config = parse(TrainConfig, given["config"])
    try:
        found = _timed(config, given["device"]).as_json()
    except TranslateError as error:
        found = {"error": str(error)}
    except (RuntimeError, MemoryError) as error:
        from translate.trainers.out_of_memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        what = f"a batch of {config.batch_size} at {config.data.crop} pixels"
        found = {"error": f"{what} does not fit into memory; take a smaller size or batch"}
    sys.stdout.write(json.dumps(found))


def _read(text: bytes) -> Estimate:
    try:
        found = json.loads(text)
    except ValueError:  # the system has ended it, which is how it runs out of memory
        raise TranslateError("the trial steps ended without an answer; take a smaller size or batch") from None
    if "error" in found:
        raise TranslateError(str(found["error"]))
    return Estimate(**found)


def _timed(config: TrainConfig, device: str) -> Estimate:
    import torch

    from translate.devices import pick_device
    from translate.evaluation.bench_step import training_step
    from translate.evaluation.machine import Contender, peak_memory_mib, race

    where = pick_device(device)
    step = training_step(config, device, config.precision, config.data.crop)
    runs = {"step": Contender("", step)}
    milliseconds = list(race(runs, 1, where)["step"].rounds)
    more = min(MOST, int(1000 * ENOUGH / milliseconds[0]))
    if more > 1:
        milliseconds = list(race(runs, more, where)["step"].rounds)
    seconds = sum(milliseconds) / len(milliseconds) / 1000
    on_gpu = where.type == "cuda"
    memory = torch.cuda.max_memory_allocated(where) / 2**20 if on_gpu else peak_memory_mib()
    return Estimate(
        seconds_a_step=seconds * config.accumulate,
        steps_timed=len(milliseconds),
        memory_mib=None if memory is None else round(memory, 1),
        device=str(where),
    )
