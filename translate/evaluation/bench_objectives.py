"""What each word of `objective.adversarial` costs: a pix2pix step with it beside one with vanilla."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

import torch

from translate import presets
from translate.config import Adversarial, TrainConfig
from translate.devices import pick_device, pick_precision
from translate.evaluation.bench_step import counted, training_step
from translate.evaluation.machine import Contender, describe, race, ratio

FORMAT = 1
VANILLA, TWIN = "vanilla", "vanilla again"
"""The same twice: how far their ratio is from 1 says what a difference of others is worth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """One word's step: milliseconds and GFLOP, and both as multiples of vanilla's."""

    word: str
    ms_a_step: float
    times: float
    gflop_a_step: float
    times_gflop: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectivesReport:
    """All words on this machine."""

    what: str
    costs: tuple[Cost, ...]
    machine: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"format": FORMAT, "bench": "objectives", **asdict(self)}


def bench_objectives(
    *,
    changes: Mapping[str, Any] | None = None,
    device: str = "auto",
    precision: str = "auto",
    rounds: int = 15,
) -> ObjectivesReport:
    """Time the pix2pix step with every word in turn, round after round; a ratio is the median over the rounds.

    Raises: ConfigError for an unknown setting.
    """
    plain = presets.preset("pix2pix").replace(**(changes or {}))
    where = pick_device(device)
    names = {word: word for word in get_args(Adversarial)} | {TWIN: VANILLA}
    steps = {
        name: training_step(_with(plain, word), device, precision, plain.data.crop) for name, word in names.items()
    }
    chosen = pick_precision(precision, where)
    timings = race({name: Contender(chosen, step) for name, step in steps.items()}, rounds, where)
    flop = {name: counted(step, 0) / 1e9 for name, step in steps.items()}
    costs = tuple(
        Cost(
            word=name,
            ms_a_step=round(timing.median, 2),
            times=round(1 / ratio(timings[VANILLA], timing), 4),
            gflop_a_step=flop[name],
            times_gflop=round(flop[name] / flop[VANILLA], 4),
        )
        for name, timing in timings.items()
    )
    crop, filters = plain.data.crop, plain.translator.filters
    what = f"pix2pix, U-Net of {filters} filters, {crop} x {crop}, batch {plain.batch_size}, {chosen}"
    return ObjectivesReport(what=what, costs=costs, machine=describe(torch.device(where)))


def _with(config: TrainConfig, word: str) -> TrainConfig:
    return config.replace(**{"objective.adversarial": word})
