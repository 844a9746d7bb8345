"""What the Edit and Generate tabs do with values that no slider gives: a request of a stranger's own may hold any."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ui.test_guard import META, join, upload
from tests.ui.tiny_page import Served, draw
from translate import images
from translate.errors import ConfigError
from translate.ui import edit_work, generate_work

PHOTO, EDIT, FREE = "Steps towards the photo", "Compared with", "Truncation"
"""A label that only the event's own form has."""


def begun(*given: Any, **named: Any) -> None:
    asked = [one.steps for one in given if isinstance(one, edit_work.Asked)]
    steps = named["steps"] if "steps" in named else [*asked, *given[3:4]][0]
    raise ConfigError(f"begun with {steps}")


@pytest.fixture(autouse=True)
def _begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of what would take steps: what it was asked for."""
    monkeypatch.setattr(edit_work, "begin_photo", begun)
    monkeypatch.setattr(edit_work, "edit", begun)
    monkeypatch.setattr(generate_work, "of_words", begun)


def sent(http: httpx.Client, form: str, values: dict[str, object]) -> str:
    """The error that the form's event ends with, sent with what its components show but for `values`."""
    config = http.get("/config").json()
    parts = {component["id"]: component["props"] for component in config["components"]}
    events = {event["id"]: [parts[i] for i in event["inputs"]] for event in config["dependencies"]}
    known = {number: inputs for number, inputs in events.items() if form in [part.get("label") for part in inputs]}
    number = max(known, key=lambda number: len(known[number]))
    data = [values.get(part.get("label"), part.get("value")) for part in known[number]]
    error: str = join(http, number, data)["output"]["error"]
    return error


@pytest.mark.parametrize(
    ("form", "label", "limits"), [(PHOTO, PHOTO, (0, 300)), (EDIT, "Steps", (5, 300)), (FREE, "Steps", (10, 300))]
)
def test_a_request_for_more_steps_than_the_slider_has_is_refused(
    http: httpx.Client, served: Served, form: str, label: str, limits: tuple[int, int], tmp_path: Path
):
    least, most = limits
    images.save(draw(40, 40, seed=3), tmp_path / "photo.png")
    photo = {"path": upload(http, tmp_path / "photo.png"), "meta": META}
    values: dict[str, object] = {"Photo": photo, "What": "words", "What to see": "an old man"}
    for steps in limits:
        assert sent(http, form, values | {label: steps}) == f"begun with {steps}"
    for steps in (10**9, most + 1, least - 1, "9", True, None):
        said = f"steps is {str(steps)!r}; take a whole number from {least} to {most}"
        assert sent(http, form, values | {label: steps}).replace("&#x27;", "'") == said
