"""Faces from noise for the page: of seeds, on the way from one to another, mixed of two, or of a text alone."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from translate import images
from translate.config.seeds import parse_seeds
from translate.errors import ConfigError
from translate.stopping import check
from translate.ui import edit_work
from translate.ui.edit_work import FACE_SIDE, sized, slug
from translate.ui.editors import Editors
from translate.ui.guard import own_folder

if TYPE_CHECKING:
    from translate.editing.editor import Editor
    from translate.editing.history import EditState
    from translate.editing.optimisation import Progress

MOST = 64
"""Faces at once."""
FRAMES = 16
"""Of a way from one face to another, shown as an animation."""
STRIP = 8
"""Of the same side by side."""
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Made:
    """Pictures of the model's own size with their names, larger ones to look at, and files of all together."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    shown: tuple[Path, ...]
    sheet: Path
    animation: Path | None = None


def of_seeds(
    editors: Editors, model: object, seeds: str, truncation: float, cancelled: Callable[[], bool] = bool
) -> Made:
    """The faces of seeds such as "0-7" or "3,8".

    Raises: ConfigError for other words, too many, or a truncation out of range; Cancelled.
    """
    numbers, editor = parse_seeds(seeds, MOST), editors.load(model)
    if not 0 <= truncation <= 1.5:
        raise ConfigError(f"truncation is {truncation:g}; it goes from 0, the mean face, to 1.5")
    pictures = editor.generate(numbers, truncation=truncation, cancelled=cancelled)
    across = round(len(pictures) ** 0.5 + 0.49)
    rows = [pictures[start : start + across] for start in range(0, len(pictures), across)]
    return _made(editor, pictures, [f"seed-{number}" for number in numbers], rows, cancelled)


def of_words(
    editors: Editors,
    model: object,
    prompt: str,
    steps: int,
    cancelled: Callable[[], bool] = bool,
    report: "Callable[[Progress], None] | None" = None,
) -> Made:
    """One face of a text alone, from the mean face; stopped, as far as it got.

    Raises: ConfigError for words that the model does not know.
    """
    editor = editors.load(model)
    from translate.editing.optimisation import OptimisationConfig

    if not prompt.strip():
        raise ConfigError("write what to see, as “an old woman”")
    how = OptimisationConfig(steps=steps)
    done = editor.free(prompt.strip(), optimisation=how, cancelled=cancelled, report=report)
    # Not asked again: who stops it wants what there is.
    return _made(editor, [done.image], [slug(prompt) or "face"], [[done.image]], bool, done.state)


def between(
    editors: Editors, model: object, first: str | Path, last: str | Path, cancelled: Callable[[], bool] = bool
) -> Made:
    """The way from one face to another; each is a seed, a photo of a face alone, or a saved face.

    Raises: TranslateError for an end that won't do; Cancelled.
    """
    editor = editors.load(model)
    a, b = (_end(editors, model, end, cancelled) for end in (first, last))
    frames = editor.morph(a, b, FRAMES, cancelled=cancelled)
    chosen = [frames[round(number * (FRAMES - 1) / (STRIP - 1))] for number in range(STRIP)]
    names = [f"way-{number + 1}-of-{STRIP}" for number in range(STRIP)]
    made = _made(editor, chosen, names, [chosen], cancelled)
    path = made.sheet.with_name("way.gif")
    large = [sized(frame, FACE_SIDE // 2) for frame in frames + frames[-2:0:-1]]
    images.save_animation(large, path, provenance=editor.provenance(a))
    return Made(made.files, made.names, made.shown, made.sheet, path)


def mixed(
    editors: Editors, model: object, coarse: str | Path, fine: str | Path, cancelled: Callable[[], bool] = bool
) -> Made:
    """Two faces mixed at every layer: pose and shape of the one, colours and detail of the other.

    Raises: TranslateError for an end that won't do; Cancelled.
    """
    editor = editors.load(model)
    a, b = (_end(editors, model, end, cancelled) for end in (coarse, fine))
    pictures = editor.mix(a, b, cancelled=cancelled)
    names = [f"{layers}-layers-of-the-first" for layers in range(len(pictures))]
    return _made(editor, pictures, names, [pictures], cancelled)


def _end(editors: Editors, model: object, end: str | Path, cancelled: Callable[[], bool]) -> "EditState":
    if isinstance(end, Path) and end.suffix.lower() == SUFFIX:
        return edit_work.begin_latent(editors, model, end).state
    if isinstance(end, Path):
        return edit_work.begin_photo(editors, model, end, cancelled=cancelled).state
    (number, *others) = parse_seeds(end, 1)
    assert not others
    return edit_work.begin_seed(editors, model, number).state


def _made(
    editor: "Editor",
    pictures: Sequence[Image.Image],
    names: Sequence[str],
    rows: Sequence[Sequence[Image.Image]],
    cancelled: Callable[[], bool],
    state: "EditState | None" = None,
) -> Made:
    folder = Path(tempfile.mkdtemp(prefix="faces-", dir=own_folder()))
    provenance = editor.provenance(state or editor.mean())
    files, shown = [], []
    for name, picture in zip(names, pictures, strict=True):
        check(cancelled)
        files.append(folder / f"{name}.png")
        images.save(picture, files[-1], provenance=provenance)
        shown.append(folder / f"{name}-large.png")
        images.save(sized(picture, FACE_SIDE // 2), shown[-1], provenance=provenance)
    images.save(images.grid(rows), folder / "sheet.png", provenance=provenance)
    return Made(tuple(files), tuple(names), tuple(shown), folder / "sheet.png")
