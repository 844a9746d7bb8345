"""From a preset and a folder to a finished run: recognise and check the data, build the players, run the loop."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from translate import checkpoints
from translate.config import ClassSpec, Config, HoldOut, ModelConfig, TrainConfig, read
from translate.data.batch_augment import BatchAugment
from translate.data.check import check, refuse
from translate.data.layouts import PairedLayout, recognise
from translate.data.order import EpochSampler
from translate.data.paired import Pair, PairedDataset
from translate.devices import pick_device, pick_precision
from translate.errors import CheckpointError, ConfigError, DatasetError
from translate.objectives.overlap import balanced_weights
from translate.trainers.loop import Loop, Progress, Standing
from translate.trainers.pix2pix import Pix2Pix
from translate.trainers.validation import LABELS, PICTURES, Quality, sample_sheet, validate

log = logging.getLogger(__name__)

RUN_FILE = "train.json"
CHANGEABLE = frozenset(
    {"steps", "workers", "log_every", "validate_every", "sample_every", "save_every", "samples", "patience"}
)
"""Settings that may differ when a run is resumed; any other would make it another run."""

OUTPUT_TENSORS = 2
"""Weight and bias of a generator's last layer, all that may differ from the model it starts from."""


class Source(Config):
    """Where the pairs come from: one folder, or one folder a side."""

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
    """What a training would do: the settings with nothing left open, the pairs, and where it goes."""

    config: TrainConfig
    source: Source
    layout: PairedLayout
    folder: Path

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The classes the generator tells apart; none for pictures."""
        return (self.layout.classes or ()) if self.config.generator.head == "labels" else ()


def plan(
    config: TrainConfig,
    source: Source,
    folder: Path,
    *,
    held_out: HoldOut | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Recognise the data and settle what the config leaves to it: kind of target, number of classes.

    `held_out` keeps apart the pairs an earlier run or model kept apart; `progress` sees (pairs checked, pairs in all).
    Raises: DatasetError naming each file that can't be used; ConfigError when config and data disagree.
    """
    layout = recognise(source.root, a=source.a, b=source.b, config=config.data, seed=config.seed, held_out=held_out)
    if not layout.splits.get("train"):
        raise DatasetError(f"{layout.root}: no pairs to train on, only {', '.join(layout.splits)}")
    refuse(layout, check(layout, config.data, progress=progress))
    changes: dict[str, object] = {}
    if layout.target == "labels":
        classes = layout.classes or ()
        changes = {"generator.head": "labels", "generator.out_channels": len(classes), "data.target": "labels"}
        if not (config.objective.lambda_ce or config.objective.lambda_dice):
            changes["objective.lambda_ce"] = 1.0
    elif config.generator.head == "labels":
        raise ConfigError(f"preset {config.preset} learns label maps, but the targets here are pictures; use pix2pix")
    return Plan(config.replace(**changes), source, layout, folder)


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

    Raises: CheckpointError when the folder already holds a run (without `resume`) or none (with it).
    """
    has_state = (plan.folder / "state").exists() or (plan.folder / "state.previous").exists()
    if has_state and not resume:
        raise CheckpointError(f"{plan.folder}: already holds a training; go on with --resume, or choose another --out")
    if resume and not has_state:
        raise CheckpointError(f"{plan.folder}: holds no training to resume; start one without --resume")
    config = plan.config
    accelerator = make_accelerator(device, config.precision)
    torch.manual_seed(config.seed)
    training = _dataset(plan, "train")
    weights = None
    if config.generator.head == "labels" and config.objective.class_balance:
        weights = balanced_weights(torch.as_tensor(training.class_counts()), config.objective.class_balance)
    trainer = Pix2Pix(config, accelerator.device, weights)
    if init:
        warm_start(trainer, init)
    judge = PairedJudge(plan, accelerator.device) if plan.layout.splits.get("val") else None
    loop = Loop(trainer, judge, config, describe(plan), plan.folder, accelerator)
    if resume:
        loop.restore()
    elif accelerator.is_main_process:
        plan.folder.mkdir(parents=True, exist_ok=True)
        record = RunRecord(config=config, source=plan.source, held_out=plan.layout.held_out)
        checkpoints.write_json(plan.folder / RUN_FILE, record.model_dump(mode="json"))
    batches = _batches(training, config, accelerator, loop.standing.step * config.accumulate)
    return loop.run(batches, stop=stop, report=report)


def resumed(folder: Path, changes: dict[str, object], *, progress: Callable[[int, int], None] | None = None) -> Plan:
    """The plan of the run in `folder`, with `changes` to settings that may change.

    Raises: CheckpointError when there is no run; ConfigError for a change that would make it another run.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        raise CheckpointError(f"{folder}: holds no training to resume ({RUN_FILE} is missing)")
    record = read(RunRecord, path)
    if fixed := sorted(set(changes) - CHANGEABLE):
        raise ConfigError(f"{fixed[0]} can't change when a run is resumed; start a new one with --init {folder}")
    config = record.config.replace(**changes)
    return plan(config, record.source, folder, held_out=record.held_out, progress=progress)


def warm_start(trainer: Pix2Pix, model: Path) -> None:
    """Start from the weights of another model, and from its discriminator when its run state is there and fits.

    An output layer of other classes starts anew, which is said.
    Raises: CheckpointError when the model's generator is of another shape.
    """
    anew = checkpoints.load_weights(trainer.generator, model / checkpoints.MODEL_FILE, allow=OUTPUT_TENSORS)
    if anew:
        log.info("%s: %s differ in shape from the new model's and start anew", model, ", ".join(anew))
    if trainer.discriminator is not None and (model / "state").is_dir():
        tensors, _ = checkpoints.load_state(model / "state")
        try:
            trainer.discriminator.load_state_dict(tensors["discriminator"])
        except (KeyError, RuntimeError):
            log.warning("%s: its discriminator does not fit; a new one starts from noise", model)


def describe(plan: Plan) -> ModelConfig:
    """What the stored model says of itself."""
    config = plan.config
    return ModelConfig(
        name=plan.folder.name,
        kind=config.method,
        generator=config.generator,
        data=config.data,
        classes=plan.classes,
        held_out=plan.layout.held_out,
        preset=config.preset,
    )


def make_accelerator(device: str, precision: str) -> Accelerator:
    """accelerate's view of this process: its device, its rank, autocast."""
    chosen = pick_device(device)
    mixed = "bf16" if pick_precision(precision, chosen) == "bf16" else "no"
    return Accelerator(cpu=chosen.type == "cpu", mixed_precision=mixed)


class PairedJudge:
    """Scores and shows a generator on the validation pairs."""

    def __init__(self, plan: Plan, device: torch.device) -> None:
        self.data, self.device, self.classes = _dataset(plan, "val"), device, plan.classes
        self.batch_size, self.samples = max(plan.config.batch_size, 4), plan.config.samples
        self.quality: Quality = LABELS if self.classes else PICTURES

    def figures(self, generator: nn.Module) -> dict[str, float]:
        """Quality over all validation pairs."""
        return validate(generator, self.data, self.device, self.batch_size)

    def sheet(self, generator: nn.Module) -> Image.Image:
        """Input, translation and target of a few pairs."""
        return sample_sheet(generator, self.data, self.device, self.samples, self.classes)


def _dataset(plan: Plan, split: str) -> PairedDataset:
    config, network = plan.config, plan.config.generator
    return PairedDataset(
        plan.layout.splits[split],
        plan.layout,
        config.data,
        train=split == "train",
        seed=config.seed,
        channels=(network.in_channels, network.out_channels),
    )


def _batches(data: PairedDataset, config: TrainConfig, accelerator: Accelerator, start: int) -> Iterator[Pair]:
    sampler = EpochSampler(
        len(data),
        config.batch_size,
        config.seed,
        start_step=start,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
    )
    loader = DataLoader(
        data,
        batch_sampler=sampler,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        pin_memory=accelerator.device.type == "cuda",
        # Its own source of seeds: the loader would otherwise draw from the random state that a resumed run restores.
        generator=torch.Generator().manual_seed(config.seed),
    )
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    augment = BatchAugment(config.data, config.seed, accelerator.process_index) if config.data.batch_augment else None
    for number, batch in enumerate(loader, start):
        pair = Pair(*(_move(side, accelerator.device, layout) for side in batch))
        yield augment(pair, number) if augment else pair


def _move(tensor: Tensor, device: torch.device, layout: torch.memory_format) -> Tensor:
    if tensor.ndim == 4:
        return tensor.to(device, non_blocking=True, memory_format=layout)
    return tensor.to(device, non_blocking=True)
