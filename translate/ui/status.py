"""Pieces of HTML about work: how far it is, what came of it, what could not be done. Every word is escaped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Stage:
    """How far it is: in words, and as a share in [0, 1] where that is known."""

    text: str
    share: float | None = None


Tell = Callable[[Stage], None]


def bar(stage: Stage) -> str:
    """A stage as HTML that screen readers follow."""
    value = "" if stage.share is None else f' value="{min(max(stage.share, 0.0), 1.0):.4f}"'
    shown = f'<progress max="1"{value} aria-label="Progress"></progress>'
    return f'<div class="tr-status" role="status">{shown}<p>{escape(stage.text)}</p></div>'


def note(text: str, kind: str = "") -> str:
    """A line of plain text in place of the bar; `kind` is "done" for good news."""
    return f'<p class="tr-told {kind}" role="status">{escape(text)}</p>' if text else ""


def status(done: float, total: float, text: str) -> str:
    """A bar and a line about work under way."""
    bar = f'<progress value="{done:g}" max="{max(total, 1):g}" aria-label="Progress"></progress>'
    return f'<div class="tr-status" role="status">{bar}<p>{escape(text)}</p></div>'


def told_status(text: str) -> str:
    """A line about work that has ended."""
    return f'<div class="tr-status" role="status"><p>{escape(text)}</p></div>'


def remaining(seconds: float) -> str:
    """A duration in words, coarse as an estimate is."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def failures(failed: Sequence[tuple[str, str]], shown: int = 50) -> str:
    """The files that could not be translated, each with the reason."""
    if not failed:
        return ""
    rows = "".join(f"<li><b>{escape(name)}</b> {escape(reason)}</li>" for name, reason in failed[:shown])
    more = f"<li>and {len(failed) - shown} more</li>" if len(failed) > shown else ""
    return f'<div class="tr-failed" role="alert"><h3>Not translated</h3><ul>{rows}{more}</ul></div>'
