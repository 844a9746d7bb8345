"""Several photos at once, and for the page's owner a folder of this machine: part of the Translate tab."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from threading import Event
from typing import Any

import gradio as gr

from translate.errors import ConfigError
from translate.ui import status
from translate.ui.batch import MAX_FILES, MAX_FILES_PUBLIC, Batch, Shown, Step, translate_files, translate_folder
from translate.ui.events import Updates, told
from translate.ui.folders import server_folder
from translate.ui.guard import KEEP_SECONDS, uploaded
from translate.ui.models import Models
from translate.ui.settings import Settings
from translate.ui.ways import wire_start, wire_stop
from translate.ui.work import Follow

SCALES = [("Model's own", "auto"), ("Photo's pixels", "native")]

_WELCOME = """<div class="tr-welcome tr-small"><h2>Many photos, one click</h2>
<ol><li>Choose a model.</li><li>Drop up to MOST photos, or choose them from a folder.</li>
<li>Download all results in one zip; open any of them to compare.</li></ol>
<p>A photo that can't be read is named, and the others go on.</p></div>"""
_NO_ROOT = '<p class="tr-note">To use folders of this machine, start with <code>--data-root FOLDER</code>.</p>'


@dataclass(frozen=True)
class _Panel:
    """The components of the right-hand side, and what remembers a run."""

    welcome: gr.HTML
    line: gr.HTML
    gallery: gr.Gallery
    slider: gr.ImageSlider
    failed: gr.HTML
    download: gr.DownloadButton
    stop: gr.Button
    shown: gr.State
    stopper: gr.State

    def components(self) -> list[Any]:
        return [getattr(self, name) for name in self.__dataclass_fields__]

    def begin(self, stopper: Event) -> Updates:
        """A run starts: what the last one left is taken away."""
        return {
            self.welcome: gr.HTML(visible=False),
            self.line: gr.HTML(status.status(0, 1, "Getting ready"), visible=True),
            self.gallery: gr.Gallery(None, visible=False, selected_index=None),
            self.slider: gr.ImageSlider(None, visible=False),
            self.failed: gr.HTML("", visible=False),
            self.download: gr.DownloadButton(visible=False),
            self.stop: gr.Button(visible=True),
            self.shown: [],
            self.stopper: stopper,
        }

    def news(self, steps: list[Step], shown: list[Shown], began: float) -> Updates:
        """How far it is, and the photos finished so far."""
        if not steps:
            return {self.stop: gr.skip()}
        step, spent = steps[-1], time.monotonic() - began
        left = f", {status.remaining(spent / step.done * (step.total - step.done))} left" if step.done > 0 else ""
        updates: Updates = {self.line: status.status(step.done, step.total, f"{step.done} of {step.total} files{left}")}
        latest = [one.latest for one in steps if one.latest]
        if latest:
            shown.extend(latest)
            self._keep(latest)
            updates |= {self.gallery: gr.Gallery(_pictures(shown), visible=True), self.shown: list(shown)}
        return updates

    def end(self, batch: Batch, what: str) -> Updates:
        """The whole result."""
        if batch.archive:
            self.download.temp_files.add(str(batch.archive))
        return {
            self.line: status.told_status(what),
            self.gallery: gr.Gallery(_pictures(batch.shown), visible=bool(batch.shown)),
            self.failed: gr.HTML(status.failures(batch.failed), visible=bool(batch.failed)),
            self.download: gr.DownloadButton(value=str(batch.archive) if batch.archive else None,
                                             visible=batch.archive is not None),
            self.stop: gr.Button(visible=False),
            self.shown: batch.shown,
            self.stopper: None,
        }  # fmt: skip

    def _keep(self, shown: list[Shown]) -> None:
        # Gradio deletes these after an hour.
        self.gallery.temp_files.update(str(path) for one in shown for path in (one.before, one.after, one.thumb))


def batch_tab(models: Models, settings: Settings) -> gr.Dropdown:
    """Add the content to the Blocks being built; its menu of models is given back."""
    most = MAX_FILES_PUBLIC if settings.public else MAX_FILES
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=4, min_width=300):
            model = gr.Dropdown(
                models.choices(), value=models.default(), label="Model", filterable=False, elem_id="batch-model"
            )
            files = gr.File(
                file_count="multiple", file_types=["image"], label=f"Photos, up to {most}", height=180,
                elem_id="batch-files",
            )  # fmt: skip
            scale = gr.Radio(SCALES, value="auto", label="Scale to work at", elem_id="batch-scale")
            start = gr.Button("Translate all", variant="primary", elem_id="batch-start")
            folders = _folders(settings)
        with gr.Column(scale=7, min_width=300):
            panel = _panel(most)
    _on_start(models, most, panel, start, [model, files, scale])
    if folders:
        _on_folder(models, settings, panel, folders[-1], [model, *folders[:2], scale])
    _on_stop_and_open(panel)
    return model


def _folders(settings: Settings) -> list[Any]:
    """Two names of folders and a button, for the owner alone."""
    if settings.public:
        return []
    with gr.Accordion("A folder on this machine", open=False, elem_id="batch-folders"):
        if settings.data_root is None:
            gr.HTML(_NO_ROOT, js_on_load=None)
            return []
        source = gr.Textbox(label="Folder of photos and clips", info="Below the data root", elem_id="batch-source")
        out = gr.Textbox(label="Folder for the results", info="Made if it is not there", elem_id="batch-out")
        return [source, out, gr.Button("Translate the folder", elem_id="batch-folder-start")]


def _panel(most: int) -> _Panel:
    welcome = gr.HTML(_WELCOME.replace("MOST", str(most)), js_on_load=None, elem_id="batch-welcome")
    line = gr.HTML(visible=False, js_on_load=None, elem_id="batch-status")
    stop = gr.Button("Stop, keep what is done", visible=False, elem_id="batch-stop")
    download = gr.DownloadButton("Download all as a zip", variant="primary", visible=False, elem_id="batch-download")
    failed = gr.HTML(visible=False, js_on_load=None, elem_id="batch-failed")
    slider = gr.ImageSlider(
        label="Before and after", show_label=False, interactive=False, visible=False, buttons=["fullscreen"],
        max_height=480, elem_id="batch-comparison",
    )  # fmt: skip
    gallery = gr.Gallery(
        label="Results, open one to compare", visible=False, interactive=False, columns=4, object_fit="cover",
        allow_preview=False, buttons=[], elem_id="batch-gallery",
    )  # fmt: skip
    shown, stopper = gr.State(time_to_live=KEEP_SECONDS), gr.State(time_to_live=KEEP_SECONDS)
    return _Panel(welcome, line, gallery, slider, failed, download, stop, shown, stopper)


def _on_start(models: Models, most: int, panel: _Panel, start: gr.Button, inputs: list[Any]) -> None:
    async def translated(name: str, payload: Any, scale: str) -> AsyncIterator[Updates]:
        with told():
            files = [path for item in payload or [] if (path := uploaded(item))]
            if not files:
                raise ConfigError("no photo was given; choose some first")
            follow = Follow[Step, Batch](
                lambda tell, stop: translate_files(models, name, files, scale, tell, stop, most=most)
            )
            async with aclosing(_shown(panel, follow)) as every:
                async for updates in every:
                    yield updates
            yield panel.end(follow.result, _sum_up(follow.result))

    wire_start(panel, start, translated, inputs, "batch-status")


def _on_folder(models: Models, settings: Settings, panel: _Panel, start: gr.Button, inputs: list[Any]) -> None:
    async def translated(name: str, source: str, out: str, scale: str) -> AsyncIterator[Updates]:
        with told():
            folder, target = server_folder(settings, source), server_folder(settings, out, new=True)
            assert settings.data_root is not None
            root = settings.data_root.resolve()
            follow = Follow[Step, Batch](
                lambda tell, stop: translate_folder(models, name, folder, target, root, scale, tell, stop)
            )
            async with aclosing(_shown(panel, follow)) as every:
                async for updates in every:
                    yield updates
            skipped = follow.result.skipped
            more = f"{skipped} were there already and are kept" if skipped else ""
            yield panel.end(follow.result, _sum_up(follow.result, f"in {target.relative_to(root)}", more))

    wire_start(panel, start, translated, inputs, "batch-status")


def _on_stop_and_open(panel: _Panel) -> None:
    def opened(shown: list[Shown] | None, event: gr.SelectData) -> Updates:
        with told():
            if not shown or not isinstance(event.index, int) or not 0 <= event.index < len(shown):
                return {panel.slider: gr.skip()}
            one = shown[event.index]
            value = (str(one.before), str(one.after))
            return {panel.slider: gr.ImageSlider(value, label=one.name, show_label=True, visible=True)}

    wire_stop(panel.stop, panel.stopper)
    panel.gallery.select(
        opened, panel.shown, panel.slider, queue=False, api_visibility="private", show_progress="hidden"
    )


async def _shown(panel: _Panel, follow: Follow[Step, Batch]) -> AsyncGenerator[Updates, None]:
    yield panel.begin(follow.stop)
    began, shown = time.monotonic(), list[Shown]()
    async with aclosing(follow.news()) as news:
        async for steps in news:
            yield panel.news(steps, shown, began)


def _sum_up(batch: Batch, where: str = "", more: str = "") -> str:
    count = f"{batch.written} {'file' if batch.written == 1 else 'files'} translated"
    parts = [f"{count} {where}".rstrip(), f"{len(batch.failed)} could not be" if batch.failed else "", more]
    told = "; ".join(part for part in parts if part)
    return f"{'Stopped: ' if batch.stopped else ''}{told} ({batch.seconds:.1f} s, {batch.device})"


def _pictures(shown: list[Shown]) -> list[tuple[str, str]]:
    return [(str(one.thumb), one.name) for one in shown]
