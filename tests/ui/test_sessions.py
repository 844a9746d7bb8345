"""Many visitors at once: each gets its own result, and none can have another's (row 13)."""

import hashlib
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio import processing_utils
from PIL import Image

import translate
from tests.reliability.figures import Record, count
from tests.ui.test_guard import META, functions, join, upload
from tests.ui.tiny_page import Served, draw
from translate import images
from translate.ui import guard


def visit(served: Served, photo: Path, jobs: int) -> list[bytes]:
    """The results of a visitor that asks as the page does, with the hash of its own session."""
    results = []
    with httpx.Client(base_url=served.url.rstrip("/"), timeout=300) as http:
        number = next(n for n, kinds in functions(http).items() if kinds == ["textbox", "image", "textbox"])
        for _ in range(jobs):
            message = join(http, number, ["tiny-picture", {"path": upload(http, photo), "meta": META}, "auto"])
            result = message["output"]["data"][0]
            results.append(http.get(f"/gradio_api/file={result['path']}").raise_for_status().content)
    return results


def test_every_visitor_gets_its_own_results_and_no_other_s(
    served: Served, tmp_path: Path, record_figure: Record
) -> None:
    visitors, jobs = count(50, 6), count(20, 3)
    photos = [tmp_path / f"{number}" / "photo.png" for number in range(visitors)]  # all of one name
    for number, photo in enumerate(photos):
        photo.parent.mkdir()
        images.save(draw(40, 40, seed=number), photo)
    with ThreadPoolExecutor(visitors) as pool:
        results = list(pool.map(lambda photo: visit(served, photo, jobs), photos))
    model = translate.load(served.home / "models" / "tiny-picture")
    for number, photo in enumerate(photos):
        images.save(model(photo), tmp_path / "expected.png")
        expected = images.read_array(tmp_path / "expected.png")
        for result in results[number]:
            (tmp_path / "result.png").write_bytes(result)
            np.testing.assert_array_equal(images.read_array(tmp_path / "result.png"), expected)
    assert len({result for own in results for result in own}) == visitors
    record_figure(13, "jobs", visitors * jobs)
    record_figure(13, "results of another", 0)


def test_who_knows_a_picture_still_does_not_know_its_address(served: Served) -> None:
    """Gradio names files by a hash of their content, and of a seed that lies beside its code."""
    data = served.photo.read_bytes()
    with httpx.Client(base_url=served.url.rstrip("/")) as http:
        stored = upload(http, served.photo)
        assert http.get(f"/gradio_api/file={stored}").status_code == 200
        seed = Path(processing_utils.__file__).with_name("hash_seed.txt")
        for known in (b"", seed.read_bytes().strip() if seed.exists() else b"0"):
            guess = guard.own_folder() / hashlib.sha256(known + data).hexdigest() / Path(stored).name
            assert http.get(f"/gradio_api/file={guess}").status_code == 403
    assert len(processing_utils.hash_seed) == 32


@pytest.mark.parametrize("path", ["", "/", "/*", "/..", "/./", "/examples"])
def test_no_folder_lists_what_others_have_there(served: Served, path: str) -> None:
    answer = httpx.get(f"{served.url}gradio_api/file={guard.own_folder()}{path}")
    assert answer.status_code in (403, 404)


def test_events_and_state_of_a_session_are_not_had_without_its_hash(served: Served) -> None:
    with httpx.Client(base_url=served.url.rstrip("/"), timeout=30) as http:
        image = {"path": upload(http, served.photo), "meta": META}
        number, kinds = next((n, kinds) for n, kinds in functions(http).items() if {"image", "slider"} <= set(kinds))
        values: dict[str, object] = {"image": image, "radio": "auto", "slider": 0.5}
        assert join(http, number, [values.get(kind, "tiny-labels") for kind in kinds])["success"]
        blend = next(n for n, kinds in functions(http).items() if kinds == ["state", "slider"])
        # Another's session has no comparison: the slider moves nothing.
        message = join(http, blend, [None, 0.9])
        assert message["success"]
        assert str(guard.own_folder()) not in json.dumps(message)
        for session in (uuid.uuid4().hex, "", "*", "None"):
            told = b""
            with (
                suppress(httpx.HTTPError),
                http.stream(  # Gradio breaks the stream off
                    "GET", "/gradio_api/queue/data", params={"session_hash": session}
                ) as stream,
            ):
                for part in stream.iter_raw():
                    told += part
            assert b"process_completed" not in told
            assert str(guard.own_folder()).encode() not in told


def test_a_result_is_told_to_one_listener_alone(served: Served) -> None:
    """The number of an event serves once."""
    with httpx.Client(base_url=served.url.rstrip("/"), timeout=30) as http:
        body: dict[str, Any] = {"data": ["tiny-labels", {"path": upload(http, served.photo), "meta": META}, "auto"]}
        event = http.post("/gradio_api/call/apply", json=body).json()["event_id"]
        assert "event: complete" in http.get(f"/gradio_api/call/apply/{event}").text
        got: list[str] = []

        def again() -> None:
            try:
                got.append(http.get(f"/gradio_api/call/apply/{event}", timeout=3).text)
            except httpx.HTTPError:
                got.append("")

        thread = threading.Thread(target=again)
        thread.start()
        thread.join()
    assert "complete" not in got[0]


def test_a_result_carries_nothing_of_the_photo_but_its_pixels(served: Served, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif[0x9286] = "Secret Comment"
    draw(60, 80).save(tmp_path / "photo.jpg", exif=exif, comment=b"Secret Comment", icc_profile=b"Secret Profile")
    [result] = visit(served, tmp_path / "photo.jpg", 1)
    assert b"Secret" not in result
    assert b"eXIf" not in result
