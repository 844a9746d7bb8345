"""The events of many photos, folders, clips and comparisons as raw requests: what they refuse, and when they end."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ui.test_guard import META, functions, join, upload
from tests.ui.tiny_page import Served, TinyModels, draw
from translate.ui import batch_tab, guard
from translate.ui.app import build
from translate.ui.batch import Batch
from translate.ui.settings import Settings

INPUTS = {
    "many photos": ["dropdown", "file", "radio"],
    "a clip": ["dropdown", "video", "slider", "slider"],
    "several models": ["dropdown", "image"],
}


def number_of(http: httpx.Client, kinds: list[str]) -> int:
    return next(number for number, found in functions(http).items() if found == kinds)


@pytest.mark.parametrize("what", INPUTS)
@pytest.mark.parametrize("extra", [{}, {"meta": META}])
def test_no_file_that_was_not_uploaded_is_opened(
    http: httpx.Client, tmp_path: Path, what: str, extra: dict[str, Any]
) -> None:
    draw(40, 40).save(tmp_path / "secret.png")
    payload: Any = {"path": str(tmp_path / "secret.png"), **extra}
    kinds = INPUTS[what]
    values = {
        "file": [payload],
        "video": payload,
        "image": payload,
        "radio": "auto",
        "slider": 1,
        "dropdown": "tiny-labels",
    }
    message = join(http, number_of(http, kinds), [values[kind] for kind in kinds])
    assert message["success"] is False
    assert message["output"]["error"] == guard.NOT_UPLOADED


def test_a_visitor_who_leaves_ends_the_work_and_frees_the_slot(
    http: httpx.Client, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[float] = []

    def slow(*given: Any, **limits: Any) -> Batch:
        cancelled: Callable[[], bool] = given[-1]
        while not cancelled():
            time.sleep(0.02)
        ended.append(time.monotonic())
        return Batch()

    monkeypatch.setattr(batch_tab, "translate_files", slow)
    file, session = {"path": upload(http, served.photo), "meta": META}, uuid.uuid4().hex
    number = number_of(http, INPUTS["many photos"])
    data = {"data": ["tiny-labels", [file], "auto"], "fn_index": number, "session_hash": session}
    http.post("/gradio_api/queue/join", json=data).raise_for_status()
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if '"process_generating"' in line:
                break
    left = time.monotonic()
    from tests.ui.test_guard import call

    assert "event: complete" in call(http, {"path": upload(http, served.photo), "meta": META})
    assert ended
    assert ended[0] - left < 2
    assert time.monotonic() - left < 20


def test_strangers_have_no_folders_and_the_owner_has_with_a_root(tmp_path: Path) -> None:
    def labels(settings: Settings) -> set[str]:
        return {str(getattr(block, "label", "")) for block in build(TinyModels(), settings).blocks.values()}

    assert "Folder for the results" in labels(Settings(data_root=tmp_path))
    for settings in (Settings(), Settings(public=True), Settings(public=True, data_root=tmp_path)):
        assert "Folder for the results" not in labels(settings)
    assert "A folder on this machine" in labels(Settings())
    assert "A folder on this machine" not in labels(Settings(public=True))
