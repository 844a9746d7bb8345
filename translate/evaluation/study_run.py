"""One run of a study: trained in a process of its own, for a given budget, and stopped so that nothing is lost."""

import concurrent.futures
import concurrent.futures.process
import math
import multiprocessing
import signal
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import torch

from translate.config import Config, HoldOut, TrainConfig
from translate.devices import pick_device
from translate.errors import ConfigError, DatasetError, TranslateError
from translate.evaluation.fcn_score import fcn_score, readable
from translate.evaluation.machine import peak_memory_mib
from translate.inference.translator import Translator
from translate.trainers import run
from translate.trainers.cyclegan import A_TO_B, B_TO_A
from translate.trainers.generation import MixtureTask
from translate.trainers.logs import read_log
from translate.trainers.loop import Progress
from translate.trainers.mixture_judge import SAMPLES
from translate.trainers.paired import PairedTask
from translate.trainers.picture_judge import MIN_JUDGED
from translate.trainers.unpaired import UnpairedTask
from translate.trainers.update import NotFinite

T = TypeVar("T")

TRIAL_STEPS, WARM_UP = 12, 2
"""Steps that tell how many fit into the time; the first ones fill caches and, on CUDA, choose kernels."""


class Row(Config):
    """The outcome of a cell with a seed: `figures` are of the direction A -> B at the last step, on held-out data."""

    name: str
    seed: int = 0
    preset: str
    steps: int
    seconds: float
    ms_a_step: float
    peak_memory_mib: float | None
    """Of the process, or on CUDA of the GPU."""
    figures: dict[str, float]
    against: str
    """What the figures are of."""
    failed: str = ""
    """Why there are no figures: it diverged, or can't be trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Everything the process of one run must know."""

    name: str
    config: TrainConfig
    source: run.Source
    folder: Path
    minutes: float | None
    """None: the config's own steps."""
    device: str = "auto"
    held_out: HoldOut | None = None
    scorer: str | None = None


def alone(action: Callable[..., T], *arguments: object) -> T:
    """Call it in a process of its own, so that its peak memory is its own.

    Raises: TranslateError when the system killed the process; whatever the call raises.
    """
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        others = set(multiprocessing.active_children())
        try:
            return pool.submit(action, *arguments).result()
        except concurrent.futures.process.BrokenProcessPool:
            raise TranslateError(
                "its process was killed, perhaps for want of memory; the same command goes on where it stopped, and a "
                "new study with a smaller batch_size or data.crop needs less"
            ) from None
        except KeyboardInterrupt:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()  # which lets it save
            raise


def train_cell(job: Job) -> Row | None:
    """Train one cell with one seed, or go on with it; None where it was told to stop before its end.

    Raises: ConfigError, DatasetError as a training does, and where nothing is held out to compare by.
    """
    with _stoppable() as stop:
        resume = any((job.folder / state).exists() for state in ("state", "state.previous"))
        plan = run.resumed(job.folder, {}) if resume else _planned(job, stop)
        if stop.is_set():
            return None
        failed = ""
        try:
            standing = run.train(plan, device=job.device, resume=resume, stop=stop)
        except NotFinite as error:
            failed = f"diverged: {error}"
        else:
            if stop.is_set() and standing.step < plan.config.steps:
                return None
    return _row(job, plan, failed)


def unable(job: Job, error: TranslateError) -> Row:
    """The row of a cell that can't be trained as it is set."""
    return Row(
        name=job.name,
        seed=job.config.seed,
        preset=job.config.preset,
        steps=0,
        seconds=0.0,
        ms_a_step=0.0,
        peak_memory_mib=None,
        figures={},
        against="",
        failed=f"can't be trained: {error}",
    )


def _row(job: Job, plan: run.Plan, failed: str) -> Row:
    records, memory = read_log(job.folder), _peak_memory_mib(job.device)
    last = next((record for record in reversed(records) if record["kind"] == "train"), {"step": 0, "seconds": 0.0})
    figures = {} if failed else _figures(job, records)
    return Row(
        name=job.name,
        seed=job.config.seed,
        preset=job.config.preset,
        steps=int(last["step"]),
        seconds=round(float(last["seconds"]), 1),
        ms_a_step=round(1000 * _step_seconds(job.folder, plan.config.stability.n_critic), 2),
        peak_memory_mib=memory,
        figures={key: value for key, value in figures.items() if math.isfinite(value)},
        against=_against(plan, job),
        failed=failed,
    )


def _figures(job: Job, records: list[dict[str, float | str]]) -> dict[str, float]:
    """The last validation, and what the scorer says."""
    judged = next(record for record in reversed(records) if record["kind"] == "validation")
    found = {key.removeprefix(f"{A_TO_B}/"): v for key, v in judged.items() if not key.startswith(f"{B_TO_A}/")}
    figures = {key: float(value) for key, value in found.items() if key not in ("kind", "step")}
    return figures | (fcn_score(job.folder, job.scorer, device=job.device) if job.scorer else {})


def _planned(job: Job, stop: threading.Event) -> run.Plan:
    """The training, refused before anything is trained where it could not be compared; its steps fit into the time."""
    plan = run.plan(job.config, job.source, job.folder, held_out=job.held_out)
    _against(plan, job)
    if job.minutes is None:
        return plan
    enough = threading.Event()

    def seen(progress: Progress) -> None:
        if progress.step >= TRIAL_STEPS or stop.is_set():
            enough.set()

    with tempfile.TemporaryDirectory() as scratch:
        # Stopped, not run to its end: the last step of a training is judged.
        run.train(replace(plan, folder=Path(scratch)), device=job.device, stop=enough, report=seen)
        if stop.is_set():
            return plan
        seconds = _step_seconds(Path(scratch), plan.config.stability.n_critic)
    steps = max(TRIAL_STEPS, round(60 * job.minutes / seconds))
    return replace(plan, task=replace(plan.task, config=plan.config.replace(steps=steps)))


def _against(plan: run.Plan, job: Job) -> str:
    """What the figures are of.

    Raises: DatasetError where no figure can be had.
    """
    task = plan.task
    if isinstance(task, PairedTask):
        return _against_truth(task, job)
    if job.scorer:
        raise ConfigError("--scorer reads photos made of label maps, and is for pairs")
    if isinstance(task, MixtureTask):
        return f"{SAMPLES:,} points of {len(task.modes.centres)} modes"
    judge = task.judge(pick_device(job.device))
    if judge is None:
        needed = "two of each domain" if isinstance(task, UnpairedTask) else f"{MIN_JUDGED} of them"
        raise DatasetError(
            f"{plan.layout.root}: a study compares by held-out pictures and needs {needed}; "
            "raise data.holdout, as in --set data.holdout=20"
        )
    held = task.counts["val"]
    counts = f"{sum(held.values())} samples against as many real pictures"
    if isinstance(task, UnpairedTask):
        counts = f"{held['A']} translations against {held['B']} real pictures"
    return f"{counts}, in the feature space {judge.features.name}"


def _against_truth(task: PairedTask, job: Job) -> str:
    if not task.layout.splits.get("val"):
        raise DatasetError(f"{task.layout.root}: a study compares by held-out pairs; raise data.holdout")
    if job.scorer:
        readable(task.layout, task.dataset("val"), Translator.load(job.scorer, device="cpu").config)
    return f"{task.counts['val']['pairs']} held-out pairs at the model's scale of {task.config.data.size}"


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Set on Ctrl-C, on SIGTERM, and when the process that started this one is gone: the training then saves."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: stop.set())
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            stop.set()

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield stop
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
        if parent is not None and not parent.is_alive():
            signal.raise_signal(signal.SIGTERM)  # a pool's process would wait for its next task for ever


def _step_seconds(folder: Path, turns: int = 1) -> float:
    """The median of all steps, reading included, validation not; 0 where there are too few to tell.

    The generator learns every `turns`-th step, so that only a round of as many is typical.
    """
    train = [record for record in read_log(folder) if record["kind"] == "train"]
    points = [(int(record["step"]), float(record["seconds"])) for record in train][WARM_UP::turns]
    paces = [(later - earlier) / (b - a) for (a, earlier), (b, later) in pairwise(points)]
    return statistics.median(paces) if paces else 0.0


def _peak_memory_mib(device: str) -> float | None:
    where = pick_device(device)
    return torch.cuda.max_memory_allocated(where) / 2**20 if where.type == "cuda" else peak_memory_mib()
