"""Adding a model by the name of what others publish: its terms are read, and confirmed where they are not free."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from translate.errors import ConfigError
from translate.ui import cards
from translate.ui.controls import controls
from translate.ui.events import Updates, told
from translate.ui.models_card import megabytes
from translate.ui.status import Stage, Tell, note

if TYPE_CHECKING:
    from translate.features.pulling import Offer, Pulled

_ABOUT = """<p class="tr-note">This machine then asks the publisher's server for one file, and for nothing else. A
transfer that is cut or cancelled goes on where it stopped.</p>"""
_KINDS = {"model": "model", "measure": "network of figures", "clip": "CLIP"}
_AGREE = "I may use it on these terms"


def pull_panel(listed: Callable[[str, str], Updates], outputs: list[Any]) -> None:
    """Add the panel; `listed` gives the list anew with the new model chosen, as values for `outputs`."""
    with gr.Accordion("Add a model that others publish", open=False, elem_id="models-pull") as panel:
        gr.HTML(_ABOUT, js_on_load=None)
        offer = gr.Dropdown([], value=None, label="What to fetch", elem_id="pull-name", interactive=True)
        terms = gr.HTML(js_on_load=None, elem_id="pull-terms")
        agreed = gr.Checkbox(label=_AGREE, visible=False, elem_id="pull-agreed")
        control = controls("Fetch it", "pull")

    def shown(done: "tuple[Offer, Pulled]") -> Updates:
        new = listed("", done[1].name) if done[0].kind == "model" else {}
        return {control.status: note(said(*done), "tr-good"), agreed: False} | new

    async def begun(name: str, is_agreed: bool) -> AsyncIterator[Updates]:
        words = "Cancelled; what has come is kept, and the next attempt goes on from there."
        following = control.followed(lambda tell, _: pull(name, is_agreed, tell), shown, words, alone=False)
        async with aclosing(following):
            async for updates in following:
                yield updates

    quiet: dict[str, Any] = {"preprocess": False, "api_visibility": "private", "show_progress": "hidden"}
    panel.expand(lambda: gr.Dropdown(choices()), None, offer, queue=False, **quiet)
    offer.input(lambda name: _terms(name, terms, agreed), offer, [terms, agreed], queue=False, **quiet)
    started = control.start.click(
        begun, [offer, agreed], [*control.components(), agreed, *outputs],
        concurrency_limit=1, concurrency_id="pull", **quiet,
    )  # fmt: skip
    control.wire(started)


def choices() -> list[tuple[str, str]]:
    """(title, name) of everything that can be fetched, for a menu."""
    from translate.features.pulling import offers  # torch takes seconds

    return [(f"{offer.name} · {offer.title}{' · here' if offer.is_here else ''}", offer.name) for offer in offers()]


def pull(name: object, is_agreed: bool, tell: Tell) -> "tuple[Offer, Pulled]":
    """Fetch what is published as `name`; `tell` is told how far it is, and raises Cancelled to stop it.

    Raises: ConfigError where its terms restrict its use and nobody agreed to them; else as `pulling.pull`.
    """
    from translate.features import pulling

    if not isinstance(name, str) or not name:
        raise ConfigError("nothing is chosen; choose what to fetch first")
    offer = pulling.find(name)
    if offer.is_restricted and is_agreed is not True:
        raise ConfigError(f"{offer.name}: {offer.terms}; read that, and say that you may use it on these terms")

    def progress(done: int, total: int | None) -> None:
        of = f" of {megabytes(total)}" if total else ""
        tell(Stage(f"{offer.name}: {megabytes(done)}{of}", done / total if total else None))

    return offer, pulling.pull(offer, offer.name, progress=progress)


def said(offer: "Offer", pulled: "Pulled") -> str:
    """What came, in words."""
    parts = [f"{pulled.name} is here ({offer.title})", pulled.fetched.trust]
    parts += pulled.imported.notes if pulled.imported else ()
    parts += [f"it needs: {pulled.needs}"] if pulled.needs else []
    return ". ".join(parts) + "."


def _terms(name: object, terms: gr.HTML, agreed: gr.Checkbox) -> Updates:
    with told():
        from translate.features.pulling import find

        offer = find(str(name))
        facts = [("What", _KINDS[offer.kind]), ("At most", megabytes(offer.most)), ("From", offer.url)]
        html = f'<div class="tr-terms"><p><b>Terms:</b> {escape(offer.terms)}</p>{cards.run_facts(facts)}</div>'
        return {terms: html, agreed: gr.Checkbox(visible=offer.is_restricted, value=False)}
