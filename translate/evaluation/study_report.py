"""What a study found, to read and to look at: study.md, plots of curves and figures, a sheet of translations."""

import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from translate import checkpoints, images, presets
from translate.config import TrainConfig
from translate.data.mixtures import MIXTURES
from translate.evaluation import fcn_score, plots
from translate.evaluation.intervals import Interval, interval
from translate.evaluation.study import RECORD, Study, folder
from translate.evaluation.study_grids import told
from translate.evaluation.study_run import Row
from translate.evaluation.study_sheet import points, settings_of, sheet
from translate.metrics.figures import figure, ranked
from translate.trainers import run
from translate.trainers.logs import read_log

TABLE, SHEET, CURVES, DOTS = "study.md", "study.png", "curves.png", "figures.png"
REAL = "real photos"
OWN = ("steps", "seed", "log_every", "validate_every", "sample_every", "save_every")
"""Settings that are the study's own, no cell's."""


def write_report(
    study: Study, configs: Mapping[str, TrainConfig], out: Path, *, to: Path | None = None, device: str = "auto"
) -> list[str]:
    """Write table, plots and sheet of the study in `out`, and the same `to` another folder; returns the files' names.

    What goes there is made to be shown: the sheet has translations alone, no picture of the data, and study.json names
    the data by their folder's name.
    """
    cells = by_cell(study, configs)
    dots = {name: figures(rows) for name, rows in cells.items()}
    names = plots.save_dots(dots, study.real, out / DOTS, reference=REAL)
    names += _curves({name: [folder(out, name, row.seed) for row in rows] for name, rows in cells.items()}, out)
    shown = {
        name: folder(out, name, 0)
        for name, rows in cells.items()
        if any(row.seed == 0 and not row.failed for row in rows)
    }
    names += _sheet(shown, out / SHEET, device, data=True)
    (out / TABLE).write_text(page(study, configs, cells, names), encoding="utf-8")
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
        for name in (TABLE, *names):
            shutil.copyfile(out / name, to / name)
        _sheet(shown, to / SHEET, device, data=False)  # the data's own pictures may not be ours to hand on
        checkpoints.write_json(to / RECORD, _without_paths(study).model_dump(mode="json"))
    return [TABLE, *names]


def _curves(runs: Mapping[str, Sequence[Path]], out: Path) -> list[str]:
    """What was logged over steps: in one picture, or where there are too many cells for that in one for each figure."""
    cells = {name: [read_log(one) for one in folders] for name, folders in runs.items()}
    if len(cells) <= len(plots.COLOURS):
        return plots.save_curves(cells, out / CURVES)
    names = []
    for kind, figure_name in [
        ("validation", "modes"),
        ("validation", "good"),
        *(("train", n) for n in plots.logged(cells)),
    ]:
        path = out / f"{Path(CURVES).stem}-{figure_name.replace('/', '-')}.png"
        names += plots.save_paths(cells, figure_name, path, kind=kind)
    return names


def _sheet(runs: Mapping[str, Path], path: Path, device: str, *, data: bool) -> list[str]:
    """What the cells make, as pictures or points; nothing where all failed."""
    if not runs:
        return []
    mixture = settings_of(next(iter(runs.values()))).data.mixture
    if mixture is not None:
        return plots.save_points(points(runs, device), MIXTURES[mixture].centres, path)
    images.save(sheet(runs, device, data=data), path)
    return [path.name]


def by_cell(study: Study, names: Iterable[str]) -> dict[str, list[Row]]:
    """The outcomes of each cell by seed, of the seeds asked for."""
    rows = sorted((row for row in study.rows if row.seed < study.seeds), key=lambda row: row.seed)
    return {name: [row for row in rows if row.name == name] for name in names}


def table_of(study: Study, names: Iterable[str]) -> str:
    """The study's table, in Markdown."""
    return table(by_cell(study, names), study.real)


def figures(rows: Sequence[Row]) -> dict[str, Interval]:
    """Each figure over the seeds that have it."""
    names = ranked(list(dict.fromkeys(name for row in rows for name in row.figures)))
    return {name: interval([row.figures[name] for row in rows if name in row.figures]) for name in names}


def table(cells: Mapping[str, Sequence[Row]], real: Mapping[str, float]) -> str:
    """A Markdown row a cell: means over seeds, with intervals where there are several."""
    rows = [row for found in cells.values() for row in found]
    names = ranked(list(dict.fromkeys(name for row in rows for name in row.figures)))
    head = ["", "runs", "ms a step", "steps", "peak MiB", *(figure(name).title for name in names)]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [_line(name, found, names) for name, found in cells.items() if found]
    if real:
        cost = ["-"] * 4
        values = [figure(name).text(real[name]) if name in real else "-" for name in names]
        lines.append(f"| {' | '.join([REAL, *cost, *values])} |")
    return "\n".join(lines)


def _line(name: str, rows: Sequence[Row], names: Sequence[str]) -> str:
    done = [row for row in rows if not row.failed]
    found = figures(rows)
    timed = [row for row in rows if row.steps]
    runs = f"{len(done)}" if len(done) == len(rows) else f"{len(done)} of {len(rows)}"
    pace = f"{sum(row.ms_a_step for row in timed) / len(timed):.0f}" if timed else "-"
    steps = f"{round(sum(row.steps for row in timed) / len(timed)):,}" if timed else "-"
    peaks = [row.peak_memory_mib for row in timed if row.peak_memory_mib is not None]
    memory = f"{max(peaks):,.0f}" if peaks else "-"
    values = [_text(key, found[key]) if key in found else "-" for key in names]
    return f"| {' | '.join([name, runs, pace, steps, memory, *values])} |"


def _text(name: str, found: Interval) -> str:
    """41.5 ± 2.1 %: both with as many decimals."""
    text = figure(name).text(found.mean)
    if math.isnan(found.half):
        return text
    mean, _, unit = text.partition(" ")
    half = found.half * (100 if unit == "%" else 1)
    return f"{mean} ± {half:.{len(mean.partition('.')[2])}f} {unit}".rstrip()


def page(
    study: Study, configs: Mapping[str, TrainConfig], cells: Mapping[str, Sequence[Row]], pictures: Sequence[str]
) -> str:
    """study.md."""
    budget = f"{study.steps:,} steps" if study.steps else f"{study.minutes:g} minutes of training"
    parts = [
        f"# Study {study.grid!r}: {budget} for each cell and seed",
        table(cells, study.real),
        "\n".join(_notes(study, cells)),
        *(f"![{Path(name).stem}]({name})" for name in pictures),
        "## Cells",
        "\n".join(_settings(configs)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _notes(study: Study, cells: Mapping[str, Sequence[Row]]) -> list[str]:
    rows = [row for found in cells.values() for row in found]
    machine = study.machine
    data = _without_paths(study).source
    named = data.root or (f"{data.a} and {data.b}" if data.a else "drawn")
    against = "; ".join(dict.fromkeys(row.against for row in rows if row.against))
    lines = [f"Data: {named}. Figures by the model of the last step: {against}."]
    if study.seeds > 1:
        lines.append(
            f"Seeds 0 to {study.seeds - 1}, on the same data. Mean ± half of the 95 % interval of the mean: "
            "t(n - 1) s / √n by Student's t, of the n runs that ended."
        )
    else:
        lines.append("One seed: no intervals, and small differences mean nothing.")
    if study.scorer:
        lines.append(f"FCN-score: {fcn_score.PROTOCOL.format(scorer=_without_paths(study).scorer)}.")
    where = f"torch {machine['torch']} on {machine.get('gpu', machine['device'])}"
    lines.append(f"{machine['threads']} of {machine['cores']} cores of {machine['processor']}, {where}.")
    lines += [f"{row.name}, seed {row.seed}, step {row.steps}: {row.failed}." for row in rows if row.failed]
    return [f"- {line}" for line in lines]


def _settings(configs: Mapping[str, TrainConfig]) -> list[str]:
    """What each cell changes in its preset."""
    lines = []
    for name, config in configs.items():
        usual = presets.preset(config.preset).replace(**{key: getattr(config, key) for key in OWN})
        lines.append(f"- **{name}**: `{config.preset}` with {told(config, usual) or 'nothing changed'}")
    return lines


def _without_paths(study: Study) -> Study:
    named = {side: Path(path.name) for side, path in study.source if path is not None}
    return study.model_copy(update={"source": run.Source(**named), "scorer": study.scorer and Path(study.scorer).name})
