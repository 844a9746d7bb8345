"""The Generate tab: faces of seeds, on the way from one to another, mixed of two, or of a text alone."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from translate.errors import ConfigError
from translate.ui import edit_cards, edit_work, generate_work, ways
from translate.ui.edit_work import FREE_STEPS, parse_steps
from translate.ui.editors import Editors
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.generate_work import Made
from translate.ui.guard import KEEP_SECONDS, uploaded
from translate.ui.models import Models
from translate.ui.settings import Settings
from translate.ui.ways import wire_stop
from translate.ui.work import Follow

_MODES = [
    ("Faces of seeds", "seeds"),
    ("From one face to another", "way"),
    ("Mix two faces", "mix"),
    ("From words alone", "words"),
]
_END_HELP = "or a photo of a face alone, or a saved face"
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}
_QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden"} | _PRIVATE


@dataclass(frozen=True)
class _Asked:
    """The components of the left-hand side."""

    model: gr.Dropdown
    mode: gr.Radio
    seeds: gr.Textbox
    truncation: gr.Slider
    ends: gr.Column
    first_seed: gr.Number
    first_file: gr.File
    last_seed: gr.Number
    last_file: gr.File
    prompt: gr.Textbox
    steps: gr.Slider
    make: gr.Button

    def inputs(self) -> list[Any]:
        """What decides the faces."""
        return [
            self.model, self.mode, self.seeds, self.truncation, self.first_seed, self.first_file, self.last_seed,
            self.last_file, self.prompt, self.steps,
        ]  # fmt: skip


@dataclass(frozen=True)
class _Shown:
    """The components of the right-hand side."""

    welcome: gr.HTML
    busy: gr.Row
    status: gr.HTML
    stop: gr.Button
    gallery: gr.Gallery
    moving: gr.Image
    downloads: gr.Row
    sheet: gr.DownloadButton
    animation: gr.DownloadButton
    stopper: gr.State

    def show(self, made: Made) -> Updates:
        """The faces and their files."""
        files = [*map(str, made.shown), str(made.sheet)] + ([str(made.animation)] if made.animation else [])
        self.gallery.temp_files.update(files)  # Gradio deletes these when they are old
        captions = [name.replace("-", " ") for name in made.names]
        moving = str(made.animation) if made.animation else None
        return self.idle() | {
            self.welcome: gr.HTML(visible=False),
            self.gallery: gr.Gallery(
                value=list(zip(map(str, made.shown), captions, strict=True)), visible=True,
                columns=min(4, len(made.shown)),
            ),
            self.moving: gr.Image(value=moving, visible=moving is not None),
            self.downloads: gr.Row(visible=True),
            self.sheet: gr.DownloadButton(value=str(made.sheet)),
            self.animation: gr.DownloadButton(value=moving, visible=moving is not None),
        }  # fmt: skip

    def working(self, text: str) -> Updates:
        """What goes on, and a button to stop it."""
        return ways.going_on(self.busy, self.status, self.stop, text)

    def idle(self) -> Updates:
        """Nothing goes on."""
        return ways.idle(self.busy, self.status)

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        return [getattr(self, name) for name in self.__dataclass_fields__]


def generate_tab(models: Models, settings: Settings) -> None:
    """Add the tab's content to the Blocks being built; the endpoint `/generate` is added with `/edit`."""
    editors = models.editors
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=4, min_width=300):
            asked = _asked(editors)
        with gr.Column(scale=7, min_width=300):
            shown = _shown(editors.default() is not None)
    _connect(editors, asked, shown)


def _asked(editors: Editors) -> _Asked:
    choices = editors.choices()
    model = gr.Dropdown(
        choices, value=editors.default(), label="Model of faces", filterable=False, visible=len(choices) != 1,
        elem_id="generate-model",
    )  # fmt: skip
    mode = gr.Radio(_MODES, value="seeds", label="What", elem_id="generate-mode")
    seeds = gr.Textbox(
        "0-15", label="Seeds", info="Numbers and ranges, as 0-15 or 3,8. The same number is the same face.",
        max_length=300, elem_id="generate-seeds",
    )  # fmt: skip
    truncation = gr.Slider(
        0, 1.5, 0.7, step=0.05, label="Truncation", info="Less is nearer to the mean face: safer, less various.",
        buttons=[], elem_id="generate-truncation",
    )  # fmt: skip
    with gr.Column(visible=False) as ends:
        first_seed, first_file = _end("First", 3, "generate-first")
        last_seed, last_file = _end("Last", 8, "generate-last")
    prompt = gr.Textbox(
        label="What to see", placeholder="an old woman", max_length=300, visible=False, elem_id="generate-prompt"
    )
    steps = gr.Slider(*FREE_STEPS, 100, step=10, label="Steps", visible=False, buttons=[], elem_id="generate-steps")
    make = gr.Button("Make", variant="primary", elem_id="generate-go")
    return _Asked(
        model, mode, seeds, truncation, ends, first_seed, first_file, last_seed, last_file, prompt, steps, make
    )


def _end(which: str, seed: int, name: str) -> tuple[gr.Number, gr.File]:
    number = gr.Number(seed, label=f"{which} face: a seed", precision=0, minimum=0, elem_id=f"{name}-seed")
    file = gr.File(
        label=f"{which} face: {_END_HELP}", file_types=["image", ".safetensors"], height=100, elem_id=f"{name}-file"
    )
    return number, file


def _shown(has_models: bool) -> _Shown:
    with gr.Row(visible=False, elem_classes="tr-row") as busy:
        status = gr.HTML(js_on_load=None, elem_id="generate-status", min_width=120)
        stop = gr.Button("Stop", size="sm", elem_id="generate-stop", scale=0, min_width=90)
    welcome = gr.HTML(
        edit_cards.FACES_WELCOME if has_models else edit_cards.NO_FACES, js_on_load=None, elem_id="generate-welcome"
    )
    moving = gr.Image(
        label="On the way and back", visible=False, interactive=False, buttons=[], height=280, format="gif",
        elem_id="generate-moving", alt_text="One face becoming another",
    )  # fmt: skip
    gallery = gr.Gallery(
        label="Faces", visible=False, interactive=False, object_fit="contain", height="auto",
        elem_id="generate-gallery", buttons=["download", "fullscreen"], preview=False,
    )  # fmt: skip
    with gr.Row(visible=False, elem_classes="tr-row") as downloads:
        sheet = gr.DownloadButton("Download the sheet", variant="primary", elem_id="generate-sheet", min_width=160)
        animation = gr.DownloadButton("Download the animation", elem_id="generate-animation", min_width=160)
    stopper = gr.State(time_to_live=KEEP_SECONDS)
    return _Shown(welcome, busy, status, stop, gallery, moving, downloads, sheet, animation, stopper)


def _connect(editors: Editors, asked: _Asked, shown: _Shown) -> None:
    async def made(
        model: str, mode: str, seeds: Any, truncation: Any, first_seed: Any, first_file: Any, last_seed: Any,
        last_file: Any, prompt: Any, steps: Any,
    ) -> AsyncIterator[Updates]:  # fmt: skip
        given = (seeds, truncation, first_seed, first_file, last_seed, last_file, prompt, steps)
        with told():
            follow = Follow[Any, Made](lambda tell, cancelled: _make(editors, model, mode, given, cancelled, tell))
            yield shown.working("Making faces …") | {shown.stopper: follow.stop}
            async with aclosing(follow.news()) as news:
                async for seen in news:
                    step = f"Step {seen[-1].step} of {seen[-1].steps}" if seen else ""
                    yield shown.working(step) if seen else {shown.stop: gr.skip()}
            yield shown.show(follow.result)

    for start in (asked.make.click, asked.seeds.submit, asked.prompt.submit):
        done = start(
            made, asked.inputs(), shown.components(), preprocess=False, show_progress="minimal",
            show_progress_on=[shown.welcome, shown.gallery], **_PRIVATE, **ONE_AT_A_TIME,
        )  # fmt: skip
        done.failure(shown.idle, None, [shown.busy, shown.status], **_QUICK)
    _on_mode(asked)
    wire_stop(shown.stop, shown.stopper)


def _on_mode(asked: _Asked) -> None:
    """Show what belongs to what is made."""

    def chosen(mode: str) -> Updates:
        return {
            asked.seeds: gr.Textbox(visible=mode == "seeds"),
            asked.truncation: gr.Slider(visible=mode == "seeds"),
            asked.ends: gr.Column(visible=mode in ("way", "mix")),
            asked.prompt: gr.Textbox(visible=mode == "words"),
            asked.steps: gr.Slider(visible=mode == "words"),
        }

    asked.mode.input(
        chosen, asked.mode, [asked.seeds, asked.truncation, asked.ends, asked.prompt, asked.steps], **_QUICK
    )


def _make(editors: Editors, model: str, mode: str, given: tuple[Any, ...], cancelled: Any, report: Any) -> Made:
    seeds, truncation, first_seed, first_file, last_seed, last_file, prompt, steps = given
    if mode == "seeds":
        return generate_work.of_seeds(editors, model, seeds or "", truncation, cancelled)
    if mode == "words":
        return generate_work.of_words(editors, model, prompt or "", parse_steps(steps, FREE_STEPS), cancelled, report)
    first, last = _chosen(first_file, first_seed), _chosen(last_file, last_seed)
    if mode == "way":
        return generate_work.between(editors, model, first, last, cancelled)
    if mode == "mix":
        return generate_work.mixed(editors, model, first, last, cancelled)
    raise ConfigError(f"{str(mode)[:40]!r} is nothing to make")


def _chosen(file: Any, seed: Any) -> str | Path:
    return uploaded(file) or str(edit_work.parse_seed(seed))
