"""Several models on one photo: each one's picture and time, a contact sheet, and all of them in one zip."""

import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from translate import images
from translate.errors import ConfigError, TranslateError
from translate.stopping import Cancelled
from translate.ui.guard import own_folder
from translate.ui.models import Models
from translate.ui.run import Comparison, Run, blend, compare, run

FEWEST, MOST = 2, 4
OVERLAY = 0.6
"""How strongly a label map is laid over the photo where it is shown; the files hold the map alone."""


@dataclass(frozen=True)
class Made:
    """What one model made of the photo."""

    name: str
    done: Run
    shown: Comparison
    picture: Path
    """To look at: a label map lies over the photo."""

    @property
    def title(self) -> str:
        """What the model calls itself."""
        return self.done.config.title or self.name


@dataclass
class SideBySide:
    """Every model's picture in the order asked for; sheet and zip are None where there is none."""

    made: list[Made] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    sheet: Path | None = None
    archive: Path | None = None
    stopped: bool = False


def side_by_side(
    models: Models, names: Sequence[object], photo: Path, scale: object,
    tell: Callable[[int], object], cancelled: Callable[[], bool],
) -> SideBySide:  # fmt: skip
    """Translate one photo with each of `names`; `tell` is given how many are done.

    A model that can't take the photo is named and the others go on.
    Raises: ConfigError for too few or too many models.
    """
    chosen = list(dict.fromkeys(map(str, names)))
    if not FEWEST <= len(chosen) <= MOST:
        raise ConfigError(f"{len(chosen)} models are chosen; choose {FEWEST} to {MOST}")
    result = SideBySide()
    for number, name in enumerate(chosen):
        if cancelled():
            result.stopped = True
            break
        try:
            done = run(models, name, photo, scale, cancelled)
            shown = compare(done)
            result.made.append(Made(name, done, shown, blend(shown, OVERLAY)))
        except Cancelled:
            result.stopped = True
            break
        except TranslateError as error:
            result.failed.append((name, str(error).removeprefix(f"{photo}: ")))
        tell(number + 1)
    if result.made:
        folder = Path(tempfile.mkdtemp(prefix="compare-", dir=own_folder()))
        result.sheet, result.archive = folder / "comparison.png", folder / "comparison.zip"
        images.save(contact_sheet(result.made), result.sheet)
        with zipfile.ZipFile(result.archive, "w", zipfile.ZIP_STORED) as archive:
            for made in result.made:
                archive.write(made.done.file, made.done.file.name)
    return result


def contact_sheet(made: Sequence[Made]) -> Image.Image:
    """The photo and what each model made of it in a row, named, as large as the page shows them."""
    photo = Image.fromarray(images.read_array(made[0].shown.before))
    pictures = [Image.fromarray(images.read_array(one.shown.after)) for one in made]
    return images.grid([[photo, *pictures]], titles=["photo", *(one.title for one in made)])
