"""What both benches share: the report, and what can be said of a machine before anything is timed.

The classic setting, against which ours is timed in turn in the same run, is that of the public reference: float32,
eager, contiguous memory, batch 1, Adam not fused, and testing in train() mode (batch statistics and dropout on).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from translate.devices import pick_precision
from translate.evaluation.machine import Contender, Timing, describe, race, rates, ratio, usable_cores

log = logging.getLogger(__name__)

FORMAT = 1
SIZE, FILTERS = 256, 64
CLASSIC = "float32, eager, contiguous, batch 1"


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchReport:
    """Times on this machine; `ratio` is classic over ours, `figures` are measured once."""

    bench: str
    machine: dict[str, Any]
    rates: dict[str, float]
    timings: tuple[Timing, ...]
    ratio: float
    figures: dict[str, float]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "format": FORMAT,
            "bench": self.bench,
            "machine": self.machine,
            "rates": self.rates,
            "timings": [timing.as_json() for timing in self.timings],
            "ratio": round(self.ratio, 3),
            "figures": {name: round(value, 3) for name, value in self.figures.items()},
            "notes": list(self.notes),
        }


def compare(
    bench: str,
    contenders: Mapping[str, Contender],
    rounds: int,
    device: torch.device,
    *,
    beside: tuple[Timing, ...] = (),
    figures: Mapping[str, float | None] | None = None,
    notes: tuple[str, ...] = (),
) -> BenchReport:
    """Race `classic`, `ours` and any others, and report them with what the machine can do.

    A contender called `compiled...` that can't run here is left out and noted.
    """
    standing, failures = dict(contenders), []
    for name in [name for name in contenders if name.startswith("compiled")]:
        if failure := _failure(name, contenders[name]):
            failures.append(failure)
            del standing[name]
    timings = race(standing, rounds, device)
    return BenchReport(
        bench=bench,
        machine=describe(device),
        rates=rates(device),
        timings=(*beside, *timings.values()),
        ratio=ratio(timings["classic"], timings["ours"]),
        figures={name: value for name, value in (figures or {}).items() if value is not None},
        notes=(*_limits(device), *failures, *notes),
    )


def _failure(name: str, contender: Contender) -> str:
    try:
        for _ in range(3):  # CUDA graphs are recorded in the second run and replayed from the third
            contender.run()
    except Exception as error:
        # torch.compile needs a C++ compiler, and Triton on CUDA; what it raises without them is not documented.
        log.debug("%s failed", name, exc_info=error)
        return f"{name}: not possible here ({type(error).__name__}: {str(error).strip().splitlines()[0][:200]})"
    return ""


def _limits(device: torch.device) -> tuple[str, ...]:
    if device.type == "cuda":
        return ()
    notes = ["no CUDA device was used, so CUDA graphs were not measured"]
    threads, cores = torch.get_num_threads(), usable_cores()
    if threads > cores:
        notes.append(f"{threads} threads share {cores} cores: times are longer than the machine needs")
    if pick_precision("auto", device) == "fp32":
        notes.append("this device doesn't multiply bf16 in hardware: auto is float32 here, on both sides of the ratio")
    return tuple(notes)
