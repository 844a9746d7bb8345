"""Many settings on the same data for the same time: what each costs a step, and how far it gets."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from translate import checkpoints, images, presets
from translate.catalog import RUN_FILE
from translate.config import Config, Positive, TrainConfig, parse, read
from translate.data.domains import recognise_domains
from translate.data.unpaired import PictureDataset
from translate.devices import pick_device
from translate.errors import ConfigError, TranslateError
from translate.evaluation.machine import describe
from translate.evaluation.study_run import QUIET, Row, alone, train_setting
from translate.inference.translator import Translator
from translate.metrics.figures import figure
from translate.trainers import run
from translate.trainers.cyclegan import A_TO_B

log = logging.getLogger(__name__)

SMALL = {
    "generator.filters": 32,
    "discriminator.filters": 32,
    "data.size": 128,
    "data.load_size": 143,
    "data.crop": 128,
}
"""A quarter of the pixels and half of the width: what a small machine trains in minutes."""

GRIDS: dict[str, dict[str, tuple[str, Mapping[str, Any]]]] = {
    "unpaired": {"CycleGAN": ("cyclegan", SMALL), "CUT": ("cut", SMALL), "FastCUT": ("fastcut", SMALL)},
}
"""Name of the study -> name of the setting -> preset and what is changed in it."""

RECORD, TABLE, SHEET = "study.json", "study.md", "study.png"
SHOWN = 6
"""Held-out pictures on the sheet."""


class Study(Config):
    """study.json: what was asked for, where it ran, and a row a setting as far as it got."""

    grid: str
    minutes: Positive
    changes: dict[str, Any]
    source: run.Source
    machine: dict[str, Any]
    rows: tuple[Row, ...] = ()


def study(
    grid: str,
    source: run.Source,
    out: Path,
    *,
    minutes: float,
    changes: Mapping[str, Any] | None = None,
    device: str = "auto",
    report: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Train every setting of a grid for `minutes`, each in a process of its own, and return their rows in order.

    The number of steps is measured first, so that each schedule ends when its time does. `out`/NAME holds each run;
    study.json, study.md and study.png tell and show how they compare. A study that was interrupted goes on where it
    stopped.
    Raises: ConfigError for an unknown grid or setting, or where `out` holds another study; DatasetError for unusable
    data.
    """
    configs = settings(grid, changes or {})
    asked = {"grid": grid, "minutes": minutes, "changes": dict(changes or {}), "source": source.model_dump()}
    record = _taken_up(out, parse(Study, asked | {"machine": describe(pick_device(device))}))
    out.mkdir(parents=True, exist_ok=True)
    checkpoints.write_json(out / RECORD, record.model_dump(mode="json"))
    rows = {row.name: row for row in record.rows}
    for name, config in configs.items():
        if name not in rows:
            log.info("%s: a few steps are timed, then it is trained for %g minutes", name, minutes)
            rows[name] = _trained(name, config, source, out / name, minutes, device)
            record = record.model_copy(update={"rows": tuple(rows.values())})
            checkpoints.write_json(out / RECORD, record.model_dump(mode="json"))
            (out / SHEET).unlink(missing_ok=True)
        if report:
            report(rows[name])
    (out / TABLE).write_text(_told(record), encoding="utf-8")
    if not (out / SHEET).is_file():
        images.save(_sheet(out, list(configs), device), out / SHEET)
    return list(record.rows)


def settings(grid: str, changes: Mapping[str, Any]) -> dict[str, TrainConfig]:
    """The config of each setting of a grid, with `changes` to all.

    Raises: ConfigError for an unknown grid or change.
    """
    if grid not in GRIDS:
        raise ConfigError(f"{grid}: no such study; known: {', '.join(GRIDS)}")
    if fixed := sorted({"steps", "log_every"} & changes.keys()):
        raise ConfigError(f"{fixed[0]} can't be set in a study: it times every step, and the minutes give their number")
    return {
        name: presets.preset(preset).replace(**{**own, **QUIET, **changes})
        for name, (preset, own) in GRIDS[grid].items()
    }


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    head = ["", "ms a step", "steps", "peak MiB", *(figure(name).title for name in names)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        memory = f"{row.peak_memory_mib:,.0f}" if row.peak_memory_mib is not None else "-"
        values = [figure(name).text(row.figures[name]) if name in row.figures else "-" for name in names]
        lines.append(f"| {' | '.join([row.name, f'{row.ms_a_step:.0f}', f'{row.steps:,}', memory, *values])} |")
    return "\n".join(lines)


def _taken_up(out: Path, asked: Study) -> Study:
    """The study begun in `out`, or a new one."""
    path = out / RECORD
    if not path.is_file() or not any(out.glob(f"*/{RUN_FILE}")):  # nothing was trained: a mistake was mended
        return asked
    found = read(Study, path)
    for name in ("grid", "minutes", "changes", "source"):
        old, new = (one.model_dump(mode="json")[name] for one in (found, asked))
        if old != new:
            raise ConfigError(f"{out} holds a study with other {name} ({old}, now {new}); choose another --out")
    return found


def _trained(name: str, config: TrainConfig, source: run.Source, folder: Path, minutes: float, device: str) -> Row:
    """The row of one setting.

    Raises: KeyboardInterrupt when its process was told to stop, and has saved what it learnt.
    """
    try:
        row = alone(train_setting, name, config, source, folder, minutes, device)
    except TranslateError as error:
        raise type(error)(f"{name}: {error}") from None
    if row is None:
        raise KeyboardInterrupt
    return row


def _told(study: Study) -> str:
    """study.md."""
    machine = study.machine
    against = list(dict.fromkeys(row.against for row in study.rows))
    return (
        f"# Study {study.grid!r}: {study.minutes:g} minutes of training for each setting\n\n{table(study.rows)}\n\n"
        f"Figures of A to B by each setting's last model: {'; '.join(against)}.\n"
        f"{machine['threads']} threads of {machine['processor']}, torch {machine['torch']} on "
        f"{machine.get('gpu', machine['device'])}.\n"
    )


def _sheet(out: Path, names: Sequence[str], device: str) -> Image.Image:
    """Held-out inputs, and beside them what the last model of each setting makes of them."""
    record = read(run.RunRecord, out / names[0] / RUN_FILE)
    data, source = record.config.data, record.source
    layout = recognise_domains(source.root, a=source.a, b=source.b, config=data, held_out=record.held_out)
    files = layout.splits["val"].a
    files = files[:: math.ceil(len(files) / SHOWN)]
    columns: list[list[Image.Image]] = []
    for name in names:
        both = out / name / A_TO_B
        translator = Translator.load((both if both.is_dir() else out / name) / "last", device=device)
        channels = translator.config.translator.in_channels
        inputs = PictureDataset(files, translator.config.data, train=False, seed=0, channels=channels)
        if not columns:
            columns.append([images.to_pil(inputs[number]) for number in range(len(files))])
        columns.append([images.to_pil(translator.forward(inputs[n][None])) for n in range(len(files))])
    return images.grid(list(zip(*columns, strict=True)), titles=["input", *names])
