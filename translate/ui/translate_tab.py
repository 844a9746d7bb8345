"""The Translate tab: a photo in, its translation out, and the same as the API endpoint `/apply`.

One photo is its front door; many photos, a clip, the camera and several models are doors beside it.
"""

import functools
from asyncio import to_thread
from dataclasses import dataclass
from typing import Any

import gradio as gr

from translate.errors import TranslateError
from translate.ui import cards
from translate.ui.batch_tab import batch_tab
from translate.ui.camera_tab import camera_tab
from translate.ui.compare_tab import compare_tab
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.examples import examples
from translate.ui.guard import KEEP_SECONDS, uploaded
from translate.ui.models import Models
from translate.ui.run import Comparison, Run, blend, compare, run
from translate.ui.settings import Settings
from translate.ui.video_tab import video_tab
from translate.ui.work import working

STRENGTH = 0.6

_SCALES = [("Model's own", "auto"), ("Photo's pixels", "native")]
_SCALE_HELP = "The model's own suits whole photos, the photo's pixels suit close crops."
_PHOTO_HINT = "Drop a photo here\n or click to choose one"
# On a phone the result is below the photo: bring it into view.
_SCROLL = """() => { const at = document.getElementById("comparison");
if (at && at.getBoundingClientRect().top > innerHeight * 0.4) at.scrollIntoView({block: "start",
behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"}); }"""
# Gradio gives the buttons a picture and no name for those who can't see it.
_NAME_EXAMPLES = """() => document.querySelectorAll("#examples button").forEach(button => button.ariaLabel =
"Example: " + button.querySelector("img").src.split("/").pop().split(".")[0].replaceAll("-", " "))"""


@dataclass(frozen=True)
class _Results:
    """The components of the right-hand side."""

    welcome: gr.HTML
    panel: gr.Column
    slider: gr.ImageSlider
    strength: gr.Slider
    scale: gr.Radio
    facts: gr.HTML
    legend: gr.HTML
    download: gr.DownloadButton
    comparison: gr.State

    def empty(self) -> Updates:
        """What a newcomer sees."""
        return {self.welcome: gr.HTML(visible=True), self.panel: gr.Column(visible=False), self.comparison: None}

    def show(self, done: Run, strength: float) -> Updates:
        """What a finished run looks like."""
        shown = compare(done)
        self.slider.temp_files.update(map(str, (shown.before, shown.after)))  # Gradio deletes these after an hour
        return {
            self.welcome: gr.HTML(visible=False),
            self.panel: gr.Column(visible=True),
            self.slider: (str(shown.before), str(blend(shown, strength))),
            self.strength: gr.Slider(visible=shown.is_labels),
            self.facts: cards.run_facts(_facts(done)),
            self.legend: gr.HTML(cards.legend(done.config.classes, done.translation.shares), visible=shown.is_labels),
            self.download: gr.DownloadButton(value=str(done.file)),
            self.comparison: shown,
        }

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        return [getattr(self, name) for name in self.__dataclass_fields__]


def translate_tab(models: Models, settings: Settings) -> None:
    """Add the tab's content and its endpoint to the Blocks being built."""
    with gr.Tabs(elem_id="ways"):
        with gr.Tab("One photo", elem_id="way-one"):
            model = _one_photo(models)
        with gr.Tab("Many photos", elem_id="way-batch"):
            menus = [batch_tab(models, settings)]
        with gr.Tab("Video", elem_id="way-video"):
            menus.append(video_tab(models, settings))
        with gr.Tab("Camera", elem_id="way-camera"):
            menus.append(camera_tab(models))
        with gr.Tab("Compare models", elem_id="way-compare"):
            several = compare_tab(models)
    _keep_listed(models, menus, several)
    # The model chosen for one photo is likely the one wanted for many; each way may choose another.
    model.input(None, model, menus, js=f"name => Array({len(menus)}).fill(name)", api_visibility="private")
    _endpoint(models)


def _one_photo(models: Models) -> gr.Dropdown:
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=4, min_width=300):
            model = _model_picker(models)
            photo = gr.Image(
                label="Photo", type="filepath", image_mode=None, sources=["upload", "clipboard", "webcam"],
                height=280, placeholder=_PHOTO_HINT, buttons=[], elem_id="photo",
                alt_text="The photo to translate",
                # A mirrored street sign is of no use; a phone's own lens looks at its owner.
                webcam_options=gr.WebcamOptions(False, {"video": {"facingMode": {"ideal": "environment"}}}),
            )  # fmt: skip
            chosen = _example_strip(models, model, photo)
        with gr.Column(scale=7, min_width=300):
            results = _result_panel(models)
    _on_change(models, model, photo, chosen, results)
    return model


def _keep_listed(models: Models, menus: list[gr.Dropdown], several: gr.Dropdown) -> None:
    """On every visit list the models anew in the menus of the other ways."""

    def listed(*chosen: Any) -> list[gr.Dropdown]:
        choices = models.choices()
        names = {name for _, name in choices}
        values = [name if name in names else models.default() for name in chosen[:-1]]
        known = [name for name in chosen[-1] or [] if name in names]
        return [gr.Dropdown(choices, value=value) for value in [*values, known]]

    every = [*menus, several]
    gr.on(None, listed, every, every, preprocess=False, queue=False, show_progress="hidden", api_visibility="private")


def _on_change(models: Models, model: gr.Dropdown, photo: gr.Image, chosen: list[Any], results: _Results) -> None:
    async def translated(name: str, picture: Any, how: str, strength: float) -> Updates:
        with told():
            path = uploaded(picture)
            if path is None:
                return results.empty()
            done = await working(lambda cancelled: run(models, name, path, how, cancelled))
            return await to_thread(results.show, done, strength)

    def blended(comparison: Comparison | None, strength: float) -> Any:
        if comparison is None:
            return gr.skip()
        with told():
            return str(comparison.before), str(blend(comparison, strength))

    # Input, not change: an example sets photo and model, and is one run.
    by_hand = functools.partial(gr.on, [photo.input, model.input, results.scale.input])
    for start in (by_hand, *chosen):
        # Without Gradio's own preprocessing: it would decode the photo before our limits are checked.
        done = start(
            translated, [model, photo, results.scale, results.strength], results.components(),
            preprocess=False, trigger_mode="always_last", api_visibility="private",
            show_progress="minimal", show_progress_on=[results.welcome, results.slider], **ONE_AT_A_TIME,
        )  # fmt: skip
        done.success(None, js=_SCROLL, api_visibility="private")
        done.failure(results.empty, None, results.components(), queue=False, api_visibility="private")
    results.strength.input(
        blended, [results.comparison, results.strength], results.slider,
        preprocess=False, trigger_mode="always_last", api_visibility="private", show_progress="hidden",
        concurrency_limit=2,
    )  # fmt: skip


def _model_picker(models: Models) -> gr.Dropdown:
    first = models.default()
    with gr.Group():
        model = gr.Dropdown(models.choices(), value=first, label="Model", filterable=False, elem_id="model")
        card = gr.HTML(_card(models, first), js_on_load=None, elem_id="model-card")
    model.change(
        lambda name: _card(models, name), model, card,
        preprocess=False, queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip

    def listed() -> Updates:
        choices = models.choices()
        if any(name == first for _, name in choices):
            return {model: gr.Dropdown(choices)}
        return {model: gr.Dropdown(choices, value=models.default()), card: _card(models, models.default())}

    # On every visit: a training may have finished since the page was built.
    visit = gr.on(None, listed, None, [model, card], queue=False, show_progress="hidden", api_visibility="private")
    visit.then(None, js=_NAME_EXAMPLES, api_visibility="private")
    return model


def _example_strip(models: Models, model: gr.Dropdown, photo: gr.Image) -> list[Any]:
    """Show the examples; what can follow a choice is given back."""
    names = [name for _, name in models.choices()]
    shipped = examples(names)
    if not shipped:
        return []
    strip = gr.Dataset(
        label="No photo at hand? Try one of these, each with its model",
        components=[gr.Image(render=False)], type="index",
        samples=[[str(example.path)] for example in shipped], samples_per_page=len(shipped), layout="gallery",
        elem_id="examples",
    )  # fmt: skip

    def take(index: int) -> Updates:
        copy = strip.samples[index][0]["path"]
        known = shipped[index].model
        return {photo: copy, model: known} if known else {photo: copy}

    taken = strip.click(take, strip, [photo, model], queue=False, show_progress="hidden", api_visibility="private")
    return [taken.success]


def _result_panel(models: Models) -> _Results:
    welcome = gr.HTML(cards.WELCOME if models.choices() else cards.NO_MODELS, js_on_load=None, elem_id="welcome")
    with gr.Column(visible=False, elem_id="result") as panel:
        slider = gr.ImageSlider(
            label="Before and after", show_label=False, interactive=False, buttons=["fullscreen"], max_height=540,
            elem_id="comparison",
        )  # fmt: skip
        strength = gr.Slider(0, 1, STRENGTH, step=0.05, label="Strength of the overlay", buttons=[], elem_id="strength")
        with gr.Row(elem_classes="tr-bottom"):
            facts = gr.HTML(js_on_load=None, elem_id="facts", scale=4, min_width=280)
            download = gr.DownloadButton("Download PNG", variant="primary", elem_id="download", min_width=170)
        legend = gr.HTML(js_on_load=None, elem_id="legend")
        scale = gr.Radio(_SCALES, value="auto", label="Scale to work at", info=_SCALE_HELP, elem_id="scale")
    kept = gr.State(time_to_live=KEEP_SECONDS)
    return _Results(welcome, panel, slider, strength, scale, facts, legend, download, kept)


def _endpoint(models: Models) -> None:
    async def apply(model: str, image: Any, scale: str = "auto") -> tuple[str, dict[str, Any]]:
        """Translate a photo: `model` by name, `scale` auto, native or a factor. Gives a PNG and the run's details."""
        with told():
            path = uploaded(image)
            if path is None:
                raise gr.Error("No photo was given.", print_exception=False)
            done = await working(lambda cancelled: run(models, model, path, scale, cancelled))
            return str(done.file), done.details()

    image = gr.Image(type="filepath", label="image", visible=False)
    # Shown on the API page; Gradio's own example is an address that the guard would refuse to fetch.
    example = {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}}
    vars(image)["example_payload"] = lambda: example
    inputs = [
        gr.Textbox(models.default(), label="model", visible=False),
        image,
        gr.Textbox("auto", label="scale", visible=False),
    ]
    outputs = [gr.Image(format="png", label="result", visible=False), gr.JSON(label="details", visible=False)]
    button = gr.Button(visible=False)
    button.click(apply, inputs, outputs, api_name="apply", preprocess=False, **ONE_AT_A_TIME)


def _card(models: Models, name: object) -> str:
    try:
        return cards.model_card(models.entry(name).config)
    except TranslateError:
        return ""


def _facts(done: Run) -> list[tuple[str, str]]:
    width, height = done.size
    scale = done.translation.scale
    facts = [
        ("Time", f"{done.translation.seconds * 1000:.0f} ms"),
        ("Device", done.device),
        ("Precision", done.precision),
        ("Photo", f"{width} × {height}"),
        ("Seen at", f"{max(1, round(width * scale))} × {max(1, round(height * scale))} (× {scale:.3g})"),
    ]
    return [*facts, ("Fine detail", "the photo's own")] if done.translation.kept_detail else facts
