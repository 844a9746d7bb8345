"""What a training would take on this machine: a few of its own steps, timed in a process of their own."""

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from translate.config import TrainConfig, parse
from translate.errors import TranslateError

ENOUGH, MOST = 4.0, 20
"""Seconds of steps that are enough to know the speed, and the most steps."""
LIMIT = 180.0
"""Seconds after which an answer is given up."""


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

    Raises: TranslateError when it is cancelled, takes too long, or the training does not fit into memory.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(config.model_dump(mode="json"), device, there), daemon=True)
    process.start()
    there.close()
    try:
        end = time.monotonic() + limit
        while not here.poll(0.1):
            if cancelled():
                raise TranslateError("the estimate was cancelled")
            if time.monotonic() > end:
                raise TranslateError(
                    f"one training step takes more than {limit:.0f} s here; take a smaller size or batch"
                )
        found = here.recv_bytes().decode()
    except EOFError:  # the system has ended it, which is how it runs out of memory
        raise TranslateError("the trial steps were ended by the system; take a smaller size or batch") from None
    finally:
        process.kill()
        process.join()
        here.close()
    return _read(found)


def _read(text: str) -> Estimate:
    found = json.loads(text)
    if "error" in found:
        raise TranslateError(str(found["error"]))
    return Estimate(**found)


def _measure(values: dict[str, Any], device: str, answer: Connection) -> None:
    config = parse(TrainConfig, values)
    try:
        text = json.dumps(_timed(config, device).as_json())
    except TranslateError as error:
        text = json.dumps({"error": str(error)})
    except (RuntimeError, MemoryError) as error:
        from translate.trainers.out_of_memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        what = f"a batch of {config.batch_size} at {config.data.crop} pixels"
        text = json.dumps({"error": f"{what} does not fit into memory; take a smaller size or batch"})
    answer.send_bytes(text.encode())


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
