"""The Evaluate tab, the owner's: models scored on data, trainings compared, and the endpoint `/evaluate`."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import gradio as gr

from translate.ui import tables
from translate.ui.compare_runs import compare_panel
from translate.ui.controls import controls
from translate.ui.evaluate_run import Ask, Evaluated, evaluate
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.models import Models
from translate.ui.settings import Settings
from translate.ui.work import working

_SPLITS: list[Any] = [("what was held out (auto)", "auto"), "val", "test", "train", "all"]
_SCALES: list[Any] = [("as trained (auto)", "auto"), "square", "keep", "native", ("as Translate does it (own)", "own")]
_DIRECTIONS: list[Any] = [("the model's own", ""), "AtoB", "BtoA"]
_EMPTY = """<div class="tr-welcome tr-small"><h2>How good is a model?</h2>
<ol><li>Choose one model, or several to stand side by side.</li>
<li>Give the data: pairs in any layout that training takes, or two folders for a model that learnt without pairs.</li>
<li>Every figure that fits is measured, with pictures to look at and a report to keep.</li></ol></div>"""


def evaluate_tab(models: Models, settings: Settings) -> None:
    """Add the tab's content and its endpoint to the Blocks being built."""
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=4, min_width=300):
            inputs = _asked(models, settings)
            control = controls("Evaluate", "evaluate")
        with gr.Column(scale=7, min_width=300):
            found = _found()
    figures, sheet, download = found

    async def begun(
        models_: Any, upload: Any, folder: Any, split: Any, at: Any, direction: Any
    ) -> AsyncIterator[Updates]:
        ask = Ask(models=models_, upload=upload, folder=folder, split=split, at=at, direction=direction)
        following = control.followed(
            lambda tell, cancelled: evaluate(models, settings, ask, tell, cancelled),
            lambda done: _shown(done, figures, sheet, download),
            "Cancelled; nothing of it is kept.",
        )
        async with aclosing(following):
            async for updates in following:
                yield updates

    started = control.start.click(
        begun, inputs, [*control.components(), *found],
        preprocess=False, api_visibility="private", show_progress="hidden", **ONE_AT_A_TIME,
    )  # fmt: skip
    control.wire(started)
    compare_panel()
    _endpoint(models, settings)


def _found() -> tuple[gr.HTML, gr.Image, gr.DownloadButton]:
    """Where the figures, the pictures and the report appear."""
    figures = gr.HTML(_EMPTY, js_on_load=None, elem_id="evaluate-figures")
    download = gr.DownloadButton("Download the report", variant="primary", visible=False, elem_id="evaluate-download")
    sheet = gr.Image(
        label="What was given, what was made of it, and the truth", show_label=False, format="png", interactive=False,
        visible=False, buttons=["fullscreen"], elem_id="evaluate-sheet",
        alt_text="What was given, what was made of it, and the truth, side by side",
    )  # fmt: skip
    return figures, sheet, download


def _asked(models: Models, settings: Settings) -> list[Any]:
    """The components that say what is to be evaluated, in the order of an Ask."""
    chosen = gr.Dropdown(
        models.choices(), value=[], multiselect=True, label="Models", elem_id="evaluate-models",
        info="Several are scored on the same data.",
    )  # fmt: skip
    folder = gr.Textbox(
        label="A folder below the data root", placeholder="camvid", visible=settings.data_root is not None,
        elem_id="evaluate-folder",
    )  # fmt: skip
    upload = gr.File(label="A zip of the data", elem_id="evaluate-upload", height=120)
    with gr.Accordion("More settings", open=False):
        split = gr.Dropdown(_SPLITS, value="auto", label="Which pairs are scored", elem_id="evaluate-split")
        at = gr.Dropdown(_SCALES, value="auto", label="At which scale", elem_id="evaluate-at")
        direction = gr.Dropdown(_DIRECTIONS, value="", label="Direction", elem_id="evaluate-direction")
    gr.on(
        None, lambda: gr.Dropdown(models.choices()), None, chosen,
        queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    return [chosen, upload, folder, split, at, direction]


def _shown(done: Evaluated, figures: gr.HTML, sheet: gr.Image, download: gr.DownloadButton) -> Updates:
    sheet.temp_files.update(map(str, (done.sheet, done.file)))  # Gradio deletes these after an hour
    return {
        figures: tables.of_reports(done.reports),
        sheet: gr.Image(str(done.sheet), visible=True),
        download: gr.DownloadButton(value=str(done.file), visible=True),
    }


def _endpoint(loaded: Models, settings: Settings) -> None:
    async def endpoint(
        models: str, data: Any, folder: str = "", split: str = "auto", at: str = "auto", direction: str = ""
    ) -> tuple[dict[str, Any], str]:
        """Score `models`, names with commas between, on the zip `data` or on `folder` below the data root.

        Gives the record that `translate evaluate --json` writes, and a zip with the report and its pictures.
        """
        with told():
            ask = Ask(models=models, upload=data, folder=folder, split=split, at=at, direction=direction)
            done = await working(lambda cancelled: evaluate(loaded, settings, ask, cancelled=cancelled))
            return done.record(), str(done.file)

    data = gr.File(label="data", visible=False)
    # Shown on the API page; Gradio's own example is an address that the guard would refuse to fetch.
    example = {"path": "pairs.zip", "url": "pairs.zip", "meta": {"_type": "gradio.FileData"}}
    vars(data)["example_payload"] = lambda: example
    inputs = [
        gr.Textbox(loaded.default(), label="models", visible=False),
        data,
        *(gr.Textbox(value, label=label, visible=False) for label, value in (("folder", ""), ("split", "auto"))),
        *(gr.Textbox(value, label=label, visible=False) for label, value in (("at", "auto"), ("direction", ""))),
    ]
    outputs = [gr.JSON(label="record", visible=False), gr.File(label="report", visible=False)]
    button = gr.Button(visible=False)
    button.click(endpoint, inputs, outputs, api_name="evaluate", preprocess=False, **ONE_AT_A_TIME)
