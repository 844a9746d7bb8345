"""What the Models tab shows of a model: a line in the list, and its card with all that is known of it."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from translate import catalog
from translate.catalog import Broken, Entry
from translate.checkpoints import DISCRIMINATOR, ENCODER, MODEL_FILE
from translate.config import described
from translate.errors import TranslateError
from translate.ui import cards, markdown

SOURCES = {"shipped": "shipped", "run": "your run", "installed": "installed"}
PARTS = {"": "generator", ENCODER: "encoder", DISCRIMINATOR: "discriminator", "clip": "CLIP"}
"""Folders of a model that hold weights, in words."""

EMPTY = """<div class="tr-welcome tr-small"><h2>No model is chosen</h2>
<p>Choose one in the list to read its card, check its files or delete it.</p>
<p>Or add one below the list: from a file, or by the name of what others publish.</p></div>"""


def line(found: Entry | Broken) -> str:
    """A model in the list: its title, what `translate` calls it, where it is from and how large it is."""
    title = found.name if isinstance(found, Broken) else found.config.title or found.config.name or found.name
    name = f" · {found.name}" if title != found.name else ""
    state = "⚠ can't be used" if isinstance(found, Broken) else described.makes(found.config)
    size = sum(sizes(found.folder).values())
    return f"{title}{name} · {SOURCES[found.source]} · {state}{f' · {megabytes(size)}' if size else ''}"


def matching(lines: Sequence[tuple[str, str]], search: str) -> list[tuple[str, str]]:
    """Those (line, name) that hold every word of the search."""
    words = str(search or "").casefold().split()
    return [(text, name) for text, name in lines if all(word in text.casefold() for word in words)]


def card(name: object) -> str:
    """Everything about the model called `name`, sound or broken.

    Raises: CheckpointError where none is listed under it.
    """
    found = next((found for found in catalog.scan() if found.name == name), None)
    if found is None:
        raise TranslateError(f"no model {str(name)[:100]!r} is here any more; reload the list")
    if isinstance(found, Broken):
        facts = [("Name", found.name), ("Source", SOURCES[found.source]), ("Folder", str(found.folder))]
        problem = f'<p class="tr-told tr-bad">{escape(found.problem)}</p>'
        return f'<div class="tr-model"><h3>{escape(found.name)}</h3>{problem}{cards.run_facts(facts)}</div>'
    config = found.config
    title = config.title or config.name or found.name
    text = markdown.card(found.folder)
    more = f"<details open><summary>Model card</summary><div class='tr-card'>{text}</div></details>" if text else ""
    head = f"<h3>{escape(title)}</h3>{cards.run_facts(_facts(found))}"
    return f'<div class="tr-about">{head}{cards.model_card(config)}{more}</div>'


def _facts(found: Entry) -> list[tuple[str, str]]:
    config, parts = found.config, sizes(found.folder)
    network, scale = described.network(config)
    size = ", ".join(f"{PARTS[part]} {megabytes(count)}" for part, count in parts.items())
    facts = [
        ("Name", found.name),
        ("Source", SOURCES[found.source]),
        ("Size", f"{megabytes(sum(parts.values()))} ({size})" if len(parts) > 1 else megabytes(sum(parts.values()))),
        ("Network", network),
        ("Works at", scale),
        ("Held out", f"{len(config.held_out.names)} pairs or pictures" if config.held_out else ""),
        ("Licence", config.licence or "none is told"),
        ("From", origin(found.folder)),
        ("Folder", str(found.folder)),
    ]
    return [(fact, text) for fact, text in facts if text]


def origin(folder: Path) -> str:
    """Where an imported model came from and what its SHA-256 was compared with; empty for any other."""
    from translate.interop import importing

    try:
        source = importing.source(folder)
    except TranslateError as error:
        return str(error)
    return f"{source.get('source', '')}, {source.get('date', '')}; {source.get('trust', '')}" if source else ""


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the weights of each part that is there."""
    found = {}
    for part in PARTS:
        try:
            found[part] = (folder / part / MODEL_FILE).stat().st_size
        except OSError:
            continue
    return found


def megabytes(count: int) -> str:
    """A size as people read it."""
    return f"{count / 1e6:.1f} MB" if count >= 50_000 else f"{count / 1e3:.1f} kB"
