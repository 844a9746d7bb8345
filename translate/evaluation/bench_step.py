"""What a training step of any preset takes, beside the arithmetic in it and what this machine can do of that."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from translate import presets
from translate.config import TrainConfig
from translate.data.paired import Pair
from translate.devices import pick_device, pick_precision
from translate.errors import ConfigError
from translate.evaluation.machine import Contender, describe, race, rates
from translate.trainers.loop import Trainer
from translate.trainers.pix2pix import Pix2Pix
from translate.trainers.run import make_accelerator
from translate.trainers.unpaired import METHODS
from translate.trainers.update import Update

FORMAT = 1
TRAINERS: dict[str, Callable[[TrainConfig, torch.device], Trainer]] = {"pix2pix": Pix2Pix, **METHODS}
SEEDS = (0, 1)
"""FastCUT mirrors every other batch by chance, which costs a pass: with the first seed it does, with the second not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """One preset's step on this machine."""

    preset: str
    what: str
    ms_a_step: float
    gflop_a_step: float
    """Multiplications and additions of all convolutions and matrix products, forward and backward."""
    machine: dict[str, Any]
    rates: dict[str, float]

    @property
    def gflops(self) -> float:
        """Arithmetic a second that the step reaches."""
        return 1000 * self.gflop_a_step / self.ms_a_step

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"format": FORMAT, "bench": "step", **asdict(self), "gflops": round(self.gflops, 1)}


def bench_step(
    preset: str,
    *,
    changes: Mapping[str, Any] | None = None,
    device: str = "auto",
    precision: str = "auto",
    rounds: int = 7,
) -> StepReport:
    """Time the step of `preset`, with `changes`, on made-up pictures of its own crop.

    Raises: ConfigError for an unknown preset or setting, and for one that starts from noise.
    """
    config = benched(preset, changes)
    where, chosen = pick_device(device), pick_precision(precision, pick_device(device))
    step = training_step(config, device, precision, config.data.crop)
    step()  # allocates; on CUDA it chooses kernels
    flop = statistics.mean(counted(step, seed) for seed in SEEDS)
    timing = race({preset: Contender(chosen, step)}, rounds, where)[preset]
    network, crop = config.translator, config.data.crop
    return StepReport(
        preset=preset,
        what=f"{network.kind} of {network.filters} filters, {crop} x {crop}, batch {config.batch_size}, {chosen}",
        ms_a_step=round(statistics.median(timing.rounds), 2),
        gflop_a_step=flop / 1e9,
        machine=describe(where),
        rates=rates(where),
    )


def benched(preset: str, changes: Mapping[str, Any] | None) -> TrainConfig:
    """The settings of a preset that translates, with `changes`.

    Raises: ConfigError for an unknown preset or setting, and for one that starts from noise.
    """
    config = presets.preset(preset).replace(**(changes or {}))
    if config.method not in TRAINERS:
        raise ConfigError(f"{preset}: starts from noise; a bench times what translates pictures, as pix2pix does")
    return config


def training_step(config: TrainConfig, device: str, precision: str, side: int) -> Callable[[], object]:
    """The trainer's own step on made-up pictures of `side` x `side`, ready to be run again and again."""
    accelerator = make_accelerator(device, precision)
    trainer = TRAINERS[config.method](config, accelerator.device)
    update, batch = Update(trainer.players, accelerator), made_up(config, accelerator.device, side)

    def step() -> None:
        with accelerator.autocast():
            trainer.step(batch, update)

    return step


def made_up(config: TrainConfig, device: torch.device, side: int) -> Pair:
    """A batch as a training would get it, of noise."""
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    network, count = config.translator, config.batch_size
    picture, other = (
        (torch.rand(count, channels, side, side) * 2 - 1).to(device, memory_format=layout)
        for channels in (network.in_channels, network.out_channels)
    )
    if network.head == "labels":
        other = torch.randint(network.out_channels, (count, side, side), device=device)
    return Pair(picture, other)


def counted(step: Callable[[], object], seed: int) -> int:
    """Multiplications and additions of all convolutions and matrix products in one run of `step`."""
    torch.manual_seed(seed)
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())
