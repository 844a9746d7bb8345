"""The right side of the Train tab: every training there is, how the chosen one goes, and what can be done with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from translate import images
from translate.jobs import Job, jobs, progress, sheets, tail
from translate.jobs.package import models_of
from translate.ui import train_cards as cards
from translate.ui.events import Updates
from translate.ui.guard import KEEP_SECONDS, own_folder
from translate.ui.train_chart import charts

SHEETS, SHEET_SIDE = 6, 1400
"""The newest sheets of samples that are shown, and how large."""
LOG_LINES = 60

Seen = tuple[Any, ...]
"""What was shown last: nothing is sent anew while that is how things are."""


@dataclass(frozen=True)
class Watch:
    """The components that show trainings."""

    empty: gr.HTML
    panel: gr.Column
    picker: gr.Dropdown
    card: gr.HTML
    pause: gr.Button
    resume: gr.Button
    stop: gr.Button
    use: gr.Button
    pack: gr.Button
    package: gr.DownloadButton
    delete: gr.Button
    sure: gr.Row
    question: gr.HTML
    yes: gr.Button
    no: gr.Button
    samples: gr.Gallery
    curves: gr.HTML
    log: gr.Textbox
    seen: gr.State

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        return [getattr(self, name) for name in self.__dataclass_fields__]

    def show(self, name: object, seen: Seen | None = None) -> Updates:
        """The trainings as they are now, `name` (or the newest) in full; next to nothing where all is as `seen`."""
        found = jobs()
        job = next((job for job in found if job.name == name), found[0] if found else None)
        if job is None:
            mark: Seen = ()
            return {self.seen: mark, self.empty: gr.HTML(visible=True), self.panel: gr.Column(visible=False)}
        listed = [(job.name, job.state, job.wish) for job in found]
        pictures = sheets(job.folder)[-SHEETS:]
        sampled = (job.name, [step for step, _ in pictures])
        mark = (listed, sampled, job.name, job.record.message, _stamps(job.folder))
        if mark == seen:
            return {self.seen: mark}
        updates = self._shown(job, found)
        if not seen or seen[1] != sampled:  # else a sheet that is being looked at would be closed
            updates[self.samples] = self._sheets(job, pictures)
        if not seen or seen[2] != job.name:
            updates[self.sure] = gr.Row(visible=False)
        return updates | {self.seen: mark}

    def _shown(self, job: Job, found: list[Job]) -> Updates:
        now = progress(job.folder)
        ahead = sum(other.is_active and other.turn < job.turn for other in found)
        has_model, is_asked = bool(models_of(job)), job.wish is not None
        choices = [(f"{other.name} · {cards.STATES[other.state]}", other.name) for other in found]
        return {
            self.empty: gr.HTML(visible=False),
            self.panel: gr.Column(visible=True),
            self.picker: gr.Dropdown(choices, value=job.name),
            self.card: cards.job_card(job, now, ahead),
            self.pause: gr.Button(visible=job.is_active, interactive=not is_asked),
            self.stop: gr.Button(visible=job.is_active),
            self.resume: gr.Button(visible=job.can_resume),
            self.use: gr.Button(interactive=has_model),
            self.pack: gr.Button(interactive=has_model),
            self.delete: gr.Button(interactive=not job.is_active),
            self.curves: gr.HTML(charts(now.losses, now.figures, now.steps)),
            self.log: tail(job.folder, LOG_LINES),
        }

    def _sheets(self, job: Job, pictures: list[tuple[int, Path]]) -> Any:
        """The newest first; copies, as Gradio serves nothing from elsewhere."""
        shown = [(str(_copy(job, step, path)), f"step {step:,}") for step, path in reversed(pictures)]
        self.samples.temp_files.update(path for path, _ in shown)  # Gradio deletes these after an hour
        return gr.Gallery(shown, visible=bool(shown), selected_index=None)


def watch_trainings() -> Watch:
    """Build the components."""
    # Which of the two it is, the first visit tells: the page may have been built long before.
    gr.HTML('<h2 class="tr-title">Trainings</h2>', js_on_load=None)
    empty = gr.HTML(cards.NO_JOBS, visible=False, js_on_load=None, elem_id="train-empty")
    with gr.Column(visible=False, elem_id="train-panel") as panel:
        picker = gr.Dropdown([], label="Training", filterable=False, elem_id="train-job")
        card = gr.HTML(js_on_load=None, elem_id="train-card")
        with gr.Row(elem_classes="tr-verbs"):
            pause = _button("Pause", "train-pause")
            resume = _button("Resume", "train-resume", visible=False, variant="primary")
            stop = _button("Stop", "train-stop")
            use = _button("Use it now", "train-use")
            pack = _button("Download", "train-pack")
            delete = _button("Delete", "train-delete")
            package = gr.DownloadButton("Download", elem_id="train-package", elem_classes="tr-away")
        with gr.Row(visible=False, elem_id="train-sure") as sure:
            question = gr.HTML(js_on_load=None)
            yes = _button("Yes, delete it", "train-yes", variant="stop")
            no = _button("Keep it", "train-no")
        samples = gr.Gallery(
            label="Samples: held-out pictures as the model translates them", visible=False, columns=2, height=380,
            object_fit="contain", interactive=False, buttons=["fullscreen"], elem_id="train-samples",
        )  # fmt: skip
        curves = gr.HTML(js_on_load=None, elem_id="train-curves")
        with gr.Accordion("Log", open=False):
            log = gr.Textbox(
                label="What the training says", show_label=False, lines=10, max_lines=20, interactive=False,
                autoscroll=True, elem_id="train-log",
            )  # fmt: skip
    seen = gr.State(time_to_live=KEEP_SECONDS)
    return Watch(
        empty, panel, picker, card, pause, resume, stop, use, pack, package, delete, sure, question, yes, no, samples,
        curves, log, seen,
    )  # fmt: skip


def _button(words: str, elem_id: str, **how: Any) -> gr.Button:
    return gr.Button(words, min_width=110, elem_id=elem_id, **how)


def _stamps(folder: Path) -> list[tuple[int, int]]:
    """When what a run writes was written last."""
    found = []
    for name in ("log.jsonl", "job.log", "train.json", "state/state.json", "config.json", "AtoB/config.json"):
        try:
            stat = (folder / name).stat()
            found.append((stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append((0, 0))
    return found


def _copy(job: Job, step: int, path: Path) -> Path:
    """A sheet made small enough to be drawn quickly; the same file while the sheet stays the same."""
    copy = own_folder() / "samples" / f"{job.name}-{step}-{path.stat().st_mtime_ns}.jpg"
    if not copy.is_file():
        sheet = Image.fromarray(images.read_array(path))
        sheet.thumbnail((SHEET_SIDE, SHEET_SIDE), Image.Resampling.LANCZOS)
        images.save(sheet, copy)
    return copy
