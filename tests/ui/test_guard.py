"""Raw requests, as an attacker would send them: no file but an uploaded one is read, and no address is fetched."""

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from tests.reliability.figures import Record
from tests.ui.tiny_page import Served, draw
from translate.ui import guard

META = {"_type": "gradio.FileData"}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture on the server that nobody uploaded."""
    draw(40, 40, seed=7).save(tmp_path / "secret.png")
    return tmp_path / "secret.png"


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and the paths it has been asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/picture.png", asked
    server.shutdown()
    server.server_close()


def events(stream: str) -> list[Any]:
    """The data of a server-sent-event stream."""
    return [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]


def call(http: httpx.Client, image: object, model: object = "tiny-labels") -> str:
    """Ask /apply by the plain API and give the raw answer."""
    joined = http.post("/gradio_api/call/apply", json={"data": [model, image, "auto"]})
    if joined.status_code != 200:
        return joined.text
    return http.get(f"/gradio_api/call/apply/{joined.json()['event_id']}").text


def join(http: httpx.Client, function: int, data: list[object]) -> dict[str, Any]:
    """Put an event of the page itself into the queue and give its last message."""
    session = uuid.uuid4().hex
    joined = http.post("/gradio_api/queue/join", json={"data": data, "fn_index": function, "session_hash": session})
    assert joined.status_code == 200, joined.text
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: ") and '"process_completed"' in line:
                message: dict[str, Any] = json.loads(line[6:])
                return message
    raise AssertionError("the queue gave no answer")


def functions(http: httpx.Client) -> dict[int, list[str]]:
    """Every event of the page, by number, with the kinds of its inputs."""
    config = http.get("/config").json()
    kinds = {component["id"]: component["type"] for component in config["components"]}
    return {event["id"]: [kinds[i] for i in event["inputs"]] for event in config["dependencies"]}


def upload(http: httpx.Client, path: Path) -> str:
    with path.open("rb") as file:
        stored: str = http.post("/gradio_api/upload", files={"files": file}).json()[0]
    return stored


def test_the_plain_api_translates_an_uploaded_photo(http: httpx.Client, served: Served) -> None:
    answer = call(http, {"path": upload(http, served.photo), "meta": META})
    assert "event: complete" in answer
    assert events(answer)[-1][1]["model"] == "tiny-labels"


@pytest.mark.parametrize("extra", [{}, {"meta": META}, {"meta": META, "is_stream": True}, {"orig_name": "x.svg"}])
def test_the_api_opens_no_file_that_was_not_uploaded(http: httpx.Client, secret: Path, extra: dict[str, Any]) -> None:
    answer = call(http, {"path": str(secret), **extra})
    assert "event: error" in answer
    assert guard.NOT_UPLOADED in answer


@pytest.mark.parametrize("extra", [{}, {"meta": META}])
def test_no_event_of_the_page_opens_a_file_that_was_not_uploaded(
    http: httpx.Client, secret: Path, extra: dict[str, Any]
) -> None:
    payload = {"path": str(secret), **extra}
    tried = {number: kinds for number, kinds in functions(http).items() if {"image", "uploadbutton"} & set(kinds)}
    assert len(tried) >= 4  # the tab's own and /apply, and what a drawing begins with
    for number, kinds in tried.items():
        values: dict[str, object] = {"image": payload, "uploadbutton": payload, "radio": "auto", "slider": 0.5}
        message = join(http, number, [values.get(kind, "tiny-labels") for kind in kinds])
        assert message["success"] is False
        assert message["output"]["error"] == guard.NOT_UPLOADED


def test_a_file_hidden_in_another_input_is_found(http: httpx.Client, secret: Path) -> None:
    answer = call(http, None, model={"deep": [{"path": str(secret)}]})
    assert guard.NOT_UPLOADED in answer


def test_nothing_outside_is_copied_into_the_served_folder(http: httpx.Client, secret: Path) -> None:
    for extra in ({}, {"meta": META}):
        call(http, {"path": str(secret), **extra})
    assert not list(guard.own_folder().rglob("secret*"))


# What was once possible in some release of Gradio, as routes below the page's address. $ is a file that nobody
# uploaded, @ the address of a web server on this machine.
REPLAYS = {
    "CVE-2023-51449, path traversal by file": ("GET", "/file=../../../../../../..$", None),
    "CVE-2023-51449, encoded": ("GET", "/gradio_api/file=%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e$", None),
    "CVE-2024-0964, the path of a component": ("POST", "/gradio_api/component_server", {"data": "$", "fn_name": "ls"}),
    "CVE-2024-1561, any method of a component": (
        "POST", "/gradio_api/component_server",
        {"component_id": 1, "data": "$", "fn_name": "move_resource_to_block_cache", "session_hash": "a"},
    ),
    "CVE-2024-1728, a path in place of an upload": ("POST", "/gradio_api/queue/join", {"path": "$"}),
    "CVE-2024-2206, a proxy to anywhere": ("GET", "/gradio_api/proxy=@", None),
    "CVE-2024-4325, an address in place of a file": ("POST", "/gradio_api/queue/join", {"path": "@"}),
    "CVE-2024-4941, a path to give back": ("POST", "/gradio_api/call/apply", {"path": "$", "url": "x"}),
    "a recording to convert": ("POST", "/gradio_api/process_recording", {"video": "$"}),
    "CVE-2024-47084, another site's page": ("GET", "/config", "https://elsewhere.example"),
    "CVE-2024-47165, a page without origin": ("GET", "/config", "null"),
    "CVE-2024-47166, a component's file": ("GET", "/gradio_api/custom_component/../../../..$", None),
    "CVE-2024-47167, an address queued": ("POST", "/gradio_api/call/apply", {"path": "@", "url": "@"}),
    "CVE-2024-47868, a link's own file": ("POST", "/gradio_api/call/apply", {"path": "file://$"}),
    "CVE-2025-23042, another case": ("GET", "/GRADIO_API/FILE=$", None),
    "CVE-2025-48889, a flag that copies a file": ("POST", "/gradio_api/queue/join", {"flag_value": {"path": "$"}}),
    "an address redirected to": ("GET", "/gradio_api/file=@", None),
    "the old route of files": ("GET", "/file/$", None),
    "a stream's parts": ("GET", "/gradio_api/stream/a/b/1/..%2f..$.ts", None),
    "a static file's way out": ("GET", "/static/../../../../../../../..$", None),
    "an asset's way out": ("GET", "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..$", None),
    "a script's way out": ("GET", "/svelte/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..$", None),
}  # fmt: skip


@pytest.mark.parametrize("name", REPLAYS)
def test_what_was_once_possible_is_not(
    http: httpx.Client, secret: Path, listener: tuple[str, list[str]], name: str, record_figure: Record
) -> None:
    address, asked = listener
    method, route, body = REPLAYS[name]

    def filled(text: str) -> str:
        return text.replace("$", str(secret)).replace("@", address)

    url = f"http://{http.base_url.netloc.decode()}{filled(route)}"
    headers = {"Origin": body} if isinstance(body, str) else {}
    payload: object = None
    if isinstance(body, dict):
        payload = json.loads(json.dumps(body).replace("$", str(secret)).replace("@", address))
    number = next(number for number, kinds in functions(http).items() if kinds == ["textbox", "image", "textbox"])
    if route.endswith(("/join", "/apply")):
        payload = {"data": ["tiny-labels", payload, "auto"], "fn_index": number, "session_hash": uuid.uuid4().hex}
    answer = http.request(method, url, json=payload, headers=headers)
    told = answer.content
    if answer.status_code == 200 and "event_id" in answer.text and isinstance(payload, dict):
        told += http.get("/gradio_api/queue/data", params={"session_hash": payload["session_hash"]}).content
        assert b'"success":false' in told
    else:
        assert 400 <= answer.status_code < 500
    assert secret.read_bytes() not in told
    assert not list(guard.own_folder().rglob("secret*"))
    assert asked == []
    record_figure(12, "requests replayed", 1)
    record_figure(12, "files read outside", 0)
    record_figure(12, "requests made for a visitor", 0)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../etc/passwd", "{own}/../secret.png", "{own}", "", "a\0b", "x" * 5000, "file:///etc/passwd"],
)
def test_odd_paths_are_refused(http: httpx.Client, path: str) -> None:
    answer = call(http, {"path": path.replace("{own}", str(guard.own_folder())), "meta": META})
    assert "event: error" in answer
    assert guard.NOT_UPLOADED in answer


@pytest.mark.parametrize("extra", [{}, {"meta": META}])
def test_no_address_is_fetched_for_a_visitor(
    http: httpx.Client, listener: tuple[str, list[str]], extra: dict[str, Any]
) -> None:
    address, asked = listener
    for payload in ({"path": address}, {"path": None, "url": address}, {"path": "", "url": address}):
        assert "event: error" in call(http, {**payload, **extra})
    for route in ("file=", "proxy=", "file/"):
        assert http.get(f"/gradio_api/{route}{address}").status_code == 404
    assert asked == []


def test_a_picture_inside_the_request_itself_is_refused(http: httpx.Client) -> None:
    answer = call(http, {"path": None, "url": "data:image/png;base64,iVBORw0KGgo=", "meta": META})
    assert guard.NOT_UPLOADED in answer


def test_the_file_route_serves_uploads_and_nothing_else(http: httpx.Client, served: Served, secret: Path) -> None:
    stored = upload(http, served.photo)
    assert http.get(f"/gradio_api/file={stored}").content == served.photo.read_bytes()
    for path in (str(secret), "/etc/passwd", f"{guard.own_folder()}/../{secret.name}", "app.py", "pyproject.toml"):
        answer = http.get(f"/gradio_api/file={path}")
        assert answer.status_code in (403, 404), path
        assert secret.read_bytes() not in answer.content


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/deep_link"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/component_server"),
        ("GET", "/gradio_api/proxy=https://huggingface.co/x"),
        ("GET", "/docs"),
        ("GET", "//gradio_api/runs"),
    ],
)
def test_routes_the_page_does_not_need_are_not_there(http: httpx.Client, method: str, path: str) -> None:
    assert http.request(method, f"http://{http.base_url.netloc.decode()}{path}").status_code == 404


def test_the_queue_can_not_be_passed_by(http: httpx.Client, served: Served) -> None:
    image = {"path": upload(http, served.photo), "meta": META}
    for route in ("run", "api"):
        answer = http.post(f"/gradio_api/{route}/apply", json={"data": ["tiny-labels", image, "auto"]})
        assert answer.status_code == 404


def test_a_page_elsewhere_may_not_ask_this_one(http: httpx.Client) -> None:
    answer = http.get("/config", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert answer.headers.get("access-control-allow-origin") not in ("*", "https://elsewhere.example")


def test_the_browser_is_told_to_load_nothing_from_elsewhere(http: httpx.Client) -> None:
    headers = http.get("/").headers
    assert headers["content-security-policy"].startswith("default-src 'self' data: blob:;")
    assert headers["x-content-type-options"] == "nosniff"


def test_a_link_out_of_the_folder_is_no_upload(secret: Path) -> None:
    link = guard.own_folder() / f"link-{uuid.uuid4().hex}.png"
    link.symlink_to(secret)
    with pytest.raises(gr.Error, match="not uploaded"):
        guard.uploaded({"path": str(link)})
    link.unlink()


def test_no_picture_at_all_is_nothing() -> None:
    assert guard.uploaded(None) is None
    assert guard.uploaded({"path": None, "url": None}) is None


def test_deep_nesting_does_not_break_the_check() -> None:
    value: object = {"path": "/etc/passwd"}
    for _ in range(5000):
        value = [value]
    with pytest.raises(gr.Error, match="not uploaded"):
        guard.check_files(value)


def test_the_folder_of_uploads_is_its_owner_s_alone() -> None:
    assert guard.own_folder().stat().st_mode & 0o077 == 0
