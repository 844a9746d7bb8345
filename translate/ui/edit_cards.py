"""Pieces of HTML of the Edit tab: what to do, the square on a photo, the brush, what was done and how it went."""

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from PIL import Image

from translate.ui import cards

if TYPE_CHECKING:
    from translate.editing.history import EditStep

BRUSH_SIDE = 256

WELCOME = """<div class="tr-welcome"><h2>The edited face appears here</h2>
<ol><li>Take a photo, a random face, or one that you saved.</li>
<li>Say what to see: “an old man”, “a smiling woman”, “a child”.</li>
<li>Move the strength; add more edits, or take the last one back.</li></ol>
<p>Every picture says in its file that it is synthetic, and by which model.<br>
Don't pass one off as a photo of somebody.</p>
</div>"""

FACES_WELCOME = """<div class="tr-welcome"><h2>The faces appear here</h2>
<ol><li>Choose what to make: faces of seeds, the way from one face to another, a mix of two, or a face of words.</li>
<li>A seed is any number; the same number gives the same face every time.</li>
<li>Download all of them as one sheet, each by itself, or the way as an animation.</li></ol></div>"""

NO_FACES = """<div class="tr-welcome"><h2>No model of faces here yet</h2>
<p>Take in a published StyleGAN2, or train one on a folder of faces, then reload this page:</p>
<p><code>translate models import FILE --name faces</code></p>
<p><code>translate train faces --data FACES --out runs/faces</code></p></div>"""

NO_DETECTOR = (
    "No face detector is installed, so say where the face is: drag the square, or move it with the arrow keys and "
    "resize it with + and −, until the dots lie on eyes, nose and corners of the mouth. "
    "<code>translate models pull yunet</code> installs a detector (0.2 MB)."
)
BY_HAND = "Drag the square until the dots lie on eyes, nose and corners of the mouth."


def square_on(
    picture: Image.Image,
    size: tuple[int, int],
    square: tuple[int, int, int],
    points: Sequence[Sequence[float]],
    why: str,
) -> str:
    """A photo, made small, with the face's square on it; `size` and `square` are in the photo's own pixels."""
    width, height = size
    x, y, side = square
    dots = "".join(f'<i style="left:{a * 100:.1f}%;top:{b * 100:.1f}%"></i>' for a, b in points)
    place = f"left:{x / width:.4%};top:{y / height:.4%};width:{side / width:.4%}"
    text = f"{side} pixels wide, {x} from the left, {y} from the top"
    return (
        f'<p class="tr-note">{why}</p>'
        f'<div class="tr-crop" data-width="{width}" data-height="{height}" data-square="{x},{y},{side}">'
        f'<img src="{_address(picture)}" alt="Your photo" draggable="false">'
        f'<div class="tr-box" style="{place}" tabindex="0" role="slider" aria-label="The face\'s square" '
        f'aria-valuemin="16" aria-valuemax="{min(size)}" aria-valuenow="{side}" aria-valuetext="{text}">{dots}'
        f'<b class="tr-grip"></b></div></div>'
    )


def brush_on(picture: Image.Image) -> str:
    """A face to paint on."""
    return (
        f'<div class="tr-mask"><img src="{_address(picture)}" alt="The face before all edits" draggable="false">'
        f'<canvas width="{BRUSH_SIDE}" height="{BRUSH_SIDE}" role="img" '
        f'aria-label="Paint with the mouse or a finger where the next edit may change the face"></canvas></div>'
        f'<div class="tr-brush"><label>Brush <input type="range" min="4" max="40" value="14"></label>'
        f'<button type="button" class="tr-clear">Clear</button></div>'
    )


def history(steps: "Sequence[EditStep]") -> str:
    """The edits so far, the newest last."""
    if not steps:
        return '<p class="tr-note">No edit yet: write what to see.</p>'
    return f'<ol class="tr-history">{"".join(map(_step, steps))}</ol>'


def figures(found: dict[str, float], by: str) -> str:
    """How the last edit went: how well the words fit, and how much of the face was kept, by which network."""
    facts = []
    if "clip_after" in found:
        facts.append(("Fits the words", f"{found['clip_after']:.2f}, was {found['clip_before']:.2f}"))
    if "identity_after" in found:
        kept = f"{found['identity_after']:.2f}, was {found['identity_before']:.2f} (by the {by})"
        facts.append(("Same person", kept))
    return cards.run_facts(facts) if facts else ""


def said(texts: Sequence[str]) -> str:
    """What the user should read."""
    return "".join(f'<p class="tr-said">{escape(text)}</p>' for text in texts)


def _step(step: "EditStep") -> str:
    how = [f"strength {step.strength:g}", step.method]
    how += [f"{step.channels} channels"] if step.channels else []
    how += ["painted area"] if step.mask is not None else []
    return f"<li><b>{escape(step.prompt)}</b> <span>{' · '.join(how)}</span></li>"


def _address(picture: Image.Image) -> str:
    """A picture inside the page itself: it is nobody else's to ask for."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
