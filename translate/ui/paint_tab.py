"""The Paint tab: draw a label map with a model's classes, and see the photo it makes of the drawing beside it."""

import secrets
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from translate.errors import TranslateError
from translate.ui import paint_run
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.guard import uploaded
from translate.ui.models import Models
from translate.ui.settings import Settings
from translate.ui.work import working

NO_PAINTERS = """<div class="tr-welcome"><h2>Nothing to paint with yet</h2>
<p>This tab is for models that make a photo of a drawing. One learns it from photos and their label maps, in two folders
whose files have the same names:</p>
<p><code>translate train facade-photo --a photos --b labels --out runs/my-facades</code></p>
<p>A <code>classes.json</code> beside them names the classes and their colours. When the training has saved its first
model, reload this page.</p></div>"""
WAITING = """<figure>
<img alt="" src="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'/%3E">
<figcaption>The photo appears here as soon as there is a drawing.</figcaption></figure>"""
FIRST_SEED = 3
"""Of the house that a newcomer sees."""
PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"]

_HERE = Path(__file__).parent
_BOARD = (_HERE / "paint_board.html").read_text(encoding="utf-8")
_SCRIPT = (_HERE / "paint_board.js").read_text(encoding="utf-8")
# The picture's own address is its download's, without sending it twice.
_SAVE = """element.addEventListener("click", (event) => { const link = event.target.closest(".tr-main");
if (link) link.href = element.querySelector("img").src; }, true);"""


@dataclass(frozen=True)
class _Parts:
    """What the tab consists of."""

    welcome: gr.HTML
    panel: gr.Column
    model: gr.Dropdown
    another: gr.Button
    from_photo: gr.UploadButton
    board: gr.HTML
    photo: gr.HTML


def paint_tab(models: Models, settings: Settings) -> None:
    """Add the tab's content to the Blocks being built."""
    choices = paint_run.painters(models)
    first = choices[0][1] if choices else None
    welcome = gr.HTML(NO_PAINTERS, js_on_load=None, visible=not choices, elem_id="paint-welcome")
    with gr.Column(visible=bool(choices), elem_id="paint") as panel:
        with gr.Row(elem_id="paint-start"):
            model = gr.Dropdown(
                choices, value=first, label="Model", filterable=False, elem_id="paint-model", scale=3, min_width=240
            )
            another = gr.Button("Another house", size="sm", elem_id="paint-example", min_width=120, visible=False)
            blank = gr.Button("Empty sheet", size="sm", elem_id="paint-blank", min_width=120)
            from_photo = _upload("From a photo", "paint-from-photo", visible=False)
            from_map = _upload("Open a map", "paint-from-map")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=300):
                board = gr.HTML(
                    _begin(models, first), html_template=_BOARD, js_on_load=_SCRIPT, apply_default_css=False,
                    elem_id="paint-board",
                )  # fmt: skip
            with gr.Column(min_width=300):
                photo = gr.HTML(WAITING, js_on_load=_SAVE, apply_default_css=False, elem_id="paint-photo")
    parts = _Parts(welcome, panel, model, another, from_photo, board, photo)
    _on_visit(models, parts)
    _on_start(models, parts, blank)
    _on_file(models, parts, from_map)
    _on_stroke(models, parts)


def _upload(label: str, name: str, *, visible: bool = True) -> gr.UploadButton:
    return gr.UploadButton(label, size="sm", file_types=PICTURES, elem_id=name, min_width=120, visible=visible)


def _on_visit(models: Models, parts: _Parts) -> None:
    def listed(name: object) -> Updates:
        # On every visit: a training may have finished since the page was built.
        with told():
            choices = paint_run.painters(models)
            known = [value for _, value in choices]
            chosen = name if name in known else known[0] if known else None
            updates: Updates = {
                parts.welcome: gr.HTML(visible=not choices),
                parts.panel: gr.Column(visible=bool(choices)),
                parts.model: gr.Dropdown(choices, value=chosen),
            }
            updates |= _offered(models, chosen, parts)
            return updates if chosen == name else updates | {parts.board: _begin(models, chosen)}

    outputs = [parts.welcome, parts.panel, parts.model, parts.another, parts.from_photo, parts.board]
    gr.on(
        None, listed, parts.model, outputs, preprocess=False, queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip


def _on_start(models: Models, parts: _Parts, blank: gr.Button) -> None:
    """What a drawing begins with; the photo of it is asked for by the board."""

    def chosen(name: object, board: Any) -> Updates:
        with told():
            return _offered(models, name, parts) | {parts.board: _begin(models, name, board)}

    def emptied(name: object) -> Any:
        with told():
            return _given(config := models.entry(name).config, paint_run.blank(config))

    def varied(name: object) -> Any:
        with told():
            return _given(config := models.entry(name).config, paint_run.example(config, secrets.randbelow(10**6)))

    quick: dict[str, Any] = {
        "preprocess": False, "queue": False, "show_progress": "hidden", "api_visibility": "private",
    }  # fmt: skip
    model, board = parts.model, parts.board
    model.input(chosen, [model, board], [parts.another, parts.from_photo, board], **quick)
    blank.click(emptied, model, board, **quick)
    parts.another.click(varied, model, board, **quick)


def _on_file(models: Models, parts: _Parts, from_map: gr.UploadButton) -> None:
    """A drawing that begins with a file. Through the queue: what is wrong with it is told to the visitor."""

    def opened(name: object, file: Any) -> Any:
        with told():
            path, config = uploaded(file), models.entry(name).config
            return _given(config, paint_run.from_map(config, path)) if path else gr.skip()

    async def found(name: object, file: Any) -> Any:
        with told():
            path, config = uploaded(file), models.entry(name).config
            if path is None:
                return gr.skip()
            index = await working(lambda cancelled: paint_run.from_photo(models, config, path, cancelled))
            return _given(config, index)

    model, board = parts.model, parts.board
    from_map.upload(
        opened, [model, from_map], board, preprocess=False, show_progress="hidden", api_visibility="private",
        concurrency_limit=2,
    )  # fmt: skip
    parts.from_photo.upload(
        found, [model, parts.from_photo], board, preprocess=False, show_progress="minimal",
        show_progress_on=parts.photo, api_visibility="private", **ONE_AT_A_TIME,
    )  # fmt: skip


def _on_stroke(models: Models, parts: _Parts) -> None:
    async def photo(name: object, board: Any) -> str:
        drawing = board.get("drawing") if isinstance(board, dict) else None
        with told():
            done = await working(lambda cancelled: paint_run.paint(models, name, drawing, cancelled))
            return _figure(str(name), done)

    # While one is made the newest drawing waits, and replaces any that waited before it.
    parts.board.input(
        photo, [parts.model, parts.board], parts.photo, preprocess=False, trigger_mode="always_last",
        show_progress="hidden", api_visibility="private", **ONE_AT_A_TIME,
    )  # fmt: skip


def _offered(models: Models, name: object, parts: _Parts) -> Updates:
    """The ways to begin that there are for a model."""
    try:
        config = models.entry(name).config
    except TranslateError:
        return {}
    return {
        parts.another: gr.Button(visible=paint_run.has_examples(config)),
        parts.from_photo: gr.UploadButton(visible=paint_run.segmenter(models, config) is not None),
    }


def _begin(models: Models, name: object, before: Any = None) -> Any:
    """What the board shows when a model is chosen: the drawing there was, where its classes are the same."""
    if name is None:
        return None
    config = models.entry(name).config
    if isinstance(before, dict) and before.get("classes") == paint_run.palette(config):
        return _given(config, paint_run.unpack(before.get("drawing"), len(config.input_classes)))
    return _given(config, paint_run.example(config, FIRST_SEED))


def _given(config: Any, index: paint_run.Array) -> dict[str, Any]:
    # Told apart from the last, or the same example twice would not be noticed.
    return {"drawing": paint_run.pack(index), "classes": paint_run.palette(config), "id": secrets.token_hex(4)}


def _figure(name: str, done: paint_run.Painted) -> str:
    file = escape(Path(name).name)
    facts = f"{done.width} × {done.height} pixels, made in {done.seconds * 1000:.0f} ms on {done.device}"
    return f"""<figure><img id="paint-result" alt="What {escape(name)} makes of the drawing"
src="{paint_run.address(done.photo)}">
<figcaption>{facts}</figcaption><div class="tr-paint-saves">
<a class="tr-save tr-main" id="paint-save-photo" href="#" download="{file}-photo.png">Download photo</a>
<a class="tr-save" id="paint-save-map" href="{paint_run.address(done.map)}" download="{file}-map.png">Download label
map</a></div></figure>"""
