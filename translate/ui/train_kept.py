"""The sets that were uploaded before: chosen anew for a training, and deleted after a question."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from translate.jobs import datasets
from translate.ui.events import Updates, told
from translate.ui.guard import KEEP_SECONDS
from translate.ui.models_card import megabytes

QUIET: dict[str, Any] = {
    "queue": False, "show_progress": "hidden", "api_visibility": "private", "preprocess": False,
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """The menu, the button that deletes what is chosen in it, and the question before that."""

    row: gr.Row
    menu: gr.Dropdown
    delete: gr.Button
    asking: gr.Column
    question: gr.HTML
    yes: gr.Button
    no: gr.Button
    doomed: gr.State

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        return [getattr(self, name) for name in self.__dataclass_fields__]

    def listed(self, root: Path | None = None) -> Updates:
        """The sets as they are now; with `root`, the one that this folder is or lies in is chosen, or none."""
        sets = datasets.kept()
        chosen = next((name for name, folder in sets.items() if root and root.is_relative_to(folder)), None)
        menu = gr.Dropdown(list(sets)) if root is None else gr.Dropdown(list(sets), value=chosen)
        return {self.menu: menu, self.row: gr.Row(visible=bool(sets))}

    def none(self) -> Updates:
        """The sets as they are now, and none of them chosen."""
        return self.listed() | {self.menu: gr.Dropdown(list(datasets.kept()), value=None)}


def kept_sets() -> Kept:
    """Build the components."""
    sets = list(datasets.kept())
    with gr.Row(visible=bool(sets), equal_height=False, elem_classes="tr-folder") as row:
        menu = gr.Dropdown(
            sets, value=None, label="Or a set uploaded before", filterable=False, scale=3, min_width=160,
            elem_id="train-kept",
        )  # fmt: skip
        delete = gr.Button("Delete…", min_width=80, interactive=False, elem_id="train-kept-delete")
    with gr.Column(visible=False, elem_id="train-kept-sure") as asking:
        question = gr.HTML(js_on_load=None)
        with gr.Row():
            yes = gr.Button("Yes, delete it", min_width=110, variant="stop", elem_id="train-kept-yes")
            no = gr.Button("Keep it", min_width=110, elem_id="train-kept-no")
    return Kept(row, menu, delete, asking, question, yes, no, gr.State(time_to_live=KEEP_SECONDS))


def wire_kept(kept: Kept, nothing: Callable[[], Updates], outputs: list[Any]) -> None:
    """List the sets on every visit, and delete one; `nothing` shows, in `outputs`, that no data are chosen."""

    def chosen(name: object) -> Updates:
        return {kept.delete: gr.Button(interactive=bool(name)), kept.asking: gr.Column(visible=False)}

    def ask(name: object) -> Updates:
        with told():
            return {
                kept.doomed: name,
                kept.question: f'<p class="tr-question">{question(str(name))}</p>',
                kept.asking: gr.Column(visible=True),
            }

    def deleted(name: object) -> Updates:
        with told():
            datasets.delete(str(name))
            return (
                nothing()
                | kept.none()
                | {
                    kept.asking: gr.Column(visible=False),
                    kept.doomed: None,
                }
            )

    gr.on(None, kept.listed, None, outputs, **QUIET)
    kept.menu.change(chosen, kept.menu, [kept.delete, kept.asking], **QUIET)
    kept.delete.click(ask, kept.menu, [kept.doomed, kept.question, kept.asking], **QUIET)
    # Through the queue: that it can't be deleted is told to the visitor.
    kept.yes.click(deleted, kept.doomed, outputs, **QUIET | {"queue": True})
    kept.no.click(lambda: gr.Column(visible=False), None, kept.asking, **QUIET)


def question(name: str) -> str:
    """What is asked before a set is deleted, as HTML.

    Raises: DatasetError when there is no such set.
    """
    files = [path for path in datasets.find(name).rglob("*") if path.is_file()]
    size = megabytes(sum(path.stat().st_size for path in files))
    unfinished = [job.name for job in datasets.users(name) if job.state != "finished"]
    asked = f"Delete the set {name} with its {len(files):,} files ({size})? Nothing brings it back."
    return escape(f"{asked} Without it {', '.join(unfinished)} can’t go on." if unfinished else asked)
