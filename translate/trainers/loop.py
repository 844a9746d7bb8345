"""The one training loop: schedule, accumulation, moving average, logging, validation, samples, saving, resuming."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from PIL import Image
from torch import Tensor, nn

from translate import checkpoints, images
from translate.config import ModelConfig, TrainConfig
from translate.errors import CheckpointError
from translate.trainers.ema import EMA
from translate.trainers.logs import Log
from translate.trainers.schedule import Plateau, factor
from translate.trainers.state import optimizer_state, restore_optimizer
from translate.trainers.update import Losses, Player, Update
from translate.trainers.validation import Quality

log = logging.getLogger(__name__)

T = TypeVar("T")


class Trainer(Protocol):
    """What a method brings: networks with optimizers, and one step."""

    players: dict[str, Player]
    generator: nn.Module

    def step(self, batch: Any, update: Update) -> Losses:
        """Let each player learn once from `batch`."""


class Judge(Protocol):
    """What the loop asks about the generator as it improves."""

    quality: Quality

    def figures(self, generator: nn.Module) -> dict[str, float]:
        """Quality over held-out data."""

    def sheet(self, generator: nn.Module) -> Image.Image:
        """Pictures to look at."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    seconds: float
    losses: dict[str, float]
    figures: dict[str, float]
    best: float | None


@dataclass(slots=True)
class Standing:
    """What a run must remember beside tensors to go on as if it had never stopped."""

    step: int = 0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    seconds: float = 0.0


class Loop:
    """Runs `trainer` over `batches` until `config.steps`, `config.patience` or `stop` ends it.

    `folder` receives model.safetensors and config.json (the best so far), last/ (the newest), state/ (to resume
    from), samples/, log.jsonl and tensorboard/.
    """

    def __init__(
        self,
        trainer: Trainer,
        judge: Judge | None,
        config: TrainConfig,
        model: ModelConfig,
        folder: Path,
        accelerator: Accelerator,
    ) -> None:
        self.trainer, self.judge, self.config, self.model = trainer, judge, config, model
        self.folder, self.accelerator = folder, accelerator
        self.update = Update(trainer.players, accelerator, accumulate=config.accumulate, clip=config.optim.clip)
        self.ema = EMA(trainer.generator, config.ema) if config.ema else None
        self.standing, self.plateau = Standing(), Plateau()
        self.figures: dict[str, float] = {}
        self._began = time.perf_counter()
        self._saved = -1

    @property
    def generator(self) -> nn.Module:
        """The network that is validated and shipped: the moving average where there is one."""
        return self.ema.average if self.ema else self.trainer.generator

    def run(
        self,
        batches: Iterator[Any],
        *,
        stop: threading.Event | None = None,
        report: Callable[[Progress], None] | None = None,
    ) -> Standing:
        """Train to the end; `batches` must start at the micro-batch of the current step.

        When `stop` is set, the step under way is finished and saved.
        """
        config, standing = self.config, self.standing
        journal = Log(self.folder, from_step=standing.step) if self.accelerator.is_main_process else None
        self._began = time.perf_counter() - standing.seconds
        try:
            while standing.step < config.steps and not self._shall_stop(stop) and not self._out_of_patience():
                losses = self._step(batches)
                standing.step += 1
                self._after_step(losses, journal, report)
        finally:
            if journal:
                journal.close()
        if self._saved != standing.step:
            self.save()
        return standing

    def _after_step(self, losses: Losses, journal: Log | None, report: Callable[[Progress], None] | None) -> None:
        """Whatever is due at this step: logging, validation, samples, saving."""
        config, standing = self.config, self.standing
        step, main = standing.step, self.accelerator.is_main_process
        first_or_last = step in (1, config.steps)
        standing.seconds = time.perf_counter() - self._began
        if main and (step % config.log_every == 0 or first_or_last):
            values = {name: float(value) for name, value in losses.items()}
            if journal:
                journal.write("train", step, values | {"lr": self._rate(), "seconds": standing.seconds})
            if report:
                report(Progress(step, config.steps, standing.seconds, values, self.figures, standing.best))
        if self._is_validated():
            self._validate(journal)
        if self.judge and main and (step % config.sample_every == 0 or first_or_last):
            self._sample()
        if step % config.save_every == 0:
            self.save()

    def _step(self, batches: Iterator[Any]) -> Losses:
        config, step = self.config, self.standing.step
        scale = factor(config.optim, step, config.steps) * self.plateau.factor
        for player in self.trainer.players.values():
            player.set_factor(scale)
        losses: Losses = {}
        for micro in range(config.accumulate):
            self.update.last_micro_batch = micro == config.accumulate - 1
            batch = next(batches)
            with self.accelerator.autocast():
                part = self.trainer.step(batch, self.update)
            losses = {name: losses.get(name, 0.0) + value / config.accumulate for name, value in part.items()}
        if self.ema:
            self.ema.update(step)
        return losses

    def _rate(self) -> float:
        return float(self.trainer.players["generator"].optimizer.param_groups[0]["lr"])

    def _out_of_patience(self) -> bool:
        return bool(self.config.patience) and self.standing.waited >= self.config.patience

    def _shall_stop(self, stop: threading.Event | None) -> bool:
        return bool(self._from_main(bool(stop and stop.is_set())))

    def _from_main(self, value: T) -> T:
        """What the main process has: decisions must be the same everywhere, or the others wait for ever."""
        if self.accelerator.num_processes == 1:
            return value
        return cast(T, broadcast_object_list([value])[0])

    def _validate(self, journal: Log | None) -> None:
        assert self.judge is not None
        standing, quality = self.standing, self.judge.quality
        if self.accelerator.is_main_process:
            with self.accelerator.autocast():
                self.figures = self.judge.figures(self.generator)
        self.figures = self._from_main(self.figures)
        value = self.figures[quality.name]
        better = quality.better(value, standing.best)
        if better:
            standing.best, standing.best_step, standing.waited = value, standing.step, 0
        else:
            standing.waited += 1
        if self.config.optim.schedule == "plateau":
            self.plateau.note(better)
        if journal:
            journal.write("validation", standing.step, self.figures)
            if better:
                checkpoints.save_model(self.folder, self.generator, self._described())
            log.info("step %d: %s %.4f%s", standing.step, quality.name, value, ", the best so far" if better else "")

    def _sample(self) -> None:
        assert self.judge is not None
        with self.accelerator.autocast():
            sheet = self.judge.sheet(self.generator)
        (self.folder / "samples").mkdir(parents=True, exist_ok=True)
        images.save(sheet, self.folder / "samples" / f"{self.standing.step:07d}.png")

    def _is_validated(self) -> bool:
        step, config = self.standing.step, self.config
        return self.judge is not None and (step % config.validate_every == 0 or step == config.steps)

    def _described(self) -> ModelConfig:
        # Figures of an earlier step say nothing of these weights.
        metrics = dict(self.figures) if self._is_validated() else {}
        return self.model.model_copy(update={"step": self.standing.step, "metrics": metrics})

    def save(self) -> None:
        """Write the newest model and everything `restore` needs; only the main process does."""
        if not self.accelerator.is_main_process:
            return
        tensors: dict[str, dict[str, Tensor]] = {}
        for name, player in self.trainer.players.items():
            tensors[name] = player.module.state_dict()
            tensors[f"{name}_optimizer"] = optimizer_state(player.optimizer)
        if self.ema:
            tensors["ema"] = self.ema.average.state_dict()
        tensors["rng"] = {"cpu": torch.get_rng_state()}
        if self.accelerator.device.type == "cuda":
            tensors["rng"]["cuda"] = torch.cuda.get_rng_state(self.accelerator.device)
        facts = {
            "standing": asdict(self.standing),
            "plateau": asdict(self.plateau),
            "figures": self.figures,
        }
        checkpoints.save_state(self.folder / "state", tensors, facts)
        self._saved = self.standing.step
        checkpoints.save_model(self.folder / "last", self.generator, self._described())
        if self.judge is None or self.standing.best is None:
            checkpoints.save_model(self.folder, self.generator, self._described())

    def restore(self) -> None:
        """Take up the saved state: networks, optimizers, moving average, random state, standing.

        Raises: CheckpointError when there is none, or it belongs to other networks.
        """
        tensors, facts = checkpoints.load_state(self.folder / "state")
        try:
            for name, player in self.trainer.players.items():
                player.module.load_state_dict(tensors[name])
                restore_optimizer(player.optimizer, tensors[f"{name}_optimizer"])
            if self.ema:
                self.ema.average.load_state_dict(tensors["ema"])
            torch.set_rng_state(tensors["rng"]["cpu"])
            if "cuda" in tensors["rng"] and self.accelerator.device.type == "cuda":
                torch.cuda.set_rng_state(tensors["rng"]["cuda"], self.accelerator.device)
            self.standing = Standing(**facts["standing"])
            self.plateau = Plateau(**facts["plateau"])
            self.figures = dict(facts["figures"])
        except (KeyError, TypeError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"{self.folder / 'state'}: does not fit this training ({reason})") from None
