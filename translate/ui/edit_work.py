"""Editing a face for the page: a face to begin with, and edits upon it.

Nothing here knows the page's components; whatever lasts over a second is told by `cancelled` when to stop.
"""

import re
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from translate import images
from translate.config.seeds import MAX_SEED
from translate.errors import ConfigError, TranslateError
from translate.ui import edit_cards
from translate.ui.editors import Editors
from translate.ui.guard import own_folder

if TYPE_CHECKING:
    from torch import Tensor

    from translate.editing.alignment import Square
    from translate.editing.editor import Edited, Editor
    from translate.editing.history import EditState
    from translate.editing.inversion import Report
    from translate.editing.optimisation import Progress

SHOWN_SIDE = 1024
"""A photo is looked at, and edits of it tried, at most this large; a download has the photo's own size."""
LOOK_SIDE = 640
"""Of the photo that the face's square is set on."""
FACE_SIDE = 512
"""A face of few pixels is shown this large."""
NEAR_STEPS, EDIT_STEPS, FREE_STEPS = (0, 300), (5, 300), (10, 300)
"""The least and the most of the page's sliders: towards a photo, of an edit, of words alone."""
API_STEPS = (0, 1000)
_KINDS = {
    "nothing survived": "Nothing was changed",
    "chosen by itself": "Chosen by itself",
    "cancelled": "Stopped",
}
# What the library says to somebody at a command line, in the words of this page.
_WORDS = {
    " by --crop X,Y,SIDE": " on the photo",
    "with --crop X,Y,SIDE": "with a square set by hand",
    "--crop X,Y,SIDE": "the square",
    "--crop ": "the square ",
    "--crop": "the square",
    "; --face N chooses, the largest is 1": "; “Which face” chooses",
    "--face goes": "faces are counted",
}


@dataclass(frozen=True, eq=False)
class Table:
    """What a visitor works on: a face with its edits, by which model, and what was said of it last."""

    model: str
    state: "EditState"
    """Its photo, where it has one, is reduced to what is shown."""
    folder: Path
    name: str
    """What downloads are called."""
    before: Path
    """The picture before all edits, as it is shown."""
    after: Path
    """The picture now."""
    upload: Path | None = None
    square: "Square | None" = None
    """Of the face in the uploaded photo."""
    said: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an edit was asked for."""

    prompt: str
    neutral: str = ""
    """Empty: the library's own."""
    method: Literal["direction", "optimise", "mapper"] = "direction"
    strength: float = 1.0
    disentangle: float | None = None
    """None: chosen by itself."""
    mask: Image.Image | None = None
    steps: int = 25


def begin_seed(editors: Editors, model: object, seed: object, variety: float = 0.7) -> Table:
    """The face of a seed.

    Raises: TranslateError for a model or seed that won't do.
    """
    editor, number = editors.load(model), parse_seed(seed)
    if not 0 <= variety <= 1.5:
        raise ConfigError(f"variety is {variety:g}; it goes from 0, the mean face, to 1.5")
    return _table(editor, model, editor.start(number, truncation=variety), f"seed-{number}")


def begin_latent(editors: Editors, model: object, path: Path) -> Table:
    """A face that was saved, with the edits that are on it.

    Raises: TranslateError for a damaged file, or one of another model.
    """
    editor = editors.load(model)
    return _table(editor, model, editor.open(path), slug(path.stem) or "face")


def begin_photo(
    editors: Editors,
    model: object,
    path: Path,
    *,
    crop: str = "",
    face: int | None = None,
    steps: int | None = None,
    cancelled: Callable[[], bool] = bool,
    report: "Report | None" = None,
) -> Table:
    """The face of a photo: found, or where `crop`, X,Y,SIDE in the photo's pixels, says.

    Raises: TranslateError saying what the photo shows instead of a face.
    """
    editor = editors.load(model)
    from translate.editing import detection
    from translate.editing.history import EditState
    from translate.editing.photo import PhotoInverter, PlacedPhoto

    inverter = editor.inverter
    if not isinstance(inverter, PhotoInverter):
        raise ConfigError(f"{model}: has nothing to compare a photo by; edit a random face")
    with _in_page_words():
        square = detection.parse_crop(crop) if crop else None
        own = replace(inverter, crop=square, face=face, steps=steps, cancelled=cancelled, report=report)
        w_plus, placed, tuned = own(images.array_to_pil(images.read_array(path)))
    assert isinstance(placed, PlacedPhoto)
    state = EditState(w_plus, origin="photo", photo=placed.reduced(SHOWN_SIDE), synthesis=tuned)
    said = tuple(_worded(note) for note in placed.notes)
    table = _table(editor, model, state, slug(path.stem) or "photo")
    return replace(table, upload=path, square=placed.square, said=said)


def look(editors: Editors, model: object, path: Path, by_hand: bool) -> str:
    """A photo with a square to set, as HTML, and why; nothing where a detector finds the face.

    Raises: TranslateError for a photo or model that won't do.
    """
    alignment = editors.entry(model).config.alignment
    array = images.read_array(path)
    from translate.editing import detection

    if detection.is_installed() and not by_hand:
        return ""
    height, width = array.shape[:2]
    # A picture that is square is mostly a face that was cut out already.
    side = width if width == height else round(0.6 * min(width, height))
    square = ((width - side) // 2, (height - side) // 3, side)
    small = images.array_to_pil(array)
    small.thumbnail((LOOK_SIDE, LOOK_SIDE))
    points = () if alignment is None else alignment.points
    why = edit_cards.BY_HAND if detection.is_installed() else edit_cards.NO_DETECTOR
    return edit_cards.square_on(small, (width, height), square, points, why)


def edit(
    editors: Editors,
    table: Table,
    asked: Asked,
    cancelled: Callable[[], bool] = bool,
    report: "Callable[[Progress], None] | None" = None,
) -> Table:
    """One edit more; where nothing is to be changed, the same face and why.

    Raises: TranslateError for words that the model does not know, a missing mapper, or values out of range; Cancelled.
    """
    if not asked.prompt.strip():
        raise ConfigError("write what to see, as “an old man”")
    editor = editors.load(table.model)
    from translate.editing.optimisation import OptimisationConfig

    done = editor.edit(
        table.state,
        asked.prompt.strip(),
        neutral=asked.neutral.strip() or None,
        method=asked.method,
        strength=asked.strength,
        disentangle="auto" if asked.disentangle is None else asked.disentangle,
        mask=asked.mask,
        optimisation=OptimisationConfig(steps=asked.steps) if asked.method == "optimise" else None,
        cancelled=cancelled,
        report=report,
    )
    return _after(table, done)


def at_strength(editors: Editors, table: Table, strength: float) -> Table:
    """The last edit at another strength.

    Raises: ConfigError where there is none, or for a strength out of range.
    """
    return _after(table, editors.load(table.model).at(table.state, strength))


def at_threshold(
    editors: Editors, table: Table, disentangle: float | None, cancelled: Callable[[], bool] = bool
) -> Table:
    """The last edit, one by direction, with another threshold; what its words mean is mostly known already.

    Raises: ConfigError where there is no such edit; Cancelled.
    """
    before = table.state.undo()
    last = table.state.steps[-1]
    if last.method != "direction":
        raise ConfigError("the last edit is no direction; edit anew for another disentanglement")
    done = editors.load(table.model).edit(
        before,
        last.prompt,
        neutral=last.neutral,
        strength=last.strength,
        disentangle="auto" if disentangle is None else disentangle,
        mask=last.mask,
        cancelled=cancelled,
    )
    return replace(table, said=_said(done)) if len(done.state.steps) == len(before.steps) else _after(table, done)


def within(editors: Editors, table: Table, mask: Image.Image | None) -> Table:
    """The last edit within a mask, or where that is None everywhere.

    Raises: ConfigError where there is no edit; ImageError for a mask without white.
    """
    editor, before, last = editors.load(table.model), table.state.undo(), table.state.steps[-1]
    step = replace(last, mask=editor.mask(mask))
    return _after(table, editor.at(before.then(step), last.strength))


def undo(editors: Editors, table: Table) -> Table:
    """Without the last edit.

    Raises: ConfigError where there is none.
    """
    state = table.state.undo()
    if not state.steps:
        return start_over(table)
    return replace(_after(table, editors.load(table.model).at(state, state.steps[-1].strength)), said=())


def start_over(table: Table) -> Table:
    """Without any edit."""
    return replace(table, state=replace(table.state, steps=()), after=table.before, said=(), figures={})


def preview(editors: Editors, table: Table, picture: "Tensor") -> Path:
    """What an optimisation has come to, as a file. Shape: picture (1, 3, R, R)."""
    drawn = editors.load(table.model).image(table.state, picture)
    return _shown(table.folder, drawn, of_photo=table.state.photo is not None)


def parse_seed(seed: object) -> int:
    """A whole number from 0 on.

    Raises: ConfigError for anything else.
    """
    if isinstance(seed, float) and seed.is_integer():
        seed = int(seed)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"seed is {str(seed)[:40]!r}; give a whole number from 0 on")
    return seed


def parse_steps(steps: object, limits: tuple[int, int]) -> int:
    """How many steps are asked for, within the limits of what asks: a request may hold any number, or none.

    Raises: ConfigError for anything else.
    """
    least, most = limits
    if isinstance(steps, bool) or not isinstance(steps, int | float) or not least <= steps <= most:
        raise ConfigError(f"steps is {str(steps)[:40]!r}; take a whole number from {least} to {most}")
    return int(steps)


def _table(editor: "Editor", model: object, state: "EditState", name: str) -> Table:
    folder, of_photo = Path(tempfile.mkdtemp(prefix="edit-", dir=own_folder())), state.photo is not None
    before = _shown(folder, editor.image(replace(state, steps=())), of_photo=of_photo)
    after = _shown(folder, editor.image(state), of_photo=of_photo) if state.steps else before
    return Table(str(model), state, folder, name, before, after)


def _after(table: Table, done: "Edited") -> Table:
    after = _shown(table.folder, done.image, of_photo=done.state.photo is not None)
    return replace(table, state=done.state, after=after, said=_said(done), figures=done.figures)


def _said(done: "Edited") -> tuple[str, ...]:
    return tuple(f"{_KINDS[message.kind]}: {message.text}" for message in done.messages)


def _shown(folder: Path, picture: Image.Image, *, of_photo: bool) -> Path:
    """A photo as JPEG, for as PNG it takes a second to pack; a face bit for bit."""
    path = folder / f"shown-{uuid.uuid4().hex}.{'jpg' if of_photo else 'png'}"
    images.save(picture if of_photo else sized(picture, FACE_SIDE), path)
    return path


def sized(picture: Image.Image, side: int) -> Image.Image:
    """Small pictures several times as large, large ones with `side` for their longer side."""
    longer = max(picture.size)
    factor = float(side // longer) if longer <= side else side / longer
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture if factor == 1 else picture.resize(size, Image.Resampling.LANCZOS)


def slug(text: str) -> str:
    """A piece of a file's name."""
    return re.sub(r"[^\w.-]+", "-", text)[:32].strip("-.")


@contextmanager
def _in_page_words() -> Iterator[None]:
    try:
        yield
    except TranslateError as error:
        raise type(error)(_worded(str(error))) from None


def _worded(text: str) -> str:
    for theirs, ours in _WORDS.items():
        text = text.replace(theirs, ours)
    return text
