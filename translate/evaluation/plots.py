"""Plots of a study: curves over steps, figures by cell. Labels stand beside the lines; there is no legend to decode."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from translate.evaluation.intervals import Interval
from translate.metrics.figures import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

Records = Sequence[Mapping[str, float | str]]
Curve = list[tuple[int, float]]

COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa7711", "#66aacc", "#aa3377", "#777777", "#000000", "#dd8833", "#5544bb")
"""Paul Tol's bright set, its yellow darkened, and three more; told apart by most eyes."""
WIDE, HIGH, LOW, DPI = 11.0, 3.2, 1.9, 110
POINTS = 60
"""Points of a curve: each is the mean of as many neighbouring steps as that leaves."""
LINE_HEIGHT, MARGIN = 0.15, 0.6
"""Of a label, and of what is above and below a panel's axes, in inches."""
REACH = 1.4
"""Points are shown from -REACH to REACH on either axis."""
LEFT_OUT = ("lr", "seconds")
LOGARITHMIC = "norm/"
PLAYERS = {"disc": "discriminator", "gen": "generator"}


def save_curves(cells: Mapping[str, Sequence[Records]], path: Path) -> list[str]:
    """Losses and gradient norms over steps: a panel each, a line a cell, the mean over its seeds.

    Returns the names of what was written: nothing where nothing was logged.
    """
    names = logged(cells)
    if not names:
        return []
    drawn, panels = _panels(len(names), HIGH)
    for name, axes in zip(names, panels, strict=True):
        _draw_curves(axes, cells, name, "train", title(name))
    return _written(drawn, path)


def save_curve(cells: Mapping[str, Sequence[Records]], name: str, path: Path, *, kind: str, titled: str) -> None:
    """One figure of one kind of record over steps, a line a cell, small enough for a phone."""
    drawn, (axes,) = _panels(1, HIGH, wide=WIDE / 2)
    _draw_curves(axes, cells, name, kind, titled)
    _written(drawn, path)


def _draw_curves(axes: "Axes", cells: Mapping[str, Sequence[Records]], name: str, kind: str, titled: str) -> None:
    lines = {cell: curve(runs, name, kind) for cell, runs in cells.items()}
    for points, colour in zip(lines.values(), _colours(cells), strict=True):
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.2, marker="o" if len(points) == 1 else "")
    if name.startswith(LOGARITHMIC):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_title(titled, loc="left", fontsize=10)
    axes.set_xlabel("step", fontsize=8)
    axes.locator_params(axis="x", integer=True)
    _label_ends(axes, {cell: points[-1] for cell, points in lines.items() if points}, cells, HIGH)


def save_paths(cells: Mapping[str, Sequence[Records]], name: str, path: Path, *, kind: str) -> list[str]:
    """One figure over steps for more cells than one panel can tell apart: a panel for those that share what stands
    before the last "_" of their names, a line for each of them.

    Returns the names of what was written: nothing where it was looked at only once.
    """
    lines = {cell: curve(runs, name, kind) for cell, runs in cells.items()}
    groups: dict[str, list[str]] = {}
    for cell in cells:
        groups.setdefault(cell.rpartition("_")[0] or cell, []).append(cell)
    if max(len(points) for points in lines.values()) < 2:
        return []
    drawn, panels = _panels(len(groups), LOW, columns=4)
    for (group, members), axes in zip(groups.items(), panels, strict=True):
        for cell, colour in zip(members, _colours(members), strict=True):
            axes.plot(*zip(*lines[cell] or [(0, math.nan)], strict=True), color=colour, linewidth=1.2)
        if kind == "validation":
            axes.set_ylim(-0.03, 1.03)
        if name.startswith(LOGARITHMIC):
            axes.set_yscale("log")
        axes.set_title(
            f"{group}: {figure(name).title if kind == 'validation' else title(name)}", loc="left", fontsize=7
        )
        short = {cell: cell.rpartition("_")[2] for cell in members}
        _label_ends(axes, {short[cell]: lines[cell][-1] for cell in members if lines[cell]}, short.values(), LOW)
    return _written(drawn, path)


def save_points(cells: "Mapping[str, Tensor]", centres: "Tensor", path: Path) -> list[str]:
    """Points of each cell on the modes they should lie on, which are drawn as rings. Shape: (N, 2), and (K, 2)."""
    drawn, panels = _panels(len(cells), LOW, columns=6)
    for (cell, points), axes in zip(cells.items(), panels, strict=True):
        axes.plot(
            *centres.T, "o", markersize=11, markerfacecolor="none", markeredgecolor="#bbbbbb", markeredgewidth=0.7
        )
        axes.plot(*points.T, ".", markersize=1.5, alpha=0.5, color=COLOURS[0])
        axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=(), yticks=(), aspect="equal")
        axes.set_title(cell, fontsize=8)
        axes.spines[:].set_visible(False)
    return _written(drawn, path)


def save_dots(
    cells: Mapping[str, Mapping[str, Interval]], real: Mapping[str, float], path: Path, *, reference: str
) -> list[str]:
    """Figures by cell: a panel each, a dot the mean, a bar the 95 % interval; `reference` names the line at `real`.

    Returns the names of what was written: nothing where there are no figures.
    """
    names = list(dict.fromkeys(name for found in cells.values() for name in found))
    if not names:
        return []
    drawn, panels = _panels(len(names), 0.9 + 0.24 * len(cells))
    for name, axes in zip(names, panels, strict=True):
        for place, (found, colour) in enumerate(zip(cells.values(), _colours(cells), strict=True)):
            if name in found:
                mean, half, _ = found[name]
                bar = None if math.isnan(half) else half
                axes.errorbar(mean, place, xerr=bar, fmt="o", markersize=4, capsize=3, color=colour)
        if name in real:
            axes.axvline(real[name], color="black", linewidth=0.8, linestyle=":")
            axes.text(real[name], -0.75, f"{reference} ", fontsize=7, ha="right", va="center")
        axes.set_yticks(range(len(cells)), list(cells), fontsize=8)
        axes.set_ylim(len(cells) - 0.5, -1.1)  # the first cell on top
        axes.set_title(figure(name).title, loc="left", fontsize=10)
        axes.grid(axis="x", linewidth=0.3)
    return _written(drawn, path)


def curve(runs: Sequence[Records], name: str, kind: str = "train") -> Curve:
    """(step, value): the mean over runs at the steps that all of them logged, then over neighbouring steps."""
    found: dict[int, list[float]] = {}
    for records in runs:
        for record in records:
            if record["kind"] == kind and name in record and math.isfinite(float(record[name])):
                found.setdefault(int(record["step"]), []).append(float(record[name]))
    whole = max((len(values) for values in found.values()), default=0)
    points = [(step, statistics.fmean(values)) for step, values in sorted(found.items()) if len(values) == whole]
    span = math.ceil(len(points) / POINTS) or 1
    groups = [points[start : start + span] for start in range(0, len(points), span)]
    return [(group[len(group) // 2][0], statistics.fmean(value for _, value in group)) for group in groups]


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Heights below 1, as near to those wanted as labels `gap` high can be without overlapping, in the same order."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    blocks: list[list[float]] = []  # centre, count
    for index in order:
        blocks.append([wanted[index], 1])
        while len(blocks) > 1 and blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2:
            (above, more), (below, count) = blocks.pop(), blocks.pop()
            blocks.append([(above * more + below * count) / (more + count), more + count])
    heights = [centre + gap * (place - (count - 1) / 2) for centre, count in blocks for place in range(int(count))]
    top = 1.0
    for place in reversed(range(len(heights))):
        heights[place] = min(heights[place], top)
        top = heights[place] - gap
    placed = dict(zip(order, heights, strict=True))
    return [placed[index] for index in range(len(wanted))]


def _label_ends(axes: "Axes", ends: Mapping[str, tuple[int, float]], cells: Iterable[str], inches: float) -> None:
    """Each cell's name beside the end of its line, in its colour; the panel is `inches` high."""
    low, high = axes.get_ylim()
    scale = math.log if axes.get_yscale() == "log" else float
    shares = [(scale(value) - scale(low)) / (scale(high) - scale(low)) for _, value in ends.values()]
    colours = dict(zip(cells, _colours(cells), strict=True))
    for cell, height in zip(ends, spread(shares, LINE_HEIGHT / (inches - MARGIN)), strict=True):
        axes.text(1.01, height, cell, color=colours[cell], fontsize=7, va="center", transform=axes.transAxes)


def _panels(count: int, height: float, columns: int = 2, wide: float = WIDE) -> "tuple[Figure, list[Axes]]":
    """A figure with that many axes."""
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    drawn = Figure(figsize=(wide, height * rows), dpi=DPI, layout="constrained")
    panels = list(drawn.subplots(rows, columns, squeeze=False).flat)
    for axes in panels[:count]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(which="both", labelsize=7)
    for spare in panels[count:]:
        spare.set_visible(False)
    return drawn, panels[:count]


def _written(drawn: "Figure", path: Path) -> list[str]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(drawn)
    drawn.savefig(path, metadata={"Software": None})
    return [path.name]


def logged(cells: Mapping[str, Sequence[Records]], kind: str = "train") -> list[str]:
    """Names of what was logged in training or validations, losses first."""
    records = [record for runs in cells.values() for run in runs for record in run if record["kind"] == kind]
    names = dict.fromkeys(name for record in records for name in record if name not in ("kind", "step", *LEFT_OUT))
    return sorted(names, key=lambda name: name.startswith(LOGARITHMIC))


def title(name: str) -> str:
    """What was logged in training, in words: "disc/gan" is the GAN loss of the discriminator."""
    player, _, term = name.partition("/")
    if not term:
        return figure(name).title
    if player == "norm":
        return f"gradient norm of the {term}"
    return f"{term.upper() if term in ('gan', 'l1', 'ce') else term} loss of the {PLAYERS.get(player, player)}"


def _colours(cells: Iterable[str]) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place, _ in enumerate(cells)]
