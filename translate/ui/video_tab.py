"""A clip, frame by frame: part of the Translate tab."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from translate.errors import ConfigError
from translate.inference.files import CLIPS
from translate.ui import cards, status
from translate.ui.clip import MAX_FRAMES, MAX_FRAMES_PUBLIC, NO_PYAV, Finished, is_available, look, translate_clip
from translate.ui.events import Updates, told
from translate.ui.guard import KEEP_SECONDS, uploaded
from translate.ui.models import Models
from translate.ui.settings import Settings
from translate.ui.ways import wire_start, wire_stop
from translate.ui.work import Follow

_WELCOME = """<div class="tr-welcome tr-small"><h2>Your clip, translated frame by frame</h2>
<ol><li>Choose a model.</li><li>Drop a clip of at most MOST frames.</li>
<li>Watch and download the result; its sound is kept.</li></ol></div>"""
_SMOOTH_HELP = "Steadies what stands still, against flicker; 0 leaves every frame as it is."
_OVERLAY_HELP = "1 shows the result alone, less lets the clip shine through."
_Progress = tuple[int, int]


@dataclass(frozen=True)
class _Panel:
    welcome: gr.HTML
    line: gr.HTML
    player: gr.Video
    facts: gr.HTML
    download: gr.DownloadButton
    stop: gr.Button
    stopper: gr.State

    def components(self) -> list[Any]:
        return [getattr(self, name) for name in self.__dataclass_fields__]

    def begin(self, stopper: Event) -> Updates:
        return {
            self.welcome: gr.HTML(visible=False),
            self.line: gr.HTML(status.status(0, 1, "Getting ready"), visible=True),
            self.player: gr.Video(None, visible=False),
            self.facts: gr.HTML("", visible=False),
            self.download: gr.DownloadButton(visible=False),
            self.stop: gr.Button(visible=True),
            self.stopper: stopper,
        }

    def news(self, frames: list[_Progress], began: float) -> Updates:
        if not frames:
            return {self.stop: gr.skip()}
        done, total = frames[-1]
        left = status.remaining((time.monotonic() - began) / done * (total - done))
        return {self.line: status.status(done, total, f"{done} of about {total} frames, {left} left")}

    def end(self, clip: Finished) -> Updates:
        updates: Updates = {self.stop: gr.Button(visible=False), self.stopper: None}
        if clip.file is None:
            return updates | {self.line: status.told_status("Stopped: a clip is kept whole or not at all.")}
        self.player.temp_files.add(str(clip.file))
        facts = [
            ("Frames", f"{clip.frames}"),
            ("Size", f"{clip.width} × {clip.height}"),
            ("Time", f"{clip.seconds:.1f} s, {clip.seconds / clip.frames * 1000:.0f} ms a frame"),
            ("Device", clip.device),
        ]
        return updates | {
            self.line: gr.HTML("", visible=False),
            self.player: gr.Video(str(clip.file), visible=True),
            self.facts: gr.HTML(cards.run_facts(facts), visible=True),
            self.download: gr.DownloadButton(value=str(clip.file), visible=True),
        }


def video_tab(models: Models, settings: Settings) -> gr.Dropdown:
    """Add the content to the Blocks being built; its menu of models is given back."""
    most = MAX_FRAMES_PUBLIC if settings.public else MAX_FRAMES
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=4, min_width=300):
            model = gr.Dropdown(
                models.choices(), value=models.default(), label="Model", filterable=False, elem_id="video-model"
            )
            clip = gr.Video(
                label="Clip", sources=["upload"], height=260, buttons=[], include_audio=True, elem_id="video-clip"
            )
            told_facts = gr.HTML(visible=False, js_on_load=None, elem_id="video-told")
            smooth = gr.Slider(0, 1, 0.5, step=0.05, label="Smoothing", info=_SMOOTH_HELP, buttons=[],
                               elem_id="video-smooth")  # fmt: skip
            overlay = gr.Slider(0, 1, 1, step=0.05, label="Strength over the clip", info=_OVERLAY_HELP, buttons=[],
                                elem_id="video-overlay")  # fmt: skip
            start = gr.Button("Translate the clip", variant="primary", elem_id="video-start", interactive=False)
        with gr.Column(scale=7, min_width=300):
            panel = _panel(most)
    _on_clip(most, clip, told_facts, start)
    _on_start(models, most, panel, start, [model, clip, smooth, overlay])
    return model


def _panel(most: int) -> _Panel:
    card = (
        _WELCOME.replace("MOST", f"{most:,}")
        if is_available()
        else f'<div class="tr-welcome tr-small"><p>{NO_PYAV}</p></div>'
    )
    welcome = gr.HTML(card, js_on_load=None, elem_id="video-welcome")
    line = gr.HTML(visible=False, js_on_load=None, elem_id="video-status")
    stop = gr.Button("Stop", visible=False, elem_id="video-stop")
    player = gr.Video(
        label="Translated clip", interactive=False, visible=False, buttons=[], height=420, elem_id="video-result"
    )
    # The file as it is: Gradio would have FFmpeg convert some kinds first, all of which browsers play.
    vars(player)["postprocess"] = _as_it_is
    with gr.Row(elem_classes="tr-bottom"):
        facts = gr.HTML(visible=False, js_on_load=None, elem_id="video-facts", scale=4, min_width=280)
        download = gr.DownloadButton(
            "Download clip", variant="primary", visible=False, elem_id="video-download", min_width=170
        )
    return _Panel(welcome, line, player, facts, download, stop, gr.State(time_to_live=KEEP_SECONDS))


def _as_it_is(value: str | None) -> FileData | None:
    return None if value is None else FileData(path=value, orig_name=Path(value).name)


def _on_clip(most: int, clip: gr.Video, told_facts: gr.HTML, start: gr.Button) -> None:
    """Say what was given before anything is started."""

    def given(payload: Any) -> Updates:
        nothing: Updates = {told_facts: gr.HTML("", visible=False), start: gr.Button(interactive=False)}
        with told():
            path = _clip_of(payload)
            if path is None:
                return nothing
            facts = look(path, most)
            lines = [("Length", f"{facts.seconds:.1f} s"), ("Frames", f"about {facts.frames}"),
                     ("Size", f"{facts.width} × {facts.height}")]  # fmt: skip
            return {told_facts: gr.HTML(cards.run_facts(lines), visible=True), start: gr.Button(interactive=True)}

    clip.change(
        given, clip, [told_facts, start], preprocess=False, queue=False, api_visibility="private",
        show_progress="hidden",
    ).failure(
        lambda: gr.Button(interactive=False), None, start, queue=False, api_visibility="private"
    )  # fmt: skip


def _on_start(models: Models, most: int, panel: _Panel, start: gr.Button, inputs: list[Any]) -> None:
    async def translated(name: str, payload: Any, smooth: float, overlay: float) -> AsyncIterator[Updates]:
        with told():
            path = _clip_of(payload)
            if path is None:
                raise ConfigError(f"no clip was given; choose one ({' '.join(sorted(CLIPS))})")
            smooth, overlay = (min(max(float(value), 0.0), 1.0) for value in (smooth, overlay))
            follow = Follow[_Progress, Finished](
                lambda tell, stop: translate_clip(models, name, path, smooth, overlay, tell, stop, most=most)
            )
            yield panel.begin(follow.stop)
            began = time.monotonic()
            async with aclosing(follow.news()) as news:
                async for frames in news:
                    yield panel.news(frames, began)
            yield panel.end(follow.result)

    wire_start(panel, start, translated, inputs, "video-status")

    wire_stop(panel.stop, panel.stopper)


def _clip_of(payload: Any) -> Path | None:
    return uploaded(payload.get("video") if isinstance(payload, dict) and "video" in payload else payload)
