"""Tables of figures as HTML: a row a figure, a column a model or a run."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from translate.evaluation.report import Report
    from translate.evaluation.table import Row


def table(heads: Sequence[str], rows: "Sequence[Row]", caption: str) -> str:
    """Rows below the titles of their columns; what several have in common stands above them."""
    columns = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    bodies = []
    for of, part in groupby(rows, lambda row: row.of):
        shared = (
            f'<tr class="tr-of"><th colspan="{len(heads) + 1}" scope="rowgroup">{escape(of)}</th></tr>' if of else ""
        )
        lines = "".join(map(_line, part))
        bodies.append(f"<tbody>{shared}{lines}</tbody>")
    return (
        f'<div class="tr-wide"><table class="tr-table"><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{columns}</tr></thead>{''.join(bodies)}</table></div>"
    )


def _line(row: "Row") -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
    return f'<tr><th scope="row">{escape(row.title)}</th>{cells}</tr>'


def of_reports(reports: "Sequence[Report]") -> str:
    """Everything an evaluation found: a table a kind of target, what was scored and how, and what figures mean."""
    from translate.evaluation.table import facts, grouped, rows, titles, unlike
    from translate.metrics.figures import figure, ranked

    parts = []
    for group in grouped(reports):
        parts.append(table(titles(group), rows(group), "Figures, a column a model"))
        parts += [f'<p class="tr-told">{escape(line)}</p>' for line in unlike(group)]
        told = [line for report in group for line in facts(report)]
        parts.append(_folded("How they were scored", "".join(f"<p>{escape(line)}</p>" for line in told)))
        names = ranked(list(dict.fromkeys(name for report in group for name in report.scores)))
        meant = "".join(
            f"<p><b>{escape(figure(name).title)}</b>: {escape(figure(name).about)}</p>"
            for name in names
            if figure(name).about
        )
        parts.append(_folded("What the figures mean", meant))
        parts += [_folded(f"Where each class's pixels went: {r.title}", _confusion(r)) for r in group if r.confusion]
    return "".join(parts)


def _confusion(report: "Report") -> str:
    from translate.evaluation.table import Row

    names = [score.name for score in report.classes]
    rows = []
    for name, counts in zip(names, report.confusion, strict=True):
        total = sum(counts)
        rows.append(Row(name, [f"{100 * count / total:.1f}" if total else "-" for count in counts]))
    return table(names, rows, "In per cent: rows are the truth, columns what the model said")


def _folded(title: str, body: str) -> str:
    return f'<details class="tr-folded"><summary>{escape(title)}</summary>{body}</details>' if body else ""
