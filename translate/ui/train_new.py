"""The left side of the Train tab: the data, a recipe, an estimate."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from translate.catalog import roots
from translate.data.survey import Survey, Task, survey
from translate.errors import ConfigError, DatasetError
from translate.jobs import datasets, jobs
from translate.jobs.request import RECOMMENDED, Request, about, fitting
from translate.presets import preset as recipe
from translate.ui import train_cards as cards
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.folders import server_folder
from translate.ui.guard import KEEP_SECONDS, uploaded
from translate.ui.settings import Settings

if TYPE_CHECKING:
    from translate.config import Direction

DIRECTIONS = [("A → B", "AtoB"), ("B → A", "BtoA")]
KINDS = [("Recognise", "auto"), ("Pairs", "paired"), ("No pairs", "unpaired")]
LOOKING: dict[str, Any] = {"concurrency_id": "data", "concurrency_limit": 1}


@dataclass(frozen=True)
class Chosen:
    """The data that a training would take, as they were looked at."""

    root: Path
    task: Task
    classes: int
    problems: int


@dataclass(frozen=True)
class New:
    """The components of a new training."""

    archive: gr.File
    folder: gr.Textbox
    look: gr.Button
    kept: gr.Dropdown
    direction: gr.Radio
    kind: gr.Radio
    report: gr.HTML
    previews: gr.Gallery
    recipe: gr.Column
    preset: gr.Dropdown
    about: gr.HTML
    size: gr.Number
    steps: gr.Number
    batch: gr.Number
    name: gr.Textbox
    estimate: gr.HTML
    measure: gr.Button
    start: gr.Button
    chosen: gr.State

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        return [getattr(self, name) for name in self.__dataclass_fields__]

    def request(self) -> list[Any]:
        """What `asked` takes."""
        return [self.chosen, self.preset, self.size, self.steps, self.batch, self.direction]

    def show(self, found: Survey) -> Updates:
        """What was recognised, and what can be learnt from it."""
        shown = [(preview.a, preview.b, preview.name) for preview in found.previews]
        pictures = [part for a, b, name in shown for part in ((a, f"A · {name}"), (b, f"B · {name}"))]
        first = RECOMMENDED[found.task]
        return {
            self.report: cards.survey_card(found),
            self.previews: gr.Gallery(pictures, visible=bool(pictures)),
            self.recipe: gr.Column(visible=True),
            self.preset: gr.Dropdown(fitting(found.task), value=first),
            self.start: gr.Button(interactive=not found.problems),
            self.chosen: Chosen(found.root, found.task, len(found.classes), len(found.problems)),
            **self.of_preset(first, found.root.name),
        }

    def nothing(self) -> Updates:
        """No data are chosen."""
        hidden = {self.previews: gr.Gallery(visible=False), self.recipe: gr.Column(visible=False)}
        return {self.report: cards.NO_DATA, self.chosen: None, **hidden}

    def of_preset(self, name: str, data: str) -> Updates:
        """A preset's own settings."""
        config = recipe(name)
        return {
            self.about: f'<p class="tr-about">{about(name)}</p>',
            self.size: config.data.size,
            self.steps: config.steps,
            self.batch: config.batch_size,
            self.name: free_name(data, name),
            self.estimate: gr.HTML(visible=False),
        }


def new_training(settings: Settings) -> New:
    """Build the components and wire what leads from data to an estimate."""
    root, sets = settings.data_root, list(datasets.kept())
    gr.HTML('<h2 class="tr-title">New training</h2>', js_on_load=None)
    archive = gr.File(
        label="A zip of pictures", file_types=[".zip", ".tar", ".gz", ".tgz"], height=150, elem_id="train-zip",
        buttons=[],
    )  # fmt: skip
    with gr.Row(visible=root is not None, equal_height=False, elem_classes="tr-folder"):
        folder = gr.Textbox(
            label=f"Or a folder below {root.name if root else ''}/", placeholder="pets/cats-and-dogs", max_lines=1,
            scale=3, min_width=160, elem_id="train-folder",
        )  # fmt: skip
        look = gr.Button("Look", min_width=80, elem_id="train-look")
    kept = gr.Dropdown(
        sets, value=None, label="Or a set uploaded before", visible=bool(sets), filterable=False, elem_id="train-kept"
    )
    with gr.Row():
        kind = gr.Radio(KINDS, value="auto", label="What it is", min_width=150, elem_id="train-kind")
        direction = gr.Radio(DIRECTIONS, value="AtoB", label="Learn", min_width=130, elem_id="train-direction")
    report = gr.HTML(cards.NO_DATA, js_on_load=None, elem_id="train-report")
    previews = gr.Gallery(
        label="Some of them", visible=False, columns=4, height="auto", object_fit="contain", interactive=False,
        buttons=[], elem_id="train-previews",
    )  # fmt: skip
    form = New(
        archive, folder, look, kept, direction, kind, report, previews, *_recipe(), gr.State(time_to_live=KEEP_SECONDS)
    )
    _on_data(form, settings)
    _on_recipe(form)
    return form


def _recipe() -> tuple[Any, Any, Any, Any, Any, Any, Any, Any, Any, Any]:
    """What is chosen when there are data, in the order of `New`."""
    with gr.Column(visible=False) as part:
        preset = gr.Dropdown([], label="Recipe", filterable=False, elem_id="train-preset")
        explained = gr.HTML(js_on_load=None)
        with gr.Row():
            size = _number("Size in pixels", "train-size")
            steps = _number("Steps", "train-steps")
            batch = _number("Pictures a step", "train-batch")
        name = gr.Textbox(label="Name of the model", max_lines=1, elem_id="train-name")
        estimate = gr.HTML(visible=False, js_on_load=None, elem_id="train-estimate")
        with gr.Row():
            measure = gr.Button("Estimate", min_width=160, elem_id="train-measure")
            start = gr.Button("Start training", variant="primary", min_width=160, elem_id="train-start")
    return part, preset, explained, size, steps, batch, name, estimate, measure, start


def _number(label: str, elem_id: str) -> gr.Number:
    return gr.Number(label=label, precision=0, minimum=1, min_width=90, elem_id=elem_id)


def _lookers(form: New, settings: Settings) -> dict[str, Callable[..., Updates]]:
    """What looks at the data, by where they come from."""

    def looked(root: Path, direction: "Direction", kind: Any, progress: gr.Progress) -> Updates:
        def move(done: int, total: int) -> None:
            progress((done, total), desc="reading every file", unit="files")

        return form.show(survey(root, direction=direction, task=kind, progress=move))

    def from_zip(archive: Any, direction: Any, kind: Any, progress: gr.Progress = gr.Progress()) -> Updates:  # noqa: B008
        with told():
            path = uploaded(archive)
            if path is None:
                raise DatasetError("no zip was uploaded; choose one")
            folder = datasets.keep(path)
            sets = gr.Dropdown(list(datasets.kept()), value=folder.name, visible=True)
            return {form.kept: sets, form.archive: None} | looked(folder, direction, kind, progress)

    def from_folder(text: Any, direction: Any, kind: Any, progress: gr.Progress = gr.Progress()) -> Updates:  # noqa: B008
        with told():
            folder = server_folder(settings, text)
            return {form.kept: None} | looked(folder, direction, kind, progress)

    def from_kept(name: Any, direction: Any, kind: Any, progress: gr.Progress = gr.Progress()) -> Updates:  # noqa: B008
        with told():
            return looked(datasets.find(str(name)), direction, kind, progress)

    def again(chosen: Chosen | None, direction: Any, kind: Any, progress: gr.Progress = gr.Progress()) -> Updates:  # noqa: B008
        if chosen is None:
            return {form.chosen: None}
        with told():
            return looked(chosen.root, direction, kind, progress)

    return {"zip": from_zip, "folder": from_folder, "kept": from_kept, "again": again}


def _on_data(form: New, settings: Settings) -> None:
    look, outputs = _lookers(form, settings), form.components()
    starts: list[tuple[Callable[..., Any], str, Any]] = [
        (form.archive.upload, "zip", form.archive),
        (form.folder.submit, "folder", form.folder),
        (form.look.click, "folder", form.folder),
        (form.kept.input, "kept", form.kept),
        (form.direction.input, "again", form.chosen),
        (form.kind.input, "again", form.chosen),
    ]
    for start, name, source in starts:
        done = start(
            look[name], [source, form.direction, form.kind], outputs, preprocess=False, api_visibility="private",
            show_progress_on=[form.report], **LOOKING,
        )  # fmt: skip
        # What is shown is no longer what was asked for.
        done.failure(form.nothing, None, outputs, queue=False, show_progress="hidden", api_visibility="private")


def _on_recipe(form: New) -> None:
    def changed(name: str, chosen: Chosen | None) -> Updates:
        with told():
            return form.of_preset(name, chosen.root.name if chosen else "")

    def measured(*given: Any) -> Updates:
        with told():
            chosen, request = asked(*given)
            from translate.evaluation.estimate import estimate

            config = request.config(chosen.classes)
            is_busy = any(job.state == "running" for job in jobs())
            return {form.estimate: gr.HTML(cards.estimate_card(estimate(config), config.steps, is_busy), visible=True)}

    form.preset.input(
        changed, [form.preset, form.chosen], form.components(), queue=False, show_progress="hidden",
        preprocess=False, api_visibility="private",
    )  # fmt: skip
    form.measure.click(
        measured, form.request(), [form.estimate], preprocess=False, api_visibility="private",
        show_progress="minimal", show_progress_on=[form.measure], **ONE_AT_A_TIME,
    )  # fmt: skip


def asked(
    chosen: Chosen | None, preset: Any, size: Any, steps: Any, batch: Any, direction: Any
) -> tuple[Chosen, Request]:
    """What the form asks for.

    Raises: ConfigError, DatasetError for what can't be trained.
    """
    if chosen is None:
        raise DatasetError("no data are chosen; give a zip or a folder first")
    if chosen.problems:
        raise DatasetError(f"{chosen.problems} files can't be used; mend or remove them, then look again")
    if preset not in (fit := fitting(chosen.task)):
        raise ConfigError(f"the recipe {str(preset)[:40]!r} does not fit these data; take one of {', '.join(fit)}")
    if direction not in ("AtoB", "BtoA"):
        raise ConfigError(f"direction is {str(direction)[:40]!r}; give AtoB or BtoA")
    numbers = {"size": size, "steps": steps, "batch_size": batch}
    whole = {name: _whole(name, value) for name, value in numbers.items()}
    request = Request(preset=str(preset), data=chosen.root, direction=direction, **whole)
    request.config()
    return chosen, request


def _whole(name: str, value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ConfigError(f"{name} is {str(value)[:40]}; give a whole number")
    return int(value)


def free_name(data: str, preset: str) -> str:
    """A name for a new training that no other has."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{data}-{preset}").strip("-_") or preset
    name, number = stem[:90], 1
    while (roots()["run"] / name).exists():
        number += 1
        name = f"{stem[:90]}-{number}"
    return name
