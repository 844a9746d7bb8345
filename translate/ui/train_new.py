"""The left side of the Train tab: the data, a recipe, an estimate."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
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
from translate.stopping import check
from translate.ui import train_cards as cards
from translate.ui.controls import Controls
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.folders import server_folder
from translate.ui.guard import KEEP_SECONDS, uploaded
from translate.ui.settings import Settings
from translate.ui.status import Stage, Tell
from translate.ui.train_kept import Kept, kept_sets, wire_kept

if TYPE_CHECKING:
    pass

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
    kept: Kept
    direction: gr.Radio
    kind: gr.Radio
    looking: Controls
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
    measuring: Controls
    start: gr.Button
    chosen: gr.State

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        parts = [getattr(self, name) for name in self.__dataclass_fields__]
        return [one for part in parts for one in (part.components() if isinstance(part, Controls | Kept) else [part])]

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
        return {self.report: cards.NO_DATA, self.chosen: None, **hidden, **self.kept.listed()}

    def stopped(self) -> Updates:
        """No data are chosen, and every set can be chosen anew."""
        return self.nothing() | self.kept.none()

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


def new_training(settings: Settings, device: str) -> New:
    """Build the components and wire what leads from data to an estimate, which is for `device`."""
    root = settings.data_root
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
    kept = kept_sets()
    with gr.Row():
        kind = gr.Radio(KINDS, value="auto", label="What it is", min_width=150, elem_id="train-kind")
        direction = gr.Radio(DIRECTIONS, value="AtoB", label="Learn", min_width=130, elem_id="train-direction")
    looking = _stoppable(look, "train-looking")
    report = gr.HTML(cards.NO_DATA, js_on_load=None, elem_id="train-report")
    previews = gr.Gallery(
        label="Some of them", visible=False, columns=4, height="auto", object_fit="contain", interactive=False,
        buttons=[], elem_id="train-previews",
    )  # fmt: skip
    chosen = gr.State(time_to_live=KEEP_SECONDS)
    form = New(archive, folder, kept, direction, kind, looking, report, previews, *_recipe(), chosen)
    _on_data(form, settings)
    _on_recipe(form, device)
    wire_kept(kept, form.nothing, [*form.components()])
    return form


def _stoppable(start: gr.Button, name: str) -> Controls:
    """What begins with a button that is there already: the one that stops it, and how far it is."""
    stop = gr.Button("Stop", visible=False, size="sm", elem_id=f"{name}-stop")
    status = gr.HTML(js_on_load=None, elem_id=f"{name}-status")
    return Controls(start, stop, status, gr.State(time_to_live=KEEP_SECONDS))


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
        measuring = _stoppable(measure, "train-measuring")
    return part, preset, explained, size, steps, batch, name, estimate, measuring, start


def _number(label: str, elem_id: str) -> gr.Number:
    return gr.Number(label=label, precision=0, minimum=1, min_width=90, elem_id=elem_id)


def _lookers(form: New, settings: Settings) -> dict[str, Callable[..., AsyncIterator[Updates]]]:
    """What looks at the data, by where they come from."""

    def of_zip(archive: Any) -> Path:
        path = uploaded(archive)
        if path is None:
            raise DatasetError("no zip was uploaded; choose one")
        return datasets.keep(path)

    def of_folder(text: Any) -> Path:
        return server_folder(settings, text)

    async def from_kept(_: Any, direction: Any, kind: Any, event: gr.SelectData) -> AsyncIterator[Updates]:
        async with aclosing(_looked(form, lambda: datasets.find(str(event.value)), direction, kind)) as looked:
            async for updates in looked:
                yield updates

    async def again(chosen: Chosen | None, direction: Any, kind: Any) -> AsyncIterator[Updates]:
        if chosen is None:
            yield {form.chosen: None}
            return
        async with aclosing(_looked(form, lambda: chosen.root, direction, kind)) as looked:
            async for updates in looked:
                yield updates

    def from_(find: Callable[[Any], Path]) -> Callable[..., AsyncIterator[Updates]]:
        async def begun(source: Any, direction: Any, kind: Any) -> AsyncIterator[Updates]:
            async with aclosing(_looked(form, lambda: find(source), direction, kind)) as looked:
                async for updates in looked:
                    yield updates

        return begun

    return {"zip": from_(of_zip), "folder": from_(of_folder), "kept": from_kept, "again": again}


def _looked(form: New, find: Callable[[], Path], direction: Any, kind: Any) -> AsyncGenerator[Updates, None]:
    def work(tell: Tell, cancelled: Callable[[], bool]) -> tuple[Path, Survey]:
        def move(done: int, total: int) -> None:
            tell(Stage(f"Reading every file: {done:,} of {total:,}", done / max(total, 1)))

        root = find()
        check(cancelled)
        return root, survey(root, direction=direction, task=kind, progress=move, cancelled=cancelled)

    def shown(done: tuple[Path, Survey]) -> Updates:
        root, found = done
        return form.show(found) | form.kept.listed(root) | {form.archive: None}

    return form.looking.followed(
        work, shown, "Stopped; the data were not looked at.", without=form.stopped, alone=False
    )


def _on_data(form: New, settings: Settings) -> None:
    look, outputs = _lookers(form, settings), form.components()
    starts: list[tuple[Callable[..., Any], str, Any]] = [
        (form.archive.upload, "zip", form.archive),
        (form.folder.submit, "folder", form.folder),
        (form.looking.start.click, "folder", form.folder),
        # Not input: that comes once more when the menu loses the focus, as to the stop button.
        (form.kept.menu.select, "kept", form.kept.menu),
        (form.direction.input, "again", form.chosen),
        (form.kind.input, "again", form.chosen),
    ]
    begun = []
    for start, name, source in starts:
        done = start(
            look[name], [source, form.direction, form.kind], outputs, preprocess=False, api_visibility="private",
            show_progress="hidden", **LOOKING,
        )  # fmt: skip
        # What is shown is no longer what was asked for.
        done.failure(form.nothing, None, outputs, queue=False, show_progress="hidden", api_visibility="private")
        begun.append(done)
    form.looking.wire(*begun)


def _on_recipe(form: New, device: str) -> None:
    def changed(name: str, chosen: Chosen | None) -> Updates:
        with told():
            return form.of_preset(name, chosen.root.name if chosen else "")

    def work(given: Any, tell: Tell, cancelled: Callable[[], bool]) -> str:
        chosen, request = asked(*given)
        from translate.evaluation.estimate import estimate

        config = request.config(chosen.classes)
        tell(Stage("Timing a few steps of it"))
        found = estimate(config, device=device, cancelled=cancelled)
        return cards.estimate_card(found, config.steps, is_busy=any(job.state == "running" for job in jobs()))

    async def measured(*given: Any) -> AsyncIterator[Updates]:
        following = form.measuring.followed(
            lambda tell, cancelled: work(given, tell, cancelled),
            lambda card: {form.estimate: gr.HTML(card, visible=True)},
            "Stopped.",
        )
        async with aclosing(following):
            async for updates in following:
                yield updates

    form.preset.input(
        changed, [form.preset, form.chosen], form.components(), queue=False, show_progress="hidden",
        preprocess=False, api_visibility="private",
    )  # fmt: skip
    done = form.measuring.start.click(
        measured, form.request(), [*form.measuring.components(), form.estimate], preprocess=False,
        api_visibility="private", show_progress="hidden", **ONE_AT_A_TIME,
    )  # fmt: skip
    form.measuring.wire(done)


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
