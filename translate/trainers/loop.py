"""The one training loop: schedule, accumulation, moving average, logging, validation, samples, saving, resuming."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn

from translate import checkpoints, images
from translate.config import ModelConfig, TrainConfig
from translate.errors import CheckpointError, TranslateError
from translate.trainers.ema import EMA
from translate.trainers.logs import Log
from translate.trainers.out_of_memory import is_out_of_memory, too_large
from translate.trainers.schedule import Plateau, factor
from translate.trainers.standing import ROLLBACKS, Standing
from translate.trainers.state import Groups, Parts, not_finite
from translate.trainers.stopping import Stopped, is_lost_process, stoppable
from translate.trainers.update import Losses, NotFinite, Player, Update
from translate.trainers.validation import Quality

log = logging.getLogger(__name__)


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
        averages = {name: ema.average for name, ema in self.ema.items()}
        self.parts = Parts(trainer.players, averages, trainer.memory, accelerator.device)
        self.standing, self.plateau = Standing(), Plateau()
        self.figures: dict[str, dict[str, float]] = {}
        self._began = time.perf_counter()
        self._saved = -1
        self._taken = 0
        self._is_between_steps = True
        self._journal: Log | None = None
        self._stop = threading.Event()

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
        self._began = time.perf_counter() - self.standing.seconds
        self._stop = stop or self._stop
        try:
            if self.accelerator.is_main_process:
                self._journal = Log(self.folder, from_step=self.standing.step)
            if self._saved < 0:
                self._save_state()  # what NaN, or a kill, in the first steps goes back to
            while deed := self._next(batches, report):
                try:
                    deed()
                except NotFinite as error:
                    self._roll_back(error)
        except TranslateError as error:
            raise self._told(error) from None
        except RuntimeError as error:
            if self.update.processes == 1 or not is_lost_process(error):
                raise
            raise self._told(TranslateError("another process of this training has ended")) from None
        finally:
            if self._journal:
                self._journal.close()
        return self.standing

    def _next(self, batches: Iterator[Any], report: Callable[[Progress], None] | None) -> Callable[[], None] | None:
        """What is to be done next; None when all is done and saved."""
        standing = self.standing
        is_stopped = self.update.from_main(self._stop.is_set())
        out_of_patience = bool(self.config.patience) and standing.waited >= self.config.patience
        if standing.owed and not is_stopped:
            return self._catch_up
        if standing.step < self.config.steps and not out_of_patience and not is_stopped:
            return partial(self._advance, batches, report)
        return self.save if self._saved != standing.step else None

    def _catch_up(self) -> None:
        """Validate what a stop kept from it."""
        self._validate()
        self.save()

    def _advance(self, batches: Iterator[Any], report: Callable[[Progress], None] | None) -> None:
        """One step and what is due after it."""
        losses = self._step(batches)
        self.standing.step += 1
        self.standing.owed = self._is_validated()
        self._is_between_steps = True
        self._after_step(losses, report)

    def _told(self, error: TranslateError) -> TranslateError:
        """The error, with where the run stands; between two steps, that is saved first."""
        if isinstance(error, NotFinite):
            return error
        if self._is_between_steps and self._saved != self.standing.step and self.accelerator.is_main_process:
            tensors = self.parts.capture()
            with suppress(TranslateError):
                if not not_finite(tensors):
                    self._write_state(tensors)
        with suppress(TranslateError):
            # A save may have failed when the new state was in its place already, the first one too.
            self._saved = checkpoints.load_state(self.folder / "state")[1]["standing"]["step"]
        if self._saved < 0:
            return error
        kind = CheckpointError if isinstance(error, checkpoints.NotWritten) else type(error)
        return kind(f"{error}; the run is saved at step {self._saved}, --resume goes on from there")

    def _after_step(self, losses: Losses, report: Callable[[Progress], None] | None) -> None:
        """Whatever is due at this step: logging, validation, samples, saving."""
        config, standing = self.config, self.standing
        step, main = standing.step, self.accelerator.is_main_process
        first_or_last = step in (1, config.steps)
        standing.seconds = time.perf_counter() - self._began
        if step % config.log_every == 0 or first_or_last:
            values = self._values(losses)
            if self._journal:
                self._journal.write("train", step, values | {"lr": self._rate(), "seconds": standing.seconds})
            if main and report:
                report(Progress(step, config.steps, standing.seconds, values, self._flat(), standing.best))
        if standing.owed:
            self._validate()
        if self.judge and (step % config.sample_every == 0 or first_or_last):
            self._refuse_not_finite(self._models())
            if main:
                self._sample()
        if step % config.save_every == 0:
            self.save()

    def _values(self, losses: Losses) -> dict[str, float]:
        """What is logged of a step: losses, their mean over all processes, and the lengths of the gradients."""
        if not losses:
            return {}
        found = torch.stack([torch.as_tensor(value, dtype=torch.float32).detach() for value in losses.values()])
        means = self.update.total(found) / self.update.processes
        norms = {f"norm/{player}": float(value) for player, value in self.update.norms.items()}
        return dict(zip(losses, means.tolist(), strict=True)) | norms

    def _step(self, batches: Iterator[Any]) -> Losses:
        config, step = self.config, self.standing.step
        scale = factor(config.optim, step, config.steps) * self.plateau.factor * self.standing.slower
        for player in self.trainer.players.values():
            player.set_factor(scale)
        losses: Losses = {}
        self.update.step, self._taken = step, self.standing.position + 1
        for micro in range(config.accumulate):
            self.update.last_micro_batch = micro == config.accumulate - 1
            part = self._learn(next(batches))
            losses = {name: losses.get(name, 0.0) + value / config.accumulate for name, value in part.items()}
        if self.update.generator_learns:
            for ema in self.ema.values():
                ema.update(step)
        return losses

    def _learn(self, batch: Any) -> Losses:
        """One micro-batch.

        Raises: OutOfMemory naming the largest batch that fits, NotFinite.
        """
        self._is_between_steps = False
        try:
            return self._with_autocast(batch, self.update)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        raise too_large(self._with_autocast, self.update, batch, self.config)

    def _with_autocast(self, batch: Any, update: Update) -> Losses:
        with self.accelerator.autocast():
            return self.trainer.step(batch, update)

    def _roll_back(self, error: NotFinite) -> None:
        """Go on from the last state with other data and other random draws: the same would meet the same NaN.

        Raises: NotFinite after the third time.
        """
        failed, taken = self.standing, self._taken
        where = f"step {taken - failed.skipped}: {error}"
        if failed.rollbacks >= ROLLBACKS:
            kept = f"the state of step {self._saved} is kept"
            raise NotFinite(f"{where}, after going back {ROLLBACKS} times; {kept}: train anew with a lower optim.lr")
        self._saved = -1
        self.restore()
        standing = self.standing
        standing.take_over(failed, taken)
        torch.manual_seed(standing.draws(self.config.seed))
        self.accelerator.wait_for_everyone()  # all have read it before it is replaced
        self._save_state()
        self._is_between_steps = True
        if self._journal:
            self._journal.rewind(standing.step)
            self._journal.write("rollback", standing.step, {"rollbacks": standing.rollbacks})
            slower = " and a lower rate" if standing.slower < 1 else ""
            again = f"back to step {standing.step} with other data{slower} ({standing.rollbacks} of {ROLLBACKS})"
            log.warning("%s; %s", where, again)

    def _rate(self) -> float:
        return float(self.trainer.players["generator"].optimizer.param_groups[0]["lr"])

    def _validate(self) -> None:
        assert self.judge is not None
        standing, quality = self.standing, self.judge.quality
        self._refuse_not_finite(self._models())
        figures = self.update.from_main(self._judged() if self.accelerator.is_main_process else None)
        if figures is None:
            return
        self.figures, standing.owed = figures, False
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
        if self._journal:
            self._journal.write("validation", standing.step, self._flat())
            for name, found in self.figures.items():
                where = f"{name} " if len(self.figures) > 1 else ""
                best = ", the best so far" if name in better else ""
                log.info("step %d: %s%s %.4f%s", standing.step, where, quality.name, found[quality.name], best)

    def _judged(self) -> dict[str, dict[str, float]] | None:
        """The judge's figures; None where someone asked to stop meanwhile: the run is then saved, the figures owed."""
        assert self.judge is not None
        with suppress(Stopped), stoppable(self.generators.values(), self._stop), self.accelerator.autocast():
            return self.judge.figures(self.generators)
        return None

    def _flat(self) -> dict[str, float]:
        """All figures in one level; the direction is named where there are several."""
        if len(self.figures) == 1:
            return dict(*self.figures.values())
        return {f"{name}/{key}": value for name, found in self.figures.items() for key, value in found.items()}

    def _sample(self) -> None:
        assert self.judge is not None
        with self.accelerator.autocast():
            sheet = self.judge.sheet(self.generators)
        images.save(sheet, self.folder / "samples" / f"{self.standing.step:07d}.png")

    def _is_validated(self) -> bool:
        step, config = self.standing.step, self.config
        return self.judge is not None and (step % config.validate_every == 0 or step == config.steps)

    def _described(self, name: str) -> ModelConfig:
        # Figures of an earlier step say nothing of these weights.
        is_judged = self._is_validated() and not self.standing.owed
        metrics = dict(self.figures[name]) if is_judged else {}
        return self.models[name].model_copy(update={"step": self.standing.step, "metrics": metrics})

    def save(self) -> None:
        """Write the newest model and everything `restore` needs; only the main process does.

        Raises: NotFinite, before anything is written, where a weight or an optimizer's moment is not finite.
        """
        self._save_state()
        if not self.accelerator.is_main_process:
            return
        for name, generator in self.generators.items():
            checkpoints.save_model(self.folders[name] / "last", generator, self._described(name))
            if name not in self.standing.best:
                checkpoints.save_model(self.folders[name], generator, self._described(name))

    def _save_state(self) -> None:
        tensors = self._refuse_not_finite(self.parts.capture())
        if self.accelerator.is_main_process:
            self._write_state(tensors)
        self._saved = self.standing.step

    def _write_state(self, tensors: Groups) -> None:
        facts = {
            "standing": asdict(self.standing),
            "plateau": asdict(self.plateau),
            "figures": self.figures,
        }
        checkpoints.save_state(self.folder / "state", tensors, facts)
        self._saved = self.standing.step

    def _models(self) -> Groups:
        return {name: network.state_dict() for name, network in self.generators.items()}

    def _refuse_not_finite(self, tensors: Groups) -> Groups:
        """What was given. Raises: NotFinite in every process where the main one would write NaN."""
        if found := self.update.from_main(not_finite(tensors) if self.accelerator.is_main_process else None):
            raise NotFinite(found)
        return tensors

    def restore(self) -> None:
        """Take up the saved state: networks, optimizers, moving average, random state, standing.

        Raises: CheckpointError when there is none, or it belongs to other networks.
        """
        tensors, facts = checkpoints.load_state(self.folder / "state", mend=self.accelerator.is_main_process)
        try:
            self.parts.reinstate(tensors)
            self.standing = Standing(**facts["standing"])
            self.plateau = Plateau(**facts["plateau"])
            self.figures = {name: dict(found) for name, found in facts["figures"].items()}
        except (KeyError, TypeError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"{self.folder / 'state'}: does not fit this training ({reason})") from None
        self._saved = self.standing.step
