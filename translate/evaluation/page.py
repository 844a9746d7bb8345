"""An evaluation as a folder to read and to keep: report.md with its tables, report.json, and samples.png."""

import os
from collections.abc import Sequence
from pathlib import Path

from translate import checkpoints, images
from translate.errors import ConfigError
from translate.evaluation.gallery import Gallery
from translate.evaluation.report import Report
from translate.evaluation.table import facts, grouped, rows, titles, unlike
from translate.metrics.figures import figure, ranked

PAGE, RECORD, SHEET = "report.md", "report.json", "samples.png"


def check(out: Path) -> None:
    """Refuse a folder that can't be made or written to, before minutes of scoring end in an error about a name.

    Raises: ConfigError.
    """
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ConfigError(f"--report {out}: {there} {'can not be written to' if there.is_dir() else 'is a file'}")


def write(out: Path, reports: Sequence[Report], gallery: Gallery) -> None:
    """Write the page of `reports` into the folder `out`.

    Raises: ImageError when the sheet can't be written.
    """
    images.save(gallery.sheet(titles([report for report in reports if report.model])), out / SHEET)
    checkpoints.write_json(out / RECORD, record(reports))
    (out / PAGE).write_text(page(reports, gallery.names), encoding="utf-8", errors="backslashreplace")


def record(reports: Sequence[Report]) -> dict[str, object]:
    """The reports as plain values for JSON."""
    return {"reports": [report.as_json() for report in reports]}


def page(reports: Sequence[Report], shown: Sequence[str]) -> str:
    """report.md: what was scored and how, the figures and what they mean, the pictures and what they are of."""
    parts = ["# Evaluation"]
    for group in grouped(reports):
        for report in group:
            first, *rest = facts(report)
            parts.append("\n".join([f"**{_plain(first)}**", "", *(f"- {_plain(line)}" for line in rest)]))
        parts += [_table(group), *map(_plain, unlike(group))]
        names = ranked(list(dict.fromkeys(name for report in group for name in report.scores)))
        meant = [f"- **{figure(name).title}**: {figure(name).about}" for name in names if figure(name).about]
        parts.append("\n".join(meant))
    inputs = ", ".join(f"`{name.replace('`', chr(39))}`" for name in shown)
    parts.append(f"## Pictures\n\n![What was given, what was made of it, and the truth where there is one]({SHEET})")
    parts.append(f"From above: {inputs}.")
    return "\n\n".join(parts) + "\n"


def _table(group: Sequence[Report]) -> str:
    head = ["", *titles(group)]
    lines = [_line(head), f"|---|{'---:|' * len(group)}"]
    for row in rows(group):
        lines.append(_line([f"{row.title} ({row.of})" if row.of else row.title, *row.cells]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown takes as it is: a model or a folder may have any name."""
    for mark in "\\`*_|<[":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.splitlines())
