"""The Models tab, the owner's: everything that can be loaded, each with its card; checked, deleted, added to."""

import functools
from dataclasses import dataclass
from typing import Any

import gradio as gr

from translate import catalog
from translate.errors import CheckpointError
from translate.ui import models_card as cards
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.guard import KEEP_SECONDS
from translate.ui.models import Models
from translate.ui.models_import import import_panel
from translate.ui.models_pull import pull_panel
from translate.ui.settings import Settings
from translate.ui.status import note

_QUIET: dict[str, Any] = {"preprocess": False, "queue": False, "show_progress": "hidden", "api_visibility": "private"}

# On a phone the card is below the list: bring it into view.
_SCROLL = """() => { const at = document.getElementById("models-chosen");
if (at && at.getBoundingClientRect().top > innerHeight * 0.4) at.scrollIntoView({block: "start",
behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"}); }"""


@dataclass(frozen=True)
class Shelf:
    """The list and what stands beside it."""

    search: gr.Textbox
    names: gr.Radio
    count: gr.HTML
    card: gr.HTML
    actions: gr.Row
    delete: gr.Button
    asking: gr.Column
    question: gr.HTML
    result: gr.HTML
    doomed: gr.State
    lines: gr.State

    def listed(self, search: str = "", chosen: str | None = None) -> Updates:
        """The list as it is now, and the card of `chosen` if it is still there."""
        lines = [(cards.line(found), found.name) for found in catalog.scan()]
        kept = chosen if any(name == chosen for _, name in lines) else None
        shown = gr.Radio(choices=cards.matching(lines, search), value=kept)
        return {self.lines: lines} | self.filtered(lines, search) | {self.names: shown} | self.chosen(kept)

    def filtered(self, lines: list[tuple[str, str]], search: str) -> Updates:
        """What of it is asked for; a choice stays, for it may have been made while this was on its way."""
        found = cards.matching(lines, search)
        of = f"{len(found)} of {len(lines)}" if len(found) < len(lines) else f"{len(lines)}"
        count = f"{of} model{'s' if len(lines) != 1 else ''}"
        return {self.names: gr.Radio(choices=found), self.count: note(count)}

    def chosen(self, name: str | None) -> Updates:
        """The card of a model, and what can be done with it; without a name, what to do first."""
        source = catalog.locate(name)[1] if name else None
        return {
            self.card: cards.card(name) if name else cards.EMPTY,
            self.actions: gr.Row(visible=bool(name)),
            self.delete: gr.Button(visible=source != "shipped"),
            self.asking: gr.Column(visible=False),
            self.result: "",
            self.doomed: None,
        }

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        return [getattr(self, name) for name in self.__dataclass_fields__]


def models_tab(models: Models, settings: Settings) -> None:
    """Add the tab's content to the Blocks being built."""
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=4, min_width=300):
            search = gr.Textbox(label="Search", placeholder="a word of a name or a title", elem_id="models-search")
            names = gr.Radio([], label="Models", elem_id="models-list", elem_classes="tr-list")
            with gr.Row(elem_classes="tr-bottom"):
                count = gr.HTML(js_on_load=None, elem_id="models-count")
                reload = gr.Button("Reload the list", size="sm", min_width=120, elem_id="models-reload")
            add = gr.Column()
        with gr.Column(scale=7, min_width=300, elem_id="models-chosen"):
            with gr.Row(visible=False) as actions:
                verify = gr.Button("Verify its files", size="md", elem_id="models-verify")
                delete = gr.Button("Delete…", size="md", variant="stop", elem_id="models-delete")
            asking, question, sure, keep = _question()
            result = gr.HTML(js_on_load=None, elem_id="models-result")
            card = gr.HTML(cards.EMPTY, js_on_load=None, elem_id="models-card")
    doomed, lines = gr.State(time_to_live=KEEP_SECONDS), gr.State([], time_to_live=KEEP_SECONDS)
    shelf = Shelf(search, names, count, card, actions, delete, asking, question, result, doomed, lines)
    _choose(shelf, reload)
    verify.click(
        _verified, names, result,
        preprocess=False, api_visibility="private", show_progress="minimal", **ONE_AT_A_TIME,
    )  # fmt: skip
    _delete(shelf, sure, keep)
    with add:
        import_panel(settings, shelf.listed, shelf.components())
        pull_panel(shelf.listed, shelf.components())


def _question() -> tuple[gr.Column, gr.HTML, gr.Button, gr.Button]:
    """What asks before a model is deleted."""
    with gr.Column(visible=False, elem_id="models-asking", elem_classes="tr-asking") as asking:
        question = gr.HTML(js_on_load=None, padding=True)
        with gr.Row():
            sure = gr.Button("Delete for good", variant="stop", elem_id="models-sure")
            keep = gr.Button("Keep it", elem_id="models-keep")
    return asking, question, sure, keep


def _choose(shelf: Shelf, reload: gr.Button) -> None:
    def listed(search: str, chosen: str | None) -> Updates:
        with told():
            return shelf.listed(search, chosen)

    def filtered(lines: list[tuple[str, str]], search: str) -> Updates:
        return shelf.filtered(lines, search)

    def chosen(name: str | None) -> Any:
        if not name:
            return gr.skip()  # the list itself lets go of one that is no longer in it
        with told():
            return shelf.chosen(name)

    # On every visit too: a training may have finished since the page was built.
    for start in (functools.partial(gr.on, None), reload.click):
        start(listed, [shelf.search, shelf.names], shelf.components(), **_QUIET)
    shelf.search.input(
        filtered, [shelf.lines, shelf.search], [shelf.names, shelf.count],
        trigger_mode="always_last", **_QUIET,
    )  # fmt: skip
    shown = shelf.names.input(chosen, shelf.names, shelf.components(), trigger_mode="always_last", **_QUIET)
    shown.success(None, js=_SCROLL, api_visibility="private")


def _delete(shelf: Shelf, sure: gr.Button, keep: gr.Button) -> None:
    def ask(name: str | None) -> Updates:
        with told():
            folder, source = catalog.locate(str(name or ""))
            if source == "shipped":
                raise CheckpointError(f"{name}: comes with the program and can't be deleted")
            question = note(f"Delete {name} with all it holds ({folder}), for good?", "tr-bad")
            return {shelf.doomed: name, shelf.question: question, shelf.asking: gr.Column(visible=True)}

    def delete(name: str | None, search: str) -> Updates:
        with told():
            if not name:
                raise CheckpointError("nothing is to be deleted; choose a model first")
            catalog.delete(name)
            return shelf.listed(search) | {shelf.result: note(f"{name} is deleted.", "tr-good")}

    outputs = [shelf.doomed, shelf.question, shelf.asking]
    shelf.delete.click(ask, shelf.names, outputs, **_QUIET)
    keep.click(lambda: {shelf.doomed: None, shelf.asking: gr.Column(visible=False)}, None, outputs, **_QUIET)
    sure.click(delete, [shelf.doomed, shelf.search], shelf.components(), **_QUIET)


def _verified(name: str | None) -> str:
    with told():
        folder, _ = catalog.locate(str(name or ""))
        return verified(str(name), folder)


def verified(name: str, folder: Any) -> str:
    """A line of HTML: whether the model in `folder` is sound, and the SHA-256 of its weights."""
    from translate.checkpoints import MODEL_FILE, sha256
    from translate.inference.soundness import problem  # torch takes seconds

    if why := problem(folder):
        return note(f"{name} can't be used: {why}", "tr-bad")
    recorded = "; the same as recorded when it came here" if cards.origin(folder) else ""
    digest = sha256(folder / MODEL_FILE)
    return note(f"{name} is sound: all its parts load, what it makes is finite. SHA-256 {digest}{recorded}.", "tr-good")
