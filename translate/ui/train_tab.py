"""The Train tab: data, recipe and start on one side, all trainings on the other; `/train` and `/jobs` for programs."""

import tempfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import get_blocks_context

from translate import catalog, jobs
from translate.data.survey import Survey, survey
from translate.errors import CheckpointError, ConfigError, DatasetError
from translate.jobs import datasets
from translate.jobs.package import models_of, pack
from translate.ui.events import Updates, told
from translate.ui.folders import server_folder
from translate.ui.guard import own_folder
from translate.ui.models import Models
from translate.ui.settings import Settings
from translate.ui.train_kept import QUIET
from translate.ui.train_new import LOOKING, Chosen, New, asked, free_name, new_training
from translate.ui.train_watch import Watch, watch_trainings
from translate.ui.work import working

REFRESH = 2.0
"""Seconds between two looks at the trainings."""
VERBS = {"pause": jobs.pause, "resume": jobs.resume, "stop": jobs.stop}
_FETCH = """file => { if (file) Object.assign(document.createElement("a"),
{href: file.url, download: file.orig_name}).click(); }"""


def train_tab(models: Models, settings: Settings) -> None:
    """Add the tab's content and its endpoints to the Blocks being built."""
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=5, min_width=300):
            form = new_training(settings, models.device)
        with gr.Column(scale=7, min_width=300):
            watch = watch_trainings()
    _on_start(form, watch, models.device)
    _on_watch(watch)
    _on_deeds(watch)
    _on_use(watch, models)
    _endpoints(settings, models.device)


def _on_start(form: New, watch: Watch, device: str) -> None:
    def started(name: object, *given: Any) -> Updates:
        with told():
            chosen, request = asked(*given)
            job = jobs.start(str(name or "").strip(), request.words(), device=device)
            following = free_name(chosen.root.name, request.preset)
            return {form.name: following, **watch.show(job.name)}

    form.start.click(
        started, [form.name, *form.request()], [form.name, *watch.components()], **QUIET
    )  # fmt: skip


def _on_watch(watch: Watch) -> None:
    outputs = watch.components()

    def look(name: object, seen: Any) -> Updates:
        with told():
            return watch.show(name, seen)

    def choose(name: object) -> Updates:
        with told():
            return watch.show(name)

    gr.Timer(REFRESH).tick(look, [watch.picker, watch.seen], outputs, **QUIET)
    gr.on(None, choose, watch.picker, outputs, **QUIET)  # on every visit
    watch.picker.input(choose, watch.picker, outputs, **QUIET)


def _on_deeds(watch: Watch) -> None:
    """Pause, resume, stop, and delete after a question."""
    outputs = watch.components()
    for verb, button in (("pause", watch.pause), ("resume", watch.resume), ("stop", watch.stop)):

        def done(name: object, verb: str = verb) -> Updates:
            with told():
                return watch.show(VERBS[verb](str(name)).name)

        button.click(done, watch.picker, outputs, **QUIET)

    def ask(name: object) -> Updates:
        question = f"Delete {escape(str(name))} with its models and samples? Nothing brings it back."
        return {watch.sure: gr.Row(visible=True), watch.question: f'<p class="tr-question">{question}</p>'}

    def deleted(name: object) -> Updates:
        with told():
            jobs.delete(str(name))
            return {watch.sure: gr.Row(visible=False), **watch.show(None)}

    watch.delete.click(ask, watch.picker, outputs, **QUIET)
    watch.yes.click(deleted, watch.picker, outputs, **QUIET)
    watch.no.click(lambda: gr.Row(visible=False), None, watch.sure, **QUIET)


def _on_use(watch: Watch, models: Models) -> None:
    """Hand a model over to the Translate tab, or to the visitor."""
    page = get_blocks_context()
    assert page is not None
    picker = next(block for block in page.blocks.values() if getattr(block, "elem_id", None) == "model")
    tabs = next(block for block in page.blocks.values() if isinstance(block, gr.Tabs))

    def used(name: object) -> Updates:
        with told():
            folders = [folder.resolve() for folder in models_of(jobs.find(str(name)))]
            offered = {entry.folder.resolve(): entry.name for entry in catalog.models()}
            known = [offered[folder] for folder in folders if folder in offered]
            if not known:
                raise CheckpointError(f"{name}: has no model yet; the first one comes with its first save")
            return {picker: gr.Dropdown(models.choices(), value=known[0]), tabs: gr.Tabs(selected="translate")}

    def packed(name: object) -> Updates:
        with told():
            folder = Path(tempfile.mkdtemp(prefix="model-", dir=own_folder()))
            path = str(pack(jobs.find(str(name)), folder))
            watch.package.temp_files.add(path)
            return {watch.package: gr.DownloadButton(value=path)}

    watch.use.click(used, watch.picker, [picker, tabs], **QUIET)
    fetched = watch.pack.click(packed, watch.picker, [watch.package], **QUIET)
    fetched.success(None, watch.package, js=_FETCH, api_visibility="private")


def _endpoints(settings: Settings, device: str) -> None:
    async def train(
        data: str, preset: str, name: str, steps: float | None = None, size: float | None = None,
        batch_size: float | None = None, direction: str = "AtoB",
    ) -> dict[str, Any]:  # fmt: skip
        """Queue a training: `data` is a folder below the data root or an uploaded set's name. Gives the job."""

        def looked(cancelled: Callable[[], bool]) -> tuple[Path, Survey]:
            root = datasets.kept().get(str(data)) or server_folder(settings, data)
            return root, survey(root, direction="BtoA" if direction == "BtoA" else "AtoB", cancelled=cancelled)

        with told():
            root, found = await working(looked, alone=False)
            if found.problems:
                raise DatasetError(f"{len(found.problems)} files can't be used, the first is {found.problems[0]}")
            chosen = Chosen(root, found.task, len(found.classes), 0)
            _, request = asked(chosen, preset, size, steps, batch_size, direction)
            return jobs.as_json(jobs.start(str(name), request.words(), device=device))

    def control(verb: str = "list", name: str = "") -> Any:
        """What the trainings do: `verb` is list, show, pause, resume or stop. Gives the jobs, or the one named."""
        with told():
            if verb == "list":
                return [jobs.as_json(job) for job in jobs.jobs()]
            if verb not in ("show", *VERBS):
                raise ConfigError(f"verb is {str(verb)[:40]!r}; give list, show, {', '.join(VERBS)}")
            job = jobs.find(str(name))
            return jobs.as_json(VERBS[verb](job.name) if verb in VERBS else job)

    texts = {"data": "", "preset": "pix2pix-fast", "name": "my-model"}
    inputs: list[Any] = [gr.Textbox(value, label=label, visible=False) for label, value in texts.items()]
    inputs += [gr.Number(label=label, visible=False) for label in ("steps", "size", "batch_size")]
    inputs.append(gr.Textbox("AtoB", label="direction", visible=False))
    answer = gr.JSON(label="job", visible=False)
    gr.Button(visible=False).click(train, inputs, answer, api_name="train", preprocess=False, **LOOKING)
    asked_for = [gr.Textbox("list", label="verb", visible=False), gr.Textbox("", label="name", visible=False)]
    listed = gr.JSON(label="jobs", visible=False)
    gr.Button(visible=False).click(control, asked_for, listed, api_name="jobs", preprocess=False, queue=False)
