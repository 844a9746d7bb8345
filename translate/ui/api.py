"""How a program asks for what the page does: an example for every endpoint, in Python, for curl and in JavaScript."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

ADDRESS = "http://127.0.0.1:7860"
"""Stands in the examples for the page's own address."""

INTRO = (
    "Everything on this page that computes is also an endpoint, named as the verb of the command line. An upload and "
    "its result are kept for an hour under addresses that only you are told. Requests wait in one queue: a full one "
    "answers 503 at once, an upload that is too large 413, and a mistake comes as `event: error` with one line. "
    "Closing the connection ends the work. Where the page asks for a password, give it to "
    "`Client(..., auth=(name, password))`, or post `username` and `password` to `/login` and keep the cookie."
)

_OWN_ADDRESS = f"""const own = location.origin + location.pathname.replace(/\\/$/, "");
for (const code of element.querySelectorAll("pre code")) {{
code.textContent = code.textContent.replaceAll("{ADDRESS}", own); }}"""

_FILES = (gr.Image, gr.File, gr.Video)


@dataclass(frozen=True)
class Endpoint:
    """One documented endpoint: its inputs in order, those of `files` by an uploaded file, and what it gives."""

    name: str
    says: str
    inputs: Mapping[str, Any]
    files: tuple[str, ...]
    outputs: tuple[str, ...]
    gives_file: bool

    def python(self) -> str:
        """With the package gradio_client."""
        values = {name: _literal(value) for name, value in self.inputs.items()}
        values |= {name: f'handle_file("{_file(name)}")' for name in self.files}
        used = "Client, handle_file" if self.files else "Client"
        lines = [
            f"from gradio_client import {used}  # pip install gradio_client",
            "",
            f'client = Client("{ADDRESS}")',
            f"{', '.join(self.outputs)} = client.predict(",
            *(f"    {name}={value}," for name, value in values.items()),
            f'    api_name="/{self.name}",',
            ")",
        ]
        return "\n".join(lines)

    def curl(self) -> str:
        """With a shell alone."""
        lines = [f"page={ADDRESS}/gradio_api"]
        lines += [f"{name}=$(curl -sSf -F files=@{_file(name)} $page/upload | cut -d'\"' -f2)" for name in self.files]
        values = {name: f"""{{"path": "'"${name}"'", "meta": {{"_type": "gradio.FileData"}}}}""" for name in self.files}
        data = ", ".join(values.get(name) or _in_quotes(value) for name, value in self.inputs.items())
        lines += [
            f"event=$(curl -sSf $page/call/{self.name} -H 'Content-Type: application/json' \\",
            f"    -d '{{\"data\": [{data}]}}' | cut -d'\"' -f4)",
            f"curl -sSfN $page/call/{self.name}/$event > answer.txt",
        ]
        if self.gives_file:
            lines.append('path=$(grep -o \'"path": "[^"]*\' answer.txt | head -1 | cut -d\'"\' -f4)')
            lines.append('curl -sSf -o result.png "$page/file=$path"')
        return "\n".join(lines)

    def javascript(self) -> str:
        """In a browser, on this page, or in Node 20."""
        lines = [f'const page = "{ADDRESS}/gradio_api";']
        if self.files:
            lines += [
                "async function upload(file) {  // a File, as of an <input type=file>",
                "  const body = new FormData();",
                '  body.append("files", file);',
                '  const [path] = await (await fetch(`${page}/upload`, {method: "POST", body})).json();',
                '  return {path, meta: {_type: "gradio.FileData"}};',
                "}",
            ]
        values = [f"await upload({name})" if name in self.files else json.dumps(v) for name, v in self.inputs.items()]
        lines += [
            f"const body = JSON.stringify({{data: [{', '.join(values)}]}});",
            'const headers = {"Content-Type": "application/json"};',
            f'const asked = await fetch(`${{page}}/call/{self.name}`, {{method: "POST", headers, body}});',
            "const {event_id} = await asked.json();",
            f"const answer = await (await fetch(`${{page}}/call/{self.name}/${{event_id}}`)).text();",
            f'const [{", ".join(self.outputs)}] = JSON.parse(answer.split("data: ").pop());',
        ]
        if self.gives_file:
            lines.append(f"const picture = await (await fetch(`${{page}}/file=${{{self.outputs[0]}.path}}`)).blob();")
        return "\n".join(lines)


def endpoints(page: gr.Blocks) -> list[Endpoint]:
    """The documented endpoints of a page, in the order they were added."""
    found = []
    for event in page.fns.values():
        if event.fn is None or event.api_visibility != "public" or not event.api_name:
            continue
        parameters = list(inspect.signature(event.fn).parameters.values())
        pairs = [(p, part) for p, part in zip(parameters, event.inputs, strict=False) if not isinstance(part, gr.State)]
        outputs = [part for part in event.outputs if not isinstance(part, gr.State)]
        found.append(
            Endpoint(
                name=str(event.api_name),
                says=" ".join((inspect.getdoc(event.fn) or "").split()),
                inputs={parameter.name: _example(parameter, part) for parameter, part in pairs},
                files=tuple(parameter.name for parameter, part in pairs if isinstance(part, _FILES)),
                outputs=tuple(_variable(getattr(part, "label", None), n) for n, part in enumerate(outputs)),
                gives_file=bool(outputs) and isinstance(outputs[0], _FILES),
            )
        )
    return found


def api_tab(page: gr.Blocks) -> None:
    """Add the examples of all endpoints that `page` has so far; a visitor sees them with the page's own address."""
    known = endpoints(page)
    gr.HTML(f"<p>{_words(INTRO)}</p>", js_on_load=None, elem_id="api-intro")
    languages = {"Python": Endpoint.python, "curl": Endpoint.curl, "JavaScript": Endpoint.javascript}
    with gr.Tabs():
        for title, language in languages.items():
            with gr.Tab(title, elem_id=f"api-{title.lower()}"):
                parts = "\n".join(_fold(each, language(each), title, number == 0) for number, each in enumerate(known))
                gr.HTML(parts, js_on_load=_OWN_ADDRESS, elem_classes="tr-api")


def as_markdown(page: gr.Blocks) -> str:
    """docs/api.md."""
    lines = ["# Use it from a program", "", INTRO, ""]
    for each in endpoints(page):
        lines += [f"## /{each.name}", "", each.says, ""]
        for word, text in {"python": each.python(), "bash": each.curl(), "javascript": each.javascript()}.items():
            lines += [f"```{word}", text, "```", ""]
    return "\n".join(lines)


def _fold(endpoint: Endpoint, example: str, language: str, is_open: bool) -> str:
    summary = f"<summary><code>/{escape(endpoint.name)}</code> {_words(endpoint.says)}</summary>"
    code = f'<pre tabindex="0" aria-label="Example in {language}"><code>{escape(example)}</code></pre>'
    return f"<details{' open' if is_open else ''}>{summary}{code}</details>"


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _in_quotes(value: Any) -> str:
    """JSON inside a shell's single quotes."""
    return json.dumps(value, ensure_ascii=False).replace("'", "'\\''")


def _example(parameter: inspect.Parameter, part: Any) -> Any:
    if parameter.default is not inspect.Parameter.empty:
        return parameter.default
    value = getattr(part, "value", None)
    return part.example_value() if value in (None, "") and not isinstance(part, _FILES) else value


def _file(name: str) -> str:
    return {"image": "photo.jpg", "photo": "photo.jpg", "video": "clip.mp4"}.get(name, f"{name}.png")


def _variable(label: Any, number: int) -> str:
    text = str(label or "").replace(" ", "_").lower()
    return text if text.isidentifier() else f"output_{number}"


def _words(text: str) -> str:
    """HTML of a text in which `code` is marked."""
    return "".join(f"<code>{escape(p)}</code>" if n % 2 else escape(p) for n, p in enumerate(text.split("`")))
