"""How long a training step takes an image: our settings and the classic ones, and the memory of a small training."""

import concurrent.futures
import multiprocessing
from typing import Any, cast

import torch

from translate import presets
from translate.config import TrainConfig
from translate.devices import pick_device, pick_precision
from translate.evaluation.bench import CLASSIC, FILTERS, SIZE, BenchReport, compare
from translate.evaluation.bench_step import made_up, training_step
from translate.evaluation.machine import Contender, Timing, peak_memory_mib, race
from translate.trainers.pix2pix import Pix2Pix
from translate.trainers.update import Losses, Player, Update

SMALL_FILTERS, BATCH = 32, 4


def bench_train(
    *,
    device: str = "auto",
    precision: str = "auto",
    compiled: bool = False,
    rounds: int = 3,
    size: int = SIZE,
    filters: int = FILTERS,
    small_filters: int = SMALL_FILTERS,
    batch: int = BATCH,
) -> BenchReport:
    """Time the trainer's own step on `size` x `size` pairs, per image.

    First a small U-Net in a process of its own, for its peak memory; then the paper's U-Net and PatchGAN, our settings
    and the classic ones in turn. `compiled` adds torch.compile; on CUDA it is always there.
    """
    where = pick_device(device)
    small = _recipe(small_filters, batch)
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        alone, memory = pool.submit(_alone, small, device, precision, size, rounds + 2).result()
    paper = _recipe(filters, batch)
    contenders = {"classic": _classic(paper, where, size), "ours": _ours(paper, device, precision, size)}
    if compiled or where.type == "cuda":
        contenders["compiled"] = _ours(paper.replace(compile=True), device, precision, size)
    return compare("train", contenders, rounds, where, beside=(alone,), figures={"peak_memory_mib": memory})


class ClassicUpdate:
    """A learning step without accumulation, synchronisation or checks, as the public reference does it."""

    step, generator_learns = 0, True

    def __init__(self, players: dict[str, Player]) -> None:
        self.optimizers = {
            name: torch.optim.Adam(player.module.parameters(), lr=player.lr, betas=(0.5, 0.999))
            for name, player in players.items()
        }

    def __call__(self, player: str, losses: Losses) -> None:
        """Let one player learn."""
        torch.stack(list(losses.values())).sum().backward()
        self.optimizers[player].step()
        self.optimizers[player].zero_grad()


def _recipe(filters: int, batch: int) -> TrainConfig:
    changes: dict[str, Any] = {
        "generator.filters": filters,
        "generator.max_filters": 8 * filters,
        "discriminator.filters": filters,
        "batch_size": batch,
    }
    return presets.pix2pix().replace(**changes)


def _classic(config: TrainConfig, device: torch.device, size: int) -> Contender:
    config = config.replace(batch_size=1, channels_last=False)
    trainer, pairs = Pix2Pix(config, device), made_up(config, device, size)
    update = cast(Update, ClassicUpdate(trainer.players))  # all that `step` does with it is call it
    return Contender(f"{CLASSIC}, Adam not fused", lambda: trainer.step(pairs, update))


def _ours(config: TrainConfig, device: str, precision: str, size: int) -> Contender:
    where = pick_device(device)
    settings = [pick_precision(precision, where), "channels_last", f"batch {config.batch_size}", "fused Adam"]
    settings += ["compiled"] if config.compile else []
    return Contender(", ".join(settings), training_step(config, device, precision, size), config.batch_size)


def _alone(config: TrainConfig, device: str, precision: str, size: int, rounds: int) -> tuple[Timing, float | None]:
    """The timing and the peak MiB of a process that only trains; on CUDA the memory is the GPU's."""
    where = pick_device(device)
    name = f"{config.translator.filters} filters"
    timing = race({name: _ours(config, device, precision, size)}, rounds, where)[name]
    on_gpu = where.type == "cuda"
    return timing, torch.cuda.max_memory_allocated(where) / 2**20 if on_gpu else peak_memory_mib()
