"""What the page keeps is deleted after an hour, whoever left it there."""

import asyncio
import time
import uuid
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.ui.test_guard import META, functions, join, upload
from tests.ui.tiny_page import Served, draw
from translate import images
from translate.ui import guard
from translate.ui import sweep as clock
from translate.ui.sweep import sweep, sweeping

LATER = guard.KEEP_SECONDS + 60


def lying() -> set[Path]:
    return set(guard.own_folder().rglob("*"))


def test_every_file_of_a_run_goes_after_an_hour_and_what_was_there_before_stays(served: Served, tmp_path: Path) -> None:
    # A photo of this test's own: one that others have uploaded lies there already.
    images.save(draw(70, 110, seed=uuid.uuid4().int % 2**32), tmp_path / "own.png")
    before = lying()
    stray = guard.own_folder() / f"broken-upload-{uuid.uuid4().hex}"
    stray.write_bytes(b"half of a picture")
    with httpx.Client(base_url=served.url.rstrip("/"), timeout=30) as http:
        number, kinds = next(
            (n, kinds) for n, kinds in functions(http).items() if kinds[:4] == ["dropdown", "image", "radio", "slider"]
        )
        image = {"path": upload(http, tmp_path / "own.png"), "meta": META}
        values: dict[str, object] = {"image": image, "radio": "auto", "slider": 0.5}
        assert join(http, number, [values.get(kind, "tiny-labels") for kind in kinds])["success"]
    made = {path for path in lying() - before if path.is_file()}
    assert len(made) == 6  # the stray, the upload, the download, before, after, overlay
    sweep(served.page, before)
    assert made <= lying()
    assert sweep(served.page, before, time.time() + LATER) == 6
    assert {path for path in lying() if path.is_file()} == {path for path in before if path.is_file()}
    assert set().union(*served.page.temp_file_sets) & set(map(str, made)) == set()


def test_what_is_worked_on_stays_however_long_and_goes_when_the_work_has_broken_off(served: Served) -> None:
    before = lying()
    folder = guard.own_folder() / f"data-{uuid.uuid4().hex}"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "1.png").touch()
    (beside := folder.with_name(f"{folder.name}-2")).touch()
    later = time.time() + LATER
    with suppress(ZeroDivisionError), clock.at_work(folder):
        assert sweep(served.page, before, later) == 1
        assert lying() - before == {folder, folder / "a", folder / "a" / "1.png"}
        raise ZeroDivisionError
    assert not beside.exists()
    assert sweep(served.page, before, later) == 1
    assert lying() - before == set()


def test_a_link_is_deleted_and_not_what_it_points_at(served: Served, tmp_path: Path) -> None:
    before = lying()
    (tmp_path / "kept").write_text("not the page's")
    link = guard.own_folder() / f"link-{uuid.uuid4().hex}"
    link.symlink_to(tmp_path)
    sweep(served.page, before, time.time() + LATER)
    assert not link.is_symlink()
    assert (tmp_path / "kept").exists()


def test_a_running_server_sweeps_and_keeps_what_it_began_with(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [Path(block.samples[0][0]["path"]) for block in served.page.blocks.values() if hasattr(block, "samples")]
    assert examples
    late = guard.own_folder() / f"late-{uuid.uuid4().hex}"
    monkeypatch.setattr(clock, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(clock, "KEEP_SECONDS", -60)

    async def serve() -> None:
        async with sweeping(served.page)(None):
            late.touch()
            while late.exists():
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(serve(), 20))
    assert all(path.is_file() for path in examples)
