"""Reports side by side: what was scored, and a row a figure, for the terminal and for a page alike."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from translate.evaluation.report import Report
from translate.interop import inception
from translate.metrics.figures import Figure, figure, ranked

BIASED = "†"
BIASED_MEANS = f"{BIASED} biased by few pictures: compare it only with figures of as many"


class Row(NamedTuple):
    """One figure: a cell a report. `of` is what several rows have in common, the feature space of all distances."""

    title: str
    cells: list[str]
    of: str = ""


def grouped(reports: Sequence[Report]) -> list[list[Report]]:
    """Reports that stand in one table: of one kind of target with the same classes, measured in one space."""
    groups: dict[tuple[str, ...], list[Report]] = {}
    for report in reports:
        key = (report.target, report.space, *(score.name for score in report.classes))
        groups.setdefault(key, []).append(report)
    return list(groups.values())


def titles(reports: Sequence[Report]) -> list[str]:
    """What stands above their columns; models of one name are told apart by what their weights' SHA-256 begins with."""
    names = [report.title for report in reports]
    return [
        f"{name} {report.sha256[:6]}" if names.count(name) > 1 else name
        for name, report in zip(names, reports, strict=True)
    ]


def facts(report: Report) -> list[str]:
    """Who was scored on what and how, a line each."""
    void = f", {report.void:,} void left out" if report.void else ""
    pixels = f", {report.pixels:,} pixels{void}" if report.pixels else ""
    notes = [f"note: {note}" for note in report.notes]
    notes += [BIASED_MEANS] if report.biased else []
    if not report.model:
        judged, real = report.counts
        pairs = f", {report.pairs} pairs{pixels}" if report.pairs else ""
        heading = f"{report.data} against {report.against}: {judged} and {real} pictures{pairs}"
        return [heading, f"protocol: {report.protocol}", *notes]
    scored = f"{report.pairs} {'inputs' if report.target == 'domain' else 'pairs'}"
    return [
        f"{report.model}: {scored} of {report.data} ({report.split}){pixels}",
        f"protocol: {report.protocol}",
        f"model {report.sha256[:12]}, step {report.step}, {report.device} {report.precision}, "
        f"{report.seconds:.1f} s, {report.milliseconds:.0f} ms a picture",
        *notes,
    ]


def unlike(group: Sequence[Report]) -> list[str]:
    """A line that says why the models of a table don't quite compare, where they don't."""
    if len({report.inputs for report in group}) > 1:
        others = "each model was scored on pictures of its own"
        return [f"note: {others}, so that figures don't quite compare; --split test or all takes the same for all"]
    if len({report.protocol for report in group}) > 1:
        return ["note: the models were scored by different protocols, so that figures don't quite compare; see --at"]
    return []


def rows(group: Sequence[Report]) -> list[Row]:
    """The figures of a group: those of pairs and looks, those of a feature space, and IoU by class."""
    names = ranked(list(dict.fromkeys(name for report in group for name in report.scores)))
    spaced = [name for name in names if figure(name).in_space]
    found = [Row(_titled(figure(name)), _cells(group, name)) for name in names if name not in spaced]
    if group[0].space:
        space = f"feature space {group[0].space}"
        counts = [" and ".join(f"{count:,}" for count in report.counts) for report in group]
        found.append(Row("judged and real pictures", counts, space))
        published = group[0].space == inception.NAME
        found += [Row(_titled(figure(name), published), _cells(group, name), space) for name in spaced]
    for index, score in enumerate(group[0].classes):
        found.append(Row(score.name, [number(report.classes[index].iou) for report in group], "IoU"))
    return found


def indented(table: Sequence[Row]) -> Iterator[Row]:
    """The rows as a terminal shows them: what several have in common above them."""
    for of, part in groupby(table, lambda row: row.of):
        if of:
            yield Row(of, [])
        for row in part:
            yield Row(f"  {row.title}" if of else row.title, row.cells)


def number(value: float) -> str:
    """Four digits or decimals; "-" for what is undefined."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 1000 and math.isfinite(value):
        return f"{value:,.0f}"
    # A kernel distance may be a few thousandths.
    return f"{value:.2f}" if abs(value) >= 2 else f"{value:.4f}" if abs(value) >= 0.01 or not value else f"{value:.3g}"


def _cells(group: Sequence[Report], name: str) -> list[str]:
    return [_cell(report, name) for report in group]


def _cell(report: Report, name: str) -> str:
    if name not in report.scores:
        return "-"
    error = f" ± {report.errors[name]:.2g}" if name in report.errors else ""
    return f"{number(report.scores[name])}{error}{f' {BIASED}' if name in report.biased else ''}"


def _titled(shown: Figure, published: bool = False) -> str:
    aside = shown.of_inception if published else shown.unit.replace("%", "")
    return f"{shown.title} ({aside})" if aside else shown.title
