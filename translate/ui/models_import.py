"""Adding a model from a file: one that is uploaded, or one below the data root."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from translate import catalog
from translate.errors import ConfigError
from translate.ui import guard
from translate.ui.events import Updates, told
from translate.ui.folders import server_file
from translate.ui.settings import Settings
from translate.ui.status import note

_ABOUT = """<p class="tr-note">Taken are weights of the pix2pix and CycleGAN project (<code>.pth</code>), StyleGAN2
generators of NVIDIA (<code>.pkl</code>), rosinality (<code>.pt</code>) and mmgeneration (<code>.pth</code>), and a zip
of a model folder of this program. Nothing in the file is run. An upload may have 2 GB (<code>--max-upload</code>); a
larger file is named below the data root, or imported by <code>translate models import</code>.</p>"""
_STATISTICS = [("what it tracked in training", "tracked"), ("each picture's own", "picture")]


def import_panel(settings: Settings, listed: Callable[[str, str], Updates], outputs: list[Any]) -> None:
    """Add the panel; `listed` gives the list anew with the new model chosen, as values for `outputs`."""
    with gr.Accordion("Add a model from a file", open=False, elem_id="models-import"):
        gr.HTML(_ABOUT, js_on_load=None)
        inputs = _asked(settings)
        button = gr.Button("Add it", variant="primary", elem_id="import-start")
        status = gr.HTML(js_on_load=None, elem_id="import-status")
    file, path, name, *_ = inputs

    def add(upload: Any, text: str, given: str, title: str, licence: str, statistics: str) -> Updates:
        with told():
            source = guard.uploaded(upload) or _below_the_root(settings, text)
            chosen = given.strip() or suggested(source)
            said = import_model(source, chosen, title.strip(), licence.strip(), statistics)
            return listed("", chosen) | {status: note(said, "tr-good"), file: None, path: "", name: ""}

    button.click(
        add, inputs, [*outputs, status, file, path, name],
        preprocess=False, api_visibility="private", concurrency_limit=1, concurrency_id="import",
        show_progress="minimal", show_progress_on=status,
    )  # fmt: skip


def _asked(settings: Settings) -> list[Any]:
    """The components that say what is to be imported, and under which name."""
    file = gr.File(label="Weights, or a zip of a model folder", elem_id="import-file", height=120)
    path = gr.Textbox(
        label="Or a file below the data root", visible=settings.data_root is not None, elem_id="import-path"
    )
    with gr.Row():
        name = gr.Textbox(label="Name", placeholder="default: the file's own", elem_id="import-name")
        title = gr.Textbox(label="What it is, in a few words", elem_id="import-title")
        licence = gr.Textbox(label="Terms of the weights", elem_id="import-licence")
    statistics = gr.Radio(
        _STATISTICS, value="tracked", label="Batch norm goes by", elem_id="import-statistics",
        info="Only pix2pix weights have one: the project tests its models with each picture's own.",
    )  # fmt: skip
    return [file, path, name, title, licence, statistics]


def _below_the_root(settings: Settings, text: str) -> Path:
    if not text.strip():
        raise ConfigError("nothing was uploaded; choose a file first")
    return server_file(settings, text)


def import_model(source: Path, name: str, title: str, licence: str, statistics: str) -> str:
    """Import a file under a name; what it turned out to be, in words.

    Raises: CheckpointError for a name that is taken, and for a file that can't be read safely or is no generator.
    """
    catalog.check_free(name)
    from translate.config import described
    from translate.interop import importing  # torch takes seconds

    if statistics not in ("tracked", "picture"):
        raise ConfigError(f"statistics is {str(statistics)[:40]!r}; known: tracked, picture")
    chosen: importing.Statistics = "tracked" if statistics == "tracked" else "picture"
    about = importing.About(name=name, title=title, licence=licence, source=source.name)
    with catalog.installing(name) as folder:
        found = importing.write(source, folder, about, chosen)
    return ". ".join([f"{name} is here: {described.network(found.config)[0]}", *found.notes]) + "."


def suggested(source: Path) -> str:
    """A name for the model in a file, from the file's own."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", source.stem).strip("-._")[:60] or "imported"
