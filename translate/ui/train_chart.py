"""Curves of a training as inline SVG: drawn here, so that nothing is fetched and both themes colour it."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from translate.catalog import DIRECTIONS
from translate.metrics.figures import Figure, figure, ranked

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 320, 150, 44, 20, 8, 10
POINTS = 120
"""Of a curve: each is the mean of as many neighbours as that leaves."""
HEADLINES = 4
PLAYERS = {"disc": "discriminator", "gen": "generator"}

Curve = Sequence[tuple[int, float]]


def charts(losses: Mapping[str, Curve], figures: Mapping[str, Curve], steps: int) -> str:
    """A panel for each headline of quality, then one for each loss; nothing where nothing is logged."""
    quality = [name for name in headlines(list(figures)) if figures[name]]
    panels = [_panel(quality_title(name), figures[name], steps, figure(_plain(name))) for name in quality]
    panels += [_panel(loss_title(name), curve, steps) for name, curve in losses.items() if curve]
    return f'<div class="tr-charts">{"".join(panels)}</div>' if panels else ""


def headlines(names: list[str]) -> list[str]:
    """The figures that say most, of each direction alike; those of single classes are not shown."""
    best = ranked(list(dict.fromkeys(_plain(name) for name in names if not _plain(name).startswith("iou "))))
    return [name for plain in best[:HEADLINES] for name in names if _plain(name) == plain]


def quality_title(name: str) -> str:
    """A figure of quality in words, with the direction where there are two."""
    direction, slash, _ = name.rpartition("/")
    return figure(_plain(name)).title + (f" · {direction}" if slash and direction in DIRECTIONS else "")


def loss_title(name: str) -> str:
    """A logged loss in words."""
    player, slash, term = name.partition("/")
    who, _, side = player.partition("_")
    known = PLAYERS.get(who)
    if not slash or known is None:
        return f"{name.replace('_', ' ')} loss"
    term = term.upper() if term in ("gan", "l1", "ce") else term.replace("_", " ")
    return f"{known} {side.upper()}".strip() + f" · {term} loss"


def _plain(name: str) -> str:
    direction, slash, rest = name.partition("/")
    return rest if slash and direction in DIRECTIONS else name


def _panel(title: str, curve: Curve, steps: int, shown: Figure | None = None) -> str:
    points = thinned(curve)
    low, high = min(value for _, value in points), max(value for _, value in points)
    ticks = nice(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    right = max(steps, points[-1][0], 1)

    def x(step: float) -> str:
        return f"{LEFT + (WIDTH - LEFT - RIGHT) * step / right:.1f}"

    def y(value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share:.1f}"

    text = shown.text if shown else _text
    last = text(points[-1][1])
    grid = "".join(
        f'<path class="tr-grid" d="M{LEFT} {y(tick)}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{y(tick)}" text-anchor="end" dominant-baseline="middle">{_text(tick)}</text>'
        for tick in ticks
    )
    grid += f'<text x="{LEFT}" y="{HEIGHT - 5}">0</text>'
    grid += f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{right:,} steps</text>'
    path = " ".join(f"{x(step)},{y(value)}" for step, value in points)
    dot = f'<circle class="tr-dot" cx="{x(points[-1][0])}" cy="{y(points[-1][1])}" r="3"/>'
    said = f"{title}: {text(points[0][1])} at step {points[0][0]:,}, {last} at step {points[-1][0]:,}"
    return (
        f'<figure class="tr-chart"><figcaption><span>{escape(title)}</span><b>{escape(last)}</b></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">{grid}'
        f'<polyline class="tr-curve" points="{path}"/>{dot}</svg></figure>'
    )


def thinned(curve: Curve) -> list[tuple[float, float]]:
    """At most 120 points: the mean over neighbours; the first and the last stay as they are."""
    span = math.ceil((len(curve) - 2) / (POINTS - 2)) if len(curve) > POINTS else 1
    if span == 1:
        return list(curve)
    inner = [curve[start : min(start + span, len(curve) - 1)] for start in range(1, len(curve) - 1, span)]
    means = [(_mean([p[0] for p in group]), _mean([p[1] for p in group])) for group in inner]
    return [curve[0], *means, curve[-1]]


def nice(low: float, high: float) -> list[float]:
    """Two to five round values that span, or nearly, from `low` to `high`."""
    spread = high - low
    if spread <= abs(high) * 1e-6:
        return [low]
    unit = 10.0 ** math.floor(math.log10(spread / 2))
    step = max(unit * factor for factor in (1, 2, 5) if factor == 1 or unit * factor <= spread / 2)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _text(value: float) -> str:
    """Three digits that mean something."""
    if value and not 0.001 <= abs(value) < 100_000:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _mean(values: list[float] | list[int]) -> float:
    return sum(values) / len(values)
