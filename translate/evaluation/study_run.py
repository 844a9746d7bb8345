"""One setting of a study: trained in a process of its own, for a given time, and stopped so that nothing is lost."""

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
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import torch

from translate.config import Config, TrainConfig
from translate.devices import pick_device
from translate.errors import DatasetError, TranslateError
from translate.evaluation.machine import peak_memory_mib
from translate.trainers import run
from translate.trainers.cyclegan import A_TO_B, B_TO_A
from translate.trainers.logs import read_log
from translate.trainers.loop import Progress
from translate.trainers.unpaired_judge import UnpairedJudge

T = TypeVar("T")

QUIET = {"log_every": 1, "validate_every": 10**9, "sample_every": 10**9, "save_every": 500}
"""Every step is timed, and only the last one is judged: the minutes are for learning."""
TRIAL_STEPS, WARM_UP = 12, 2
"""Steps that tell how many fit into the time; the first ones fill caches and, on CUDA, choose kernels."""


class Row(Config):
    """One setting's outcome: `figures` are of the direction A -> B at the last step, on held-out data."""

    name: str
    preset: str
    steps: int
    seconds: float
    ms_a_step: float
    peak_memory_mib: float | None
    """Of the process, or on CUDA of the GPU."""
    figures: dict[str, float]
    against: str
    """How many pictures the figures are of, and the feature space."""


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


def train_setting(
    name: str, config: TrainConfig, source: run.Source, folder: Path, minutes: float, device: str
) -> Row | None:
    """Train one setting, or go on with it; None where it was told to stop before its time.

    Raises: ConfigError, DatasetError as a training does, and where too few pictures are held out to compare by.
    """
    with _stoppable() as stop:
        resume = any((folder / state).exists() for state in ("state", "state.previous"))
        plan = run.resumed(folder, {}) if resume else _planned(config, source, folder, minutes, device, stop)
        if stop.is_set():
            return None
        standing = run.train(plan, device=device, resume=resume, stop=stop)
    if stop.is_set() and standing.step < plan.config.steps:
        return None
    judged = [record for record in read_log(folder) if record["kind"] == "validation"][-1]
    found = {key.removeprefix(f"{A_TO_B}/"): v for key, v in judged.items() if not key.startswith(f"{B_TO_A}/")}
    figures = {key: float(value) for key, value in found.items() if key not in ("kind", "step")}
    return Row(
        name=name,
        preset=config.preset,
        steps=standing.step,
        seconds=round(standing.seconds, 1),
        ms_a_step=round(1000 * _step_seconds(folder), 2),
        peak_memory_mib=_peak_memory_mib(device),
        figures={key: value for key, value in figures.items() if math.isfinite(value)},
        against=_against(plan, device),
    )


def _planned(
    config: TrainConfig, source: run.Source, folder: Path, minutes: float, device: str, stop: threading.Event
) -> run.Plan:
    """A training of as many steps as fit into the time, by the pace of a few."""
    plan, enough = run.plan(config, source, folder), threading.Event()
    _against(plan, device)  # refused before anything is trained

    def seen(progress: Progress) -> None:
        if progress.step >= TRIAL_STEPS or stop.is_set():
            enough.set()

    with tempfile.TemporaryDirectory() as scratch:
        # Stopped, not run to its end: the last step of a training is judged.
        run.train(replace(plan, folder=Path(scratch)), device=device, stop=enough, report=seen)
        if stop.is_set():
            return plan
        seconds = _step_seconds(Path(scratch))
    steps = max(TRIAL_STEPS, round(60 * minutes / seconds))
    return replace(plan, task=replace(plan.task, config=plan.config.replace(steps=steps)))


def _against(plan: run.Plan, device: str) -> str:
    """What the figures are of.

    Raises: DatasetError where no figure can be had.
    """
    judge = plan.task.judge(pick_device(device))
    if not isinstance(judge, UnpairedJudge):
        raise DatasetError(
            f"{plan.layout.root}: a study compares by held-out pictures and needs two of each domain; "
            "raise data.holdout, as in --set data.holdout=20"
        )
    held = plan.task.counts["val"]
    counts = f"{held['A']} translations against {held['B']} real pictures"
    return f"{counts}, in the feature space {judge.features.name}"


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


def _step_seconds(folder: Path) -> float:
    """The median of all steps, reading included, validation not."""
    times = [float(record["seconds"]) for record in read_log(folder) if record["kind"] == "train"]
    return statistics.median(later - earlier for earlier, later in pairwise(times[WARM_UP:]))


def _peak_memory_mib(device: str) -> float | None:
    where = pick_device(device)
    return torch.cuda.max_memory_allocated(where) / 2**20 if where.type == "cuda" else peak_memory_mib()
