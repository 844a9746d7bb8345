"""The one training loop: schedule, accumulation, moving average, logging, validation, samples, saving, resuming."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
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
    generators: dict[str, nn.Module]
    """The networks that are validated and shipped, each a model of its own, by direction."""
    memory: dict[str, nn.Module]
    """What a run must keep beside the players, as an image pool."""

    def step(self, batch: Any, update: Update) -> Losses:
        """Let each player learn once from `batch`."""


class Judge(Protocol):
    """What the loop asks about the generators as they improve."""

    quality: Quality

    def figures(self, generators: Mapping[str, nn.Module]) -> dict[str, dict[str, float]]:
        """Quality of each direction over held-out data."""

    def sheet(self, generators: Mapping[str, nn.Module]) -> Image.Image:
        """Pictures to look at."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands, for whoever shows it."""

    step: int
    steps: int
    seconds: float
    losses: dict[str, float]
    figures: dict[str, float]
    """The newest validation; where there are several directions, "AtoB/kernel"."""
    best: dict[str, float]
    """The best figure of each direction so far."""


@dataclass(slots=True)
class Standing:
    """What a run must remember beside tensors to go on as if it had never stopped."""

    step: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_step: dict[str, int] = field(default_factory=dict)
    waited: int = 0
    seconds: float = 0.0


def model_folders(run: Path, directions: Collection[str]) -> dict[str, Path]:
    """Where each direction's model goes: the run itself where there is one, else a folder of that name in it."""
    return {name: run / name if len(directions) > 1 else run for name in directions}


class Loop:
    """Runs `trainer` over `batches` until `config.steps`, `config.patience` or `stop` ends it.

    `folder` receives model.safetensors and config.json (the best so far), last/ (the newest), state/ (to resume
    from), samples/, log.jsonl and tensorboard/. Where a method trains several generators, each has its models in a
    folder of its own, AtoB/ and BtoA/, and its own best step. `models` describes each generator by its direction.
    """

    def __init__(
        self,
        trainer: Trainer,
        judge: Judge | None,
        config: TrainConfig,
        models: Mapping[str, ModelConfig],
        folder: Path,
        accelerator: Accelerator,
    ) -> None:
        self.trainer, self.judge, self.config, self.models = trainer, judge, config, models
        self.folder, self.accelerator = folder, accelerator
        self.folders = model_folders(folder, trainer.generators)
        self.update = Update(
            trainer.players,
            accelerator,
            accumulate=config.accumulate,
            clip=config.optim.clip,
            n_critic=config.stability.n_critic,
        )
        self.ema = {name: EMA(net, config.ema) for name, net in trainer.generators.items()} if config.ema else {}
        self.standing, self.plateau = Standing(), Plateau()
        self.figures: dict[str, dict[str, float]] = {}
        self._began = time.perf_counter()
        self._saved = -1

    @property
    def generators(self) -> dict[str, nn.Module]:
        """The networks that are validated and shipped: the moving averages where there are any."""
        return {name: ema.average for name, ema in self.ema.items()} or self.trainer.generators

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
            norms = {f"norm/{player}": value for player, value in self.update.norms.items()}
            values = {name: float(value) for name, value in (losses | norms).items()}
            if journal:
                journal.write("train", step, values | {"lr": self._rate(), "seconds": standing.seconds})
            if report:
                report(Progress(step, config.steps, standing.seconds, values, self._flat(), standing.best))
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
        self.update.step = step
        for micro in range(config.accumulate):
            self.update.last_micro_batch = micro == config.accumulate - 1
            batch = next(batches)
            with self.accelerator.autocast():
                part = self.trainer.step(batch, self.update)
            losses = {name: losses.get(name, 0.0) + value / config.accumulate for name, value in part.items()}
        if self.update.generator_learns:
            for ema in self.ema.values():
                ema.update(step)
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
                self.figures = self.judge.figures(self.generators)
        self.figures = self._from_main(self.figures)
        better = [
            name for name, found in self.figures.items() if quality.better(found[quality.name], standing.best.get(name))
        ]
        for name in better:
            standing.best[name], standing.best_step[name] = self.figures[name][quality.name], standing.step
            if self.accelerator.is_main_process:
                checkpoints.save_model(self.folders[name], self.generators[name], self._described(name))
        standing.waited = 0 if better else standing.waited + 1
        if self.config.optim.schedule == "plateau":
            self.plateau.note(bool(better))
        if journal:
            journal.write("validation", standing.step, self._flat())
            for name, found in self.figures.items():
                where = f"{name} " if len(self.figures) > 1 else ""
                best = ", the best so far" if name in better else ""
                log.info("step %d: %s%s %.4f%s", standing.step, where, quality.name, found[quality.name], best)

    def _flat(self) -> dict[str, float]:
        """All figures in one level; the direction is named where there are several."""
        if len(self.figures) == 1:
            return dict(*self.figures.values())
        return {f"{name}/{key}": value for name, found in self.figures.items() for key, value in found.items()}

    def _sample(self) -> None:
        assert self.judge is not None
        with self.accelerator.autocast():
            sheet = self.judge.sheet(self.generators)
        (self.folder / "samples").mkdir(parents=True, exist_ok=True)
        images.save(sheet, self.folder / "samples" / f"{self.standing.step:07d}.png")

    def _is_validated(self) -> bool:
        step, config = self.standing.step, self.config
        return self.judge is not None and (step % config.validate_every == 0 or step == config.steps)

    def _described(self, name: str) -> ModelConfig:
        # Figures of an earlier step say nothing of these weights.
        metrics = dict(self.figures[name]) if self._is_validated() else {}
        return self.models[name].model_copy(update={"step": self.standing.step, "metrics": metrics})

    def save(self) -> None:
        """Write the newest model and everything `restore` needs; only the main process does."""
        if not self.accelerator.is_main_process:
            return
        tensors: dict[str, dict[str, Tensor]] = {}
        for name, player in self.trainer.players.items():
            tensors[name] = player.module.state_dict()
            tensors[f"{name}_optimizer"] = optimizer_state(player.optimizer)
        tensors |= {f"ema_{name}": ema.average.state_dict() for name, ema in self.ema.items()}
        tensors |= {name: module.state_dict() for name, module in self.trainer.memory.items()}
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
        for name, generator in self.generators.items():
            checkpoints.save_model(self.folders[name] / "last", generator, self._described(name))
            if name not in self.standing.best:
                checkpoints.save_model(self.folders[name], generator, self._described(name))

    def restore(self) -> None:
        """Take up the saved state: networks, optimizers, moving average, random state, standing.

        Raises: CheckpointError when there is none, or it belongs to other networks.
        """
        tensors, facts = checkpoints.load_state(self.folder / "state")
        try:
            for name, player in self.trainer.players.items():
                player.module.load_state_dict(tensors[name])
                restore_optimizer(player.optimizer, tensors[f"{name}_optimizer"])
            for name, ema in self.ema.items():
                ema.average.load_state_dict(tensors[f"ema_{name}"])
            for name, module in self.trainer.memory.items():
                module.load_state_dict(tensors[name])
            torch.set_rng_state(tensors["rng"]["cpu"])
            if "cuda" in tensors["rng"] and self.accelerator.device.type == "cuda":
                torch.cuda.set_rng_state(tensors["rng"]["cuda"], self.accelerator.device)
            self.standing = Standing(**facts["standing"])
            self.plateau = Plateau(**facts["plateau"])
            self.figures = {name: dict(found) for name, found in facts["figures"].items()}
        except (KeyError, TypeError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"{self.folder / 'state'}: does not fit this training ({reason})") from None
