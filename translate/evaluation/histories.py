"""What trainings wrote down as they went (log.jsonl), several side by side: their curves and their last figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from translate import catalog
from translate.errors import CheckpointError
from translate.evaluation import plots
from translate.evaluation.table import Row, number
from translate.metrics.figures import figure, ranked
from translate.trainers.logs import read_log

LOG_FILE = "log.jsonl"
KINDS = {"validation": "validation", "train": "training"}
SKIPPED = ("kind", "step", *plots.LEFT_OUT)


class Last(NamedTuple):
    """The last value of a figure, and the step it is of."""

    value: float
    step: int


def runs() -> list[str]:
    """Names of all trainings that wrote a log, a study's cells as STUDY/CELL."""
    root = catalog.roots()["run"]
    found = [*root.glob(f"*/{LOG_FILE}"), *root.glob(f"*/*/{LOG_FILE}")]
    return sorted(path.parent.relative_to(root).as_posix() for path in found if not _hidden(path.relative_to(root)))


def read(name: str) -> list[dict[str, Any]]:
    """The records of the run called `name`, one of `runs()`.

    Raises: CheckpointError where there is none.
    """
    if name not in runs():
        raise CheckpointError(f"no run {name[:100]!r} with a {LOG_FILE}; reload the list")
    records = [record for record in read_log(catalog.roots()["run"] / name) if isinstance(record.get("kind"), str)]
    if not records:
        raise CheckpointError(f"{name}: its {LOG_FILE} holds no record yet; wait for the first steps")
    return records


def last_figures(records: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Last]:
    """Of everything that was written down in records of one kind, the last value."""
    found: dict[str, Last] = {}
    for record in records:
        if record["kind"] == kind:
            values = {name: value for name, value in record.items() if name not in SKIPPED}
            found |= {
                name: Last(float(value), int(record["step"]))
                for name, value in values.items()
                if isinstance(value, int | float)
            }
    return found


def rows(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Row]:
    """A row a figure, a cell a run: steps, then the last figures of validations, then of the training."""
    table = [Row("steps", [f"{max(int(record['step']) for record in run):,}" for run in histories.values()])]
    for kind, words in KINDS.items():
        found = [last_figures(run, kind) for run in histories.values()]
        for name in _named(histories, kind):
            table.append(
                Row(title(kind, name), [_cell(figures.get(name)) for figures in found], f"last of the {words}")
            )
    return table


def save_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> list[tuple[str, Path]]:
    """Draw each figure into a picture of its own, a line a run; their titles and files, validations first."""
    made: list[tuple[str, Path]] = []
    cells = {name: [list(records)] for name, records in histories.items()}
    for kind in KINDS:
        for name in _named(histories, kind):
            path, titled = folder / f"curve-{len(made):03}.png", title(kind, name)
            plots.save_curve(cells, name, path, kind=kind, titled=titled)
            made.append((titled, path))
    return made


def title(kind: str, name: str) -> str:
    """A figure in words; that of one direction of a training begins with the direction."""
    direction, _, bare = name.partition("/")
    if kind == "validation":
        return f"{direction}: {figure(bare).title}" if direction in catalog.DIRECTIONS else figure(name).title
    return plots.title(name)


def _named(histories: Mapping[str, Sequence[Mapping[str, Any]]], kind: str) -> list[str]:
    return ranked(list(dict.fromkeys(name for run in histories.values() for name in last_figures(run, kind))))


def _cell(last: Last | None) -> str:
    return "-" if last is None else f"{number(last.value)} at {last.step:,}"


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
