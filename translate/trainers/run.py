"""From a preset and a folder to a finished run: recognise and check the data, build the players, run the loop."""

import logging
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState

from translate import checkpoints
from translate.catalog import DIRECTIONS, RUN_FILE, RUN_LOCK
from translate.config import Config, HoldOut, TrainConfig, read
from translate.data.domains import UnpairedLayout
from translate.data.labelled import LabelledLayout
from translate.data.layouts import PairedLayout
from translate.devices import pick_device, pick_precision
from translate.errors import CheckpointError, ConfigError
from translate.locking import held
from translate.trainers import generation, paired, unpaired
from translate.trainers.feeding import feed
from translate.trainers.generation import MixtureLayout, MixtureTask, PictureTask
from translate.trainers.loop import Loop, Progress, Trainer, model_folders
from translate.trainers.paired import PairedTask
from translate.trainers.standing import Standing
from translate.trainers.unpaired import UnpairedTask

log = logging.getLogger(__name__)

CHANGEABLE = frozenset(
    {
        "steps",
        "optim.schedule",
        "optim.decay_from",
        "workers",
        "log_every",
        "validate_every",
        "sample_every",
        "save_every",
        "samples",
        "patience",
        "data.keep_detail",
    }
)
"""Settings that may differ when a run is resumed; any other would make it another run."""
PIECES = frozenset({"batch_size", "accumulate"})
"""Settings that may differ too where their product, the pictures of a step, stays: one machine has less memory."""

OUTPUT_TENSORS = 2
"""Weight and bias of a generator's last layer, all that may differ from the model it starts from."""

Task = PairedTask | UnpairedTask | PictureTask | MixtureTask
Layout = PairedLayout | UnpairedLayout | LabelledLayout | MixtureLayout
TASKS: dict[str, Callable[..., Task]] = {
    "pix2pix": paired.prepare,
    "cyclegan": unpaired.prepare,
    "cut": unpaired.prepare,
    "gan": generation.prepare,
}
"""What turns a config and a folder into something to train, by method."""


class Source(Config):
    """Where the pictures come from: one folder (or a list of paths), or one folder a side."""

    root: Path | None = None
    a: Path | None = None
    b: Path | None = None


class RunRecord(Config):
    """train.json: all that a run was started with."""

    config: TrainConfig
    source: Source
    held_out: HoldOut | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training would do: the settings with nothing left open, the data, and where it goes."""

    task: Task
    source: Source
    folder: Path

    @property
    def config(self) -> TrainConfig:
        """The settled settings."""
        return self.task.config

    @property
    def layout(self) -> Layout:
        """The recognised data."""
        return self.task.layout

    def models(self) -> dict[str, Path]:
        """Where each direction's model goes."""
        return model_folders(self.folder, self.task.models(self.folder.name))


def plan(
    config: TrainConfig,
    source: Source,
    folder: Path,
    *,
    held_out: HoldOut | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Recognise and check the data and settle what the config leaves to them.

    `held_out` keeps apart what an earlier run or model kept apart; `progress` sees (files checked, files in all).
    Raises: DatasetError naming each file that can't be used; ConfigError when config and data disagree.
    """
    prepare = TASKS[config.method]
    return Plan(prepare(config, source.root, source.a, source.b, held_out, progress), source, folder)


def train(
    plan: Plan,
    *,
    device: str = "auto",
    resume: bool = False,
    init: Path | None = None,
    stop: threading.Event | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Standing:
    """Carry out a plan; returns where the run stands at its end.

    Raises: CheckpointError when the folder already holds a run (without `resume`) or none (with it); TranslateError
    while another process trains there.
    """
    has_state = (plan.folder / "state").exists() or (plan.folder / "state.previous").exists()
    if has_state and not resume:
        raise CheckpointError(f"{plan.folder}: already holds a training; go on with --resume, or choose another --out")
    if resume and not has_state:
        raise CheckpointError(f"{plan.folder}: holds no training to resume; start one without --resume")
    accelerator = make_accelerator(device, plan.config.precision)
    busy = f"{plan.folder}: another process is training here; wait for it, or stop it"
    with held(plan.folder / RUN_LOCK, busy) if accelerator.is_main_process else nullcontext():
        standing = _train(plan, accelerator, resume, init, stop, report)
    if accelerator.num_processes > 1:
        # One that left while another still saved would tear down the connection that they share.
        accelerator.wait_for_everyone()
        accelerator.end_training()
    return standing


def _train(
    plan: Plan,
    accelerator: Accelerator,
    resume: bool,
    init: Path | None,
    stop: threading.Event | None,
    report: Callable[[Progress], None] | None,
) -> Standing:
    task, config = plan.task, plan.config
    torch.manual_seed(config.seed)
    data: Any = task.dataset()
    trainer = task.trainer(data, accelerator.device)
    if init:
        warm_start(trainer, init)
    models = task.models(plan.folder.name)
    loop = Loop(trainer, task.judge(accelerator.device), config, models, plan.folder, accelerator)
    if accelerator.is_main_process:  # a process killed before its first save leaves something, too
        checkpoints.sweep(plan.folder, below=True)
    if resume:
        loop.restore()
    if accelerator.is_main_process:  # when resumed too: what was changed then holds for later
        record = RunRecord(config=config, source=plan.source, held_out=plan.layout.held_out)
        checkpoints.write_json(plan.folder / RUN_FILE, record.model_dump(mode="json"))
    start = loop.standing.position * config.accumulate
    sampler = task.sampler(start, accelerator.process_index, accelerator.num_processes)
    return loop.run(feed(data, sampler, config, accelerator, start), stop=stop, report=report)


def resumed(folder: Path, changes: dict[str, object], *, progress: Callable[[int, int], None] | None = None) -> Plan:
    """The plan of the run in `folder`, with `changes` to settings that may change.

    Raises: CheckpointError when there is no run; ConfigError for a change that would make it another run.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        raise CheckpointError(f"{folder}: holds no training to resume ({RUN_FILE} is missing)")
    record = read(RunRecord, path)
    before, config = record.config, record.config.replace(**changes)
    same = config.batch_size * config.accumulate == before.batch_size * before.accumulate
    if fixed := sorted(set(changes) - CHANGEABLE - (PIECES if same else set())):
        raise ConfigError(f"{fixed[0]} can't change when a run is resumed; start a new one with --init MODEL")
    return plan(config, record.source, folder, held_out=record.held_out, progress=progress)


def warm_start(trainer: Trainer, model: Path) -> None:
    """Start from the weights of another model, and from its discriminators where they are there and fit.

    Where several generators are trained, `model` is the folder of one direction and the others lie beside it. An
    output layer of other classes starts anew, which is said.
    Raises: CheckpointError when a model's generator is of another shape.
    """
    state = model / "state"
    for name, generator in trainer.generators.items():
        folder = model
        if len(trainer.generators) > 1:
            direction = _direction(model)
            folder = direction.parent / name / model.relative_to(direction)  # "last" stays "last"
            state = direction.parent / "state"
        anew = checkpoints.load_weights(generator, folder / checkpoints.MODEL_FILE, allow=OUTPUT_TENSORS)
        if anew:
            log.info("%s: %s differ in shape from the new model's and start anew", folder, ", ".join(anew))
    if "discriminator" in trainer.players and state.is_dir():
        tensors, _ = checkpoints.load_state(state)
        try:
            trainer.players["discriminator"].module.load_state_dict(tensors["discriminator"])
        except (KeyError, RuntimeError):
            log.warning("%s: its discriminator does not fit; a new one starts from noise", model)
    elif "discriminator" in trainer.players and checkpoints.holds_part(model, checkpoints.DISCRIMINATOR):
        stored = model / checkpoints.DISCRIMINATOR / checkpoints.MODEL_FILE
        try:
            checkpoints.load_weights(trainer.players["discriminator"].module, stored)
        except CheckpointError as error:
            log.warning("%s; a new discriminator starts from noise", error)


def _direction(model: Path) -> Path:
    """The folder AtoB or BtoA that `model` is or lies in.

    Raises: CheckpointError when it is in neither.
    """
    for folder in (model, *model.parents):
        if folder.name in DIRECTIONS:
            return folder
    raise CheckpointError(f"{model}: is no direction of a CycleGAN run; name one as runs/NAME/AtoB, the other is found")


def make_accelerator(device: str, precision: str) -> Accelerator:
    """accelerate's view of this process: its device, its rank, autocast."""
    chosen = pick_device(device)
    mixed = "bf16" if pick_precision(precision, chosen) == "bf16" else "no"
    # accelerate keeps the first precision of a process for good; the next training in it may have another.
    AcceleratorState._reset_state()
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)  # accelerate takes the current one of several
    return Accelerator(cpu=chosen.type == "cpu", mixed_precision=mixed)


def is_main_process() -> bool:
    """Whether this is the only process of a training, or the one that speaks for all of them."""
    return bool(PartialState().is_main_process)
