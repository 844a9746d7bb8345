"""A model's README.md as HTML that can do nothing: no markup of its own, no picture but those in its folder.

Whoever packed a model wrote its card; Gradio's Markdown would fetch the pictures it names, from anywhere.
"""

import base64
import io
from html import escape
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import numpy as np
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

from translate import images
from translate.errors import ImageError

MOST = 200_000
"""Letters of a card that are shown."""
WIDEST = 1400
"""Pixels a picture is made small to."""
_DOWN = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6"}
"""The page has headings of its own above the card's."""


def rendered(text: str, folder: Path, *, skip_title: bool = False) -> str:
    """HTML of CommonMark with tables; pictures in `folder` are put into it, any other is left as its description.

    `skip_title` leaves out a first heading, where the page says that already.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text[:MOST])
    if skip_title and tokens and tokens[0].type == "heading_open":
        tokens = tokens[3:]
    for token in tokens:
        token.tag = _DOWN.get(token.tag, token.tag)
        _mend(token.children or [])
    found = parser.renderer
    found.rules["image"] = lambda tokens, index, *_: _picture(tokens[index], folder)  # type: ignore[attr-defined]
    html: str = found.render(tokens, parser.options, {})
    return html.replace("<table>", '<div class="tr-wide"><table>').replace("</table>", "</table></div>")


def card(folder: Path) -> str:
    """The card of the model in `folder`; nothing where it has none."""
    try:
        with (folder / "README.md").open("rb") as file:
            text = file.read(4 * MOST).decode("utf-8", "replace")
    except OSError:
        return ""
    return rendered(text, folder, skip_title=True)


def _mend(tokens: list[Token]) -> None:
    """Links to the web open elsewhere and say nothing of this page; those to files of a repository are only words."""
    kept = True
    for token in tokens:
        if token.type == "link_open":
            kept = urlsplit(str(token.attrs.get("href", ""))).scheme in ("http", "https")
            token.attrs = (
                {"href": token.attrs["href"], "target": "_blank", "rel": "noopener noreferrer"} if kept else {}
            )
            token.tag = "a" if kept else "span"
        elif token.type == "link_close":
            token.tag = "a" if kept else "span"


def _picture(token: Token, folder: Path) -> str:
    alt = escape(token.content)
    try:
        data = _small(_inside(str(token.attrs.get("src", "")), folder))
    except ImageError:
        return f'<em class="tr-note">{alt or "a picture that is not here"}</em>'
    return f'<img alt="{alt}" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'


def _inside(source: str, folder: Path) -> Path:
    """The file that a card means, when it lies beside it.

    Raises: ImageError where it names anything else.
    """
    name = unquote(source)
    if urlsplit(source).scheme or not name or PurePosixPath(name).name != name or (folder / name).is_symlink():
        raise ImageError(f"{source[:100]}: not beside the card")
    return folder / name


def _small(path: Path) -> bytes:
    array = images.read_array(path)
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    picture = Image.fromarray(array)
    picture.thumbnail((WIDEST, WIDEST))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
