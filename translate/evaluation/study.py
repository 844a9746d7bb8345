"""Many settings on the same data, with the same seeds and budget: what each costs a step, and how far it gets."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from translate import checkpoints
from translate.catalog import RUN_FILE
from translate.config import Config, HoldOut, Positive, TrainConfig, parse, read
from translate.devices import pick_device
from translate.errors import ConfigError, TranslateError
from translate.evaluation.fcn_score import fcn_score
from translate.evaluation.machine import describe
from translate.evaluation.study_grids import settings
from translate.evaluation.study_run import Job, Row, alone, train_cell, unable
from translate.locking import held
from translate.trainers import run

log = logging.getLogger(__name__)

RECORD = "study.json"
FEWEST_STEPS, MOST_SEEDS = 10, 30
SAME = ("grid", "steps", "minutes", "changes", "source", "scorer")
"""What makes a study another one; cells and seeds may be added."""


class Study(Config):
    """study.json: what was asked for, where it ran, and a row for each cell and seed as far as it got."""

    grid: str
    steps: Annotated[int, Field(ge=FEWEST_STEPS)] | None = None
    minutes: Positive | None = None
    seeds: Annotated[int, Field(ge=1, le=MOST_SEEDS)] = 1
    only: tuple[str, ...] = ()
    changes: dict[str, Any]
    source: run.Source
    scorer: str | None = None
    machine: dict[str, Any]
    rows: tuple[Row, ...] = ()
    real: dict[str, float] = Field(default_factory=dict)
    """What the scorer finds in the real photos."""

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("a study has one budget: give steps or minutes")
        return self

    def row(self, name: str, seed: int) -> Row | None:
        """The outcome of a cell with a seed; None where it has none yet."""
        return next((row for row in self.rows if (row.name, row.seed) == (name, seed)), None)

    def with_row(self, row: Row) -> Self:
        """With that outcome instead of an earlier one."""
        others = [old for old in self.rows if (old.name, old.seed) != (row.name, row.seed)]
        return self.model_copy(update={"rows": (*others, row)})


def study(
    asked: Study, out: Path, *, device: str = "auto", report: Callable[[Row], None] | None = None
) -> tuple[Study, dict[str, TrainConfig]]:
    """Train every cell of a grid with every seed, each in a process of its own; returns rows and the cells' settings.

    `out`/CELL/seed-N is each run, a training like any other, and `out`/study.json the record. Where the budget is time,
    the number of steps is measured first, so that each schedule ends when its time does. A study that was interrupted
    goes on where it stopped, and cells and seeds that are done are kept. A cell that diverges, or can't be trained as
    set, has a row that says so.
    Raises: ConfigError for an unknown grid, cell or setting, or where `out` holds another study; DatasetError for
    unusable data; TranslateError while another process carries one out there.
    """
    configs = settings(asked.grid, asked.changes, only=asked.only, steps=asked.steps)
    with held(out / ".lock", f"{out}: another process carries out a study here; wait for it, or stop it"):
        return _carried_out(asked, configs, out, device, report), configs


def _carried_out(
    asked: Study, configs: dict[str, TrainConfig], out: Path, device: str, report: Callable[[Row], None] | None
) -> Study:
    asked = asked.model_copy(update={"machine": describe(pick_device(device))})
    record = _taken_up(out, asked)
    _write(out, record)
    # All cells with one seed before the next seed: an interrupted study compares all of them.
    for seed in range(asked.seeds):
        for name, config in configs.items():
            row = record.row(name, seed)
            if row is None:
                job = _job(asked, name, config.replace(seed=seed), out, device)
                row = _trained(job)
                record = record.with_row(row)
                _write(out, record)
            if report:
                report(row)
    record = _with_real(record, configs, out, device)
    if not any(row.steps for row in record.rows):
        raise ConfigError(record.rows[0].failed)
    return record


def folder(out: Path, name: str, seed: int) -> Path:
    """Where the run of a cell with a seed is."""
    return out / name / f"seed-{seed}"


def _write(out: Path, record: Study) -> None:
    checkpoints.write_json(out / RECORD, record.model_dump(mode="json"))


def _job(asked: Study, name: str, config: TrainConfig, out: Path, device: str) -> Job:
    budget = f"{asked.minutes:g} minutes" if asked.minutes else f"{config.steps} steps"
    log.info("%s, seed %d: %s", name, config.seed, budget)
    return Job(
        name=name,
        config=config,
        source=asked.source,
        folder=folder(out, name, config.seed),
        minutes=asked.minutes,
        device=device,
        held_out=_held_out(out),
        scorer=asked.scorer,
    )


def _held_out(out: Path) -> HoldOut | None:
    """What the first run kept apart: seeds change the training, not what it is judged on."""
    for path in sorted(out.glob(f"*/*/{RUN_FILE}"), key=lambda path: path.stat().st_mtime):
        return read(run.RunRecord, path).held_out
    return None


def _taken_up(out: Path, asked: Study) -> Study:
    """The study begun in `out` with what is asked for now, or a new one."""
    path = out / RECORD
    if not path.is_file() or not any(out.glob(f"*/*/{RUN_FILE}")):  # nothing was trained: a mistake was mended
        return asked
    found = read(Study, path)
    for name in SAME:
        old, new = (one.model_dump(mode="json")[name] for one in (found, asked))
        if old != new:
            raise ConfigError(f"{out} holds a study with other {name} ({old}, now {new}); choose another --out")
    kept = tuple(row for row in found.rows if row.steps)  # what could not be trained may be mended
    return asked.model_copy(update={"rows": kept, "real": found.real})


def _trained(job: Job) -> Row:
    """The row of one run.

    Raises: KeyboardInterrupt when its process was told to stop, and has saved what it learnt.
    """
    try:
        row = alone(train_cell, job)
    except ConfigError as error:
        return unable(job, error)
    except TranslateError as error:
        raise type(error)(f"{job.name}: {error}") from None
    if row is None:
        raise KeyboardInterrupt
    return row


def _with_real(record: Study, configs: Mapping[str, TrainConfig], out: Path, device: str) -> Study:
    """With the score of the real photos, where there is a scorer."""
    if record.scorer is None or record.real:
        return record
    done = next((row for row in record.rows if not row.failed), None)
    if done is None:
        return record
    found = alone(_real_score, folder(out, done.name, done.seed), record.scorer, device)
    record = record.model_copy(update={"real": found})
    _write(out, record)
    return record


def _real_score(run_folder: Path, scorer: str, device: str) -> dict[str, float]:
    return fcn_score(run_folder, scorer, device=device, real=True)


def asked(values: Mapping[str, Any]) -> Study:
    """The study that the options describe.

    Raises: ConfigError naming the option, what was found and what is allowed.
    """
    return parse(Study, {"machine": {}, **values})
