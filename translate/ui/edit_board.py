"""The components of the Edit tab, and what they show of the face on the table."""

from dataclasses import dataclass
from threading import Event
from typing import Any

import gradio as gr

from translate.ui import edit_cards, edit_files, ways
from translate.ui.edit_work import Table
from translate.ui.editors import Editors
from translate.ui.events import Updates


@dataclass(frozen=True)
class Faces:
    """Where a face comes from."""

    model: gr.Dropdown
    photo: gr.Image
    crop: gr.HTML
    square: gr.Textbox
    by_hand: gr.Checkbox
    more: gr.Accordion
    which: gr.Number
    near: gr.Slider
    use: gr.Button
    seed: gr.Number
    variety: gr.Slider
    show: gr.Button
    another: gr.Button
    saved: gr.File


@dataclass(frozen=True)
class Asking:
    """What is to be seen, and how it is to be done."""

    prompt: gr.Textbox
    mapper: gr.Dropdown
    """The sentences that there are mappers for, in place of the prompt."""
    row: gr.Row
    chips: list[gr.Button]
    edit: gr.Button
    method: gr.Radio
    neutral: gr.Textbox
    auto: gr.Checkbox
    threshold: gr.Slider
    steps: gr.Slider
    brush: gr.HTML
    painted: gr.Textbox
    remask: gr.Button


@dataclass(frozen=True)
class Board:
    """The right-hand side."""

    welcome: gr.HTML
    busy: gr.Row
    status: gr.HTML
    stop: gr.Button
    panel: gr.Column
    slider: gr.ImageSlider
    strength: gr.Slider
    told: gr.HTML
    history: gr.HTML
    undo: gr.Button
    over: gr.Button
    picture: gr.Button
    latent: gr.Button
    strip: gr.Button
    animation: gr.Button
    file: gr.DownloadButton
    table: gr.State
    stopper: gr.State

    def show(self, editors: Editors, table: Table) -> Updates:
        """The face as it is now, and what was done to it."""
        steps = table.state.steps
        return self.idle() | {
            self.welcome: gr.HTML(visible=False),
            self.panel: gr.Column(visible=True),
            self.slider: self.compare(table, str(table.after)),
            self.strength: gr.Slider(value=steps[-1].strength if steps else 1, visible=bool(steps)),
            self.told: _told(editors, table),
            self.history: edit_cards.history(steps),
            self.undo: gr.Button(interactive=bool(steps)),
            self.over: gr.Button(interactive=bool(steps)),
            self.strip: gr.Button(interactive=bool(steps)),
            self.animation: gr.Button(interactive=bool(steps)),
            self.table: table,
        }

    def restrengthened(self, editors: Editors, table: Table) -> Updates:
        """The same after a slider was moved, which nobody moves back under the user's hand."""
        return {
            self.slider: self.compare(table, str(table.after)),
            self.told: _told(editors, table),
            self.history: edit_cards.history(table.state.steps),
            self.table: table,
        }

    def compare(self, table: Table, after: str) -> tuple[str, str]:
        """Both sides of the slider; Gradio deletes them when they are old."""
        self.slider.temp_files.update((str(table.before), after))
        return str(table.before), after

    def working(self, text: str) -> Updates:
        """What goes on, and a button to stop it."""
        return ways.going_on(self.busy, self.status, self.stop, text)

    def begin(self, stopper: Event, text: str) -> Updates:
        """Work begins that its visitor's button stops."""
        return self.working(text) | {self.stopper: stopper}

    def idle(self) -> Updates:
        """Nothing goes on."""
        return ways.idle(self.busy, self.status)

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        return [getattr(self, name) for name in self.__dataclass_fields__]


def brush(editors: Editors, table: Table) -> str:
    """The face to paint on."""
    return edit_cards.brush_on(edit_files.face(editors, table))


def _told(editors: Editors, table: Table) -> str:
    identity = editors.load(table.model).identity
    by = identity.name if identity is not None and table.figures else ""
    return edit_cards.said(table.said) + edit_cards.figures(table.figures, by)
