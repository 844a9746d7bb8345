"""The examples that the page and docs/api.md give to programs do what they say."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui import api_page
from tests.ui.tiny_page import Served, draw
from translate import images
from translate.ui.api import ADDRESS, Endpoint, api_tab, endpoints


@pytest.fixture
def apply(served: Served) -> Endpoint:
    return next(each for each in endpoints(served.page) if each.name == "apply")


@pytest.fixture
def expected(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the photo beside the examples becomes; they run in its folder."""
    images.save(draw(40, 60), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return np.asarray(translate.load(served.home / "models" / "tiny-labels")(tmp_path / "photo.jpg"))


def here(example: str, served: Served) -> str:
    assert ADDRESS in example
    return example.replace(ADDRESS, served.url.rstrip("/"))


def pixels(path: str | Path) -> Any:
    with Image.open(path, formats=("PNG",)) as image:
        return np.asarray(image)


def test_the_python_example_gives_what_the_library_gives(served: Served, apply: Endpoint, expected: Any) -> None:
    names: dict[str, Any] = {}
    exec(compile(here(apply.python(), served), "example", "exec"), names)
    np.testing.assert_array_equal(pixels(names["result"]), expected)
    assert names["details"]["model"] == "tiny-labels"
    names["client"].close()


@pytest.mark.skipif(not shutil.which("curl") and os.environ.get("CI") != "true", reason="no curl on this machine")
def test_the_example_for_curl_gives_what_the_library_gives(
    served: Served, apply: Endpoint, expected: Any, tmp_path: Path
) -> None:
    example = "set -e\n" + here(apply.curl(), served)
    done = subprocess.run(["sh", "-c", example], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(pixels(tmp_path / "result.png"), expected)
    assert (tmp_path / "answer.txt").read_text().startswith("event: complete")


def test_the_example_in_javascript_asks_as_the_others_do(apply: Endpoint) -> None:
    example = apply.javascript()
    assert example.count("(") == example.count(")")
    assert example.count("{") == example.count("}")
    assert '{data: ["tiny-labels", await upload(image), "auto"]}' in example
    assert "`${page}/call/apply/${event_id}`" in example
    assert "const [result, details] = JSON.parse" in example


def test_a_value_stays_itself_in_every_language() -> None:
    odd = Endpoint("say", "Says.", {"text": 'don\'t "ü"', "often": None, "loud": True}, (), ("said",), False)
    assert 'text="don\'t \\"ü\\"",\n    often=None,\n    loud=True,' in odd.python()
    assert "upload" not in odd.javascript() + odd.curl()
    data = odd.curl().split("    -d ")[1].split(" | cut")[0]
    told = subprocess.run(["sh", "-c", f"printf %s {data}"], capture_output=True, text=True, check=True).stdout
    assert json.loads(told) == {"data": ['don\'t "ü"', None, True]}


def test_every_documented_endpoint_is_named_and_says_what_it_does(served: Served) -> None:
    known = endpoints(served.page)
    named = set(served.page.get_api_info()["named_endpoints"])
    assert {f"/{each.name}" for each in known} == named
    assert all(each.says for each in known)


def test_what_is_no_endpoint_is_not_shown() -> None:
    with gr.Blocks() as page:
        button, box = gr.Button(), gr.Textbox("x", label="The text")
        button.click(lambda text: text, box, box, api_name="say")
        button.click(lambda: None, api_visibility="private")
        api_tab(page)
    assert [(each.name, each.inputs, each.outputs) for each in endpoints(page)] == [
        ("say", {"text": "x"}, ("the_text",))
    ]


def test_docs_api_md_is_what_the_page_says(repo: Path) -> None:
    written = (repo / "docs" / "api.md").read_text(encoding="utf-8")
    assert written == api_page.text(), "write it anew: python -m tests.ui.api_page docs/api.md"
