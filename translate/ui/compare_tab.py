"""Several models side by side on one photo: part of the Translate tab."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from threading import Event
from typing import Any

import gradio as gr

from translate.errors import ConfigError
from translate.ui import status
from translate.ui.events import Updates, told
from translate.ui.guard import KEEP_SECONDS, uploaded
from translate.ui.models import Models
from translate.ui.side_by_side import FEWEST, MOST, SideBySide, side_by_side
from translate.ui.ways import wire_start, wire_stop
from translate.ui.work import Follow

_WELCOME = f"""<div class="tr-welcome tr-small"><h2>Which model does it best?</h2>
<ol><li>Drop a photo.</li><li>Choose {FEWEST} to {MOST} models.</li>
<li>See what each makes of it, how long it took, and download the contact sheet.</li></ol></div>"""


@dataclass(frozen=True)
class _Panel:
    welcome: gr.HTML
    line: gr.HTML
    gallery: gr.Gallery
    failed: gr.HTML
    sheet: gr.DownloadButton
    archive: gr.DownloadButton
    stop: gr.Button
    stopper: gr.State

    def components(self) -> list[Any]:
        return [getattr(self, name) for name in self.__dataclass_fields__]

    def begin(self, stopper: Event, count: int) -> Updates:
        return {
            self.welcome: gr.HTML(visible=False),
            self.line: gr.HTML(status.status(0, count, f"0 of {count} models"), visible=True),
            self.gallery: gr.Gallery(None, visible=False),
            self.failed: gr.HTML("", visible=False),
            self.sheet: gr.DownloadButton(visible=False),
            self.archive: gr.DownloadButton(visible=False),
            self.stop: gr.Button(visible=True),
            self.stopper: stopper,
        }

    def end(self, result: SideBySide) -> Updates:
        made = result.made
        pictures = [(one.picture, f"{one.title} · {_time(one.done.translation.seconds)}") for one in made]
        if made:
            pictures.insert(0, (made[0].shown.before, "Your photo"))
        files = [path for path, _ in pictures] + [path for one in made for path in (one.done.file, one.shown.after)]
        files += [path for path in (result.sheet, result.archive) if path]
        self.gallery.temp_files.update(map(str, files))  # Gradio deletes these after an hour
        stopped = f"Stopped after {len(made)} of the models." if result.stopped else ""
        return {
            self.line: gr.HTML(status.told_status(stopped) if stopped else "", visible=bool(stopped)),
            self.gallery: gr.Gallery([(str(path), text) for path, text in pictures], visible=bool(made)),
            self.failed: gr.HTML(status.failures(result.failed), visible=bool(result.failed)),
            self.sheet: gr.DownloadButton(value=result.sheet and str(result.sheet), visible=bool(made)),
            self.archive: gr.DownloadButton(value=result.archive and str(result.archive), visible=bool(made)),
            self.stop: gr.Button(visible=False),
            self.stopper: None,
        }


def compare_tab(models: Models) -> gr.Dropdown:
    """Add the content to the Blocks being built; its menu of models is given back."""
    choices = models.choices()
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=4, min_width=300):
            names = gr.Dropdown(
                choices, value=[name for _, name in choices[:FEWEST]], multiselect=True, max_choices=MOST,
                label=f"Models, {FEWEST} to {MOST}", elem_id="compare-models",
            )  # fmt: skip
            photo = gr.Image(
                label="Photo", type="filepath", image_mode=None, sources=["upload", "clipboard"], height=280,
                placeholder="Drop a photo here\n or click to choose one", buttons=[], elem_id="compare-photo",
                alt_text="The photo to translate with each model",
            )  # fmt: skip
            start = gr.Button("Compare", variant="primary", elem_id="compare-start")
        with gr.Column(scale=7, min_width=300):
            panel = _panel()
    _on_start(models, panel, start, [names, photo])
    return names


def _panel() -> _Panel:
    welcome = gr.HTML(_WELCOME, js_on_load=None, elem_id="compare-welcome")
    line = gr.HTML(visible=False, js_on_load=None, elem_id="compare-status")
    stop = gr.Button("Stop, keep what is done", visible=False, elem_id="compare-stop")
    gallery = gr.Gallery(
        label="Side by side", show_label=False, visible=False, interactive=False, columns=2, object_fit="contain",
        height="auto", buttons=["fullscreen"], elem_id="compare-gallery",
    )  # fmt: skip
    failed = gr.HTML(visible=False, js_on_load=None, elem_id="compare-failed")
    with gr.Row():
        sheet = gr.DownloadButton("Contact sheet", variant="primary", visible=False, elem_id="compare-sheet")
        archive = gr.DownloadButton("All results as a zip", visible=False, elem_id="compare-zip")
    return _Panel(welcome, line, gallery, failed, sheet, archive, stop, gr.State(time_to_live=KEEP_SECONDS))


def _on_start(models: Models, panel: _Panel, start: gr.Button, inputs: list[Any]) -> None:
    async def compared(names: list[str] | None, payload: Any) -> AsyncIterator[Updates]:
        with told():
            path = uploaded(payload)
            if path is None:
                raise ConfigError("no photo was given; choose one first")
            chosen = list(names or [])
            follow = Follow[int, SideBySide](
                lambda tell, stop: side_by_side(models, chosen, path, "auto", tell=tell, cancelled=stop)
            )
            yield panel.begin(follow.stop, len(chosen))
            async with aclosing(follow.news()) as news:
                async for done in news:
                    text = f"{done[-1] if done else 0} of {len(chosen)} models"
                    line = status.status(done[-1], len(chosen), text) if done else gr.skip()
                    yield {panel.line: line}
            yield panel.end(follow.result)

    wire_start(panel, start, compared, inputs, "compare-status")

    wire_stop(panel.stop, panel.stopper)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
