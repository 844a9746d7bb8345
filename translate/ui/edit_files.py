"""What a visitor sees and takes away of an edited face: pictures to compare, and files that say they are synthetic."""

import base64
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from translate import images
from translate.errors import ImageError
from translate.stopping import check
from translate.ui.edit_work import FACE_SIDE, Table, sized, slug
from translate.ui.editors import Editors

if TYPE_CHECKING:
    from translate.editing.editor import Editor

FRAME_SIDE = 256
"""Of a face of few pixels in strips and animations."""
STRIP = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
FRAMES = 12
"""Of an animation, from no edit to the whole of it; and back again."""
MOST_MASK = 2_000_000
"""Characters of a mask."""


def face(editors: Editors, table: Table) -> Image.Image:
    """The face before all edits, large enough to paint on."""
    editor, state = editors.load(table.model), table.state
    if state.photo is None:
        return sized(editor.image(replace(state, steps=())), FACE_SIDE)
    return sized(images.to_pil(state.photo.target), FACE_SIDE)


def download_picture(editors: Editors, table: Table) -> Path:
    """A PNG of the photo's own size, or of the model's, which says that it is synthetic.

    Raises: ImageError where the photo is no longer kept.
    """
    done, path = full(editors, table), _named(table, ".png")
    images.save(done, path, provenance=editors.load(table.model).provenance(table.state))
    return path


def full(editors: Editors, table: Table) -> Image.Image:
    """The picture at its own size."""
    from translate.editing.photo import PlacedPhoto

    state = table.state
    if table.upload is not None and table.square is not None and isinstance(state.photo, PlacedPhoto):
        array = images.to_bytes(images.read_array(table.upload))
        state = replace(state, photo=replace(state.photo, array=array, square=table.square))
    return editors.load(table.model).image(state)


def drawn(editors: Editors, table: Table) -> Path:
    """The face itself as the model draws it, of the model's own size."""
    editor, path = editors.load(table.model), _named(table, "-face.png")
    face = replace(table.state, photo=None)
    images.save(editor.image(face), path, provenance=editor.provenance(table.state))
    return path


def download_latent(editors: Editors, table: Table) -> Path:
    """The face with its edits, to be uploaded again; the photo is not in it."""
    path = _named(table, ".safetensors")
    editors.load(table.model).save(path, table.state)
    return path


def download_strip(editors: Editors, table: Table, cancelled: Callable[[], bool] = bool) -> Path:
    """The last edit at several strengths, side by side.

    Raises: ConfigError where there is no edit; Cancelled.
    """
    editor, path = editors.load(table.model), _named(table, "-strip.png")
    frames = _frames(editor, table, STRIP, cancelled)
    sheet = images.grid([frames], titles=[f"{value:g}" for value in STRIP])
    images.save(sheet, path, provenance=editor.provenance(table.state))
    return path


def download_animation(editors: Editors, table: Table, cancelled: Callable[[], bool] = bool) -> Path:
    """The last edit growing from nothing to its strength and back.

    Raises: ConfigError where there is no edit; Cancelled.
    """
    editor, path = editors.load(table.model), _named(table, ".gif")
    strength = table.state.steps[-1].strength if table.state.steps else 0.0
    frames = _frames(editor, table, [number / FRAMES * strength for number in range(FRAMES + 1)], cancelled)
    images.save_animation(frames + frames[-2:0:-1], path, provenance=editor.provenance(table.state))
    return path


def read_mask(folder: Path, text: str) -> Image.Image | None:
    """A mask as the page's brush gives it: a PNG as a data address, or nothing where nothing was painted.

    Raises: ImageError for anything else.
    """
    head, _, body = text.partition(",")
    if not text:
        return None
    if head != "data:image/png;base64" or len(body) > MOST_MASK:
        raise ImageError("the mask is no picture of the page's brush; paint it again")
    try:
        data = base64.b64decode(body, validate=True)
    except ValueError:
        raise ImageError("the mask is damaged; paint it again") from None
    path = folder / f"mask-{uuid.uuid4().hex}.png"
    path.write_bytes(data)
    return images.array_to_pil(images.read_array(path))


def _frames(
    editor: "Editor", table: Table, strengths: Sequence[float], cancelled: Callable[[], bool]
) -> list[Image.Image]:
    frames = []
    for strength in strengths:
        check(cancelled)
        frames.append(sized(editor.image(table.state.at(strength)), FRAME_SIDE))
    return frames


def _named(table: Table, ending: str) -> Path:
    words = "-".join([table.name, *(slug(step.prompt) for step in table.state.steps[-2:])])
    return table.folder / f"{words[:80].strip('-.')}{ending}"
