"""Many photos for the page: uploaded files into one zip and small pictures to look at, a folder into another."""

import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from translate import images
from translate.errors import ConfigError, TranslateError
from translate.ui.guard import own_folder
from translate.ui.models import Models
from translate.ui.run import SHOWN_SIDE, parse_scale

if TYPE_CHECKING:
    from translate.inference.files import Job
    from translate.inference.folder import Written
    from translate.inference.translator import Translator

MAX_FILES, MAX_FILES_PUBLIC = 100, 20
"""At a time; strangers share one accelerator, and nobody should wait for minutes."""
MAX_MEGAPIXELS = 1000
"""Of all uploaded photos together, each counted as large as the model sees it where that is larger."""
THUMB_SIDE = 480
OVERLAY = 0.6
"""How strongly a label map is laid over its photo where it is shown; the file holds the map alone."""


@dataclass(frozen=True)
class Shown:
    """A finished photo as the page shows it: its name, both sides of the slider, a small one for the gallery."""

    name: str
    before: Path
    after: Path
    thumb: Path


@dataclass(frozen=True)
class Step:
    """What has been dealt with so far, and the photo that has just been finished."""

    done: int
    total: int
    latest: Shown | None = None


@dataclass
class Batch:
    """What became of all files; `archive` holds what is finished, None where nothing is."""

    shown: list[Shown] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    archive: Path | None = None
    skipped: int = 0
    written: int = 0
    stopped: bool = False
    seconds: float = 0.0
    device: str = ""


Tell = Callable[[Step], object]


def translate_files(
    models: Models, name: object, files: Sequence[Path], scale: object, tell: Tell, cancelled: Callable[[], bool],
    *, most: int = MAX_FILES,
) -> Batch:  # fmt: skip
    """Translate at most `most` uploaded photos into one zip, names kept; a bad one is named and the others go on.

    Raises: TranslateError for a model or scale that won't do, or for more work than the page takes at once.
    """
    from translate.inference import folder as apply_to
    from translate.inference.files import Options, plan

    if not files:
        raise ConfigError("no photo was given; choose some first")
    wanted, began, batch = parse_scale(scale), time.perf_counter(), Batch()
    if len(files) > most:
        raise ConfigError(f"{len(files)} files; this page takes {most} at a time")
    translator = models.load(name)
    out = Path(tempfile.mkdtemp(prefix="batch-", dir=own_folder()))
    jobs = _usable(translator, plan(files, out / "full"), wanted, batch)
    progress = _Progress(tell, len(jobs) + len(batch.failed), len(batch.failed))
    packing = _Packing(translator, out, batch, progress)
    with closing(packing):
        summary = apply_to.apply(
            translator, jobs, Options(scale=wanted), report=progress.more, finished=packing.add, cancelled=cancelled
        )
    order = [job.target.relative_to(out / "full").as_posix() for job in jobs]
    batch.shown.sort(key=lambda shown: order.index(shown.name))
    batch.failed += [(failure.path.name, failure.reason) for failure in summary.failed]
    batch.written, batch.stopped = len(summary.written), summary.stopped
    batch.archive = packing.path if summary.written else None
    batch.seconds, batch.device = time.perf_counter() - began, str(translator.device)
    return batch


def translate_folder(
    models: Models, name: object, source: Path, out: Path, root: Path, scale: object, tell: Tell,
    cancelled: Callable[[], bool],
) -> Batch:  # fmt: skip
    """Translate a folder of this machine into another as `translate apply FOLDER -o OUT` does, both below `root`.

    What is there already is skipped; a file that is a link out of `root` is named and left.
    Raises: TranslateError for a model or folders that won't do.
    """
    from translate.inference import folder as apply_to
    from translate.inference.files import Options, plan

    wanted, began, batch = parse_scale(scale), time.perf_counter(), Batch()
    jobs = []
    for job in plan([source], out):
        if all(path.resolve().is_relative_to(root) for path in (job.source, job.target)):
            jobs.append(job)
        else:
            batch.failed.append((_below(job.source, source), "is or goes through a link out of the data root"))
    translator = models.load(name)
    progress = _Progress(tell, len(jobs) + len(batch.failed), len(batch.failed))
    summary = apply_to.apply(translator, jobs, Options(scale=wanted), report=progress.more, cancelled=cancelled)
    batch.failed += [(_below(failure.path, source), failure.reason) for failure in summary.failed]
    batch.skipped, batch.written, batch.stopped = len(summary.skipped), len(summary.written), summary.stopped
    batch.seconds, batch.device = time.perf_counter() - began, str(translator.device)
    return batch


def preview(name: str, source: Path, target: Path, palette: Sequence[tuple[int, int, int]], folder: Path) -> Shown:
    """Small pictures of a photo and of its translation `target`, written to `folder`; a label map lies over its photo.

    Raises: ImageError where one of them can't be read.
    """
    photo, size = _small(Image.fromarray(images.to_bytes(images.read_array(source))))
    if palette:
        labels = images.labels_to_pil(images.read_labels(target), palette)
        after = Image.blend(photo, labels.resize(size, Image.Resampling.NEAREST).convert("RGB"), OVERLAY)
    else:
        after, _ = _small(Image.fromarray(images.to_bytes(images.read_array(target))))
    paths = [folder / f"{part}.jpg" for part in ("before", "after", "thumb")]
    thumb = after.copy()
    thumb.thumbnail((THUMB_SIDE, THUMB_SIDE))
    for picture, path in zip((photo, after, thumb), paths, strict=True):
        images.save(picture, path)
    return Shown(name, *paths)


class _Progress:
    """Counts what has been dealt with and tells it."""

    def __init__(self, tell: Tell, total: int, done: int) -> None:
        self.tell, self.total, self.done = tell, total, done
        tell(Step(done, total))

    def more(self, count: int) -> None:
        self.done += count
        if count:
            self.tell(Step(self.done, self.total))


class _Packing:
    """Puts each finished output into the zip, as it is: a PNG doesn't get smaller. Only the zip keeps it."""

    def __init__(self, translator: "Translator", out: Path, batch: Batch, progress: _Progress) -> None:
        self.out, self.batch, self.progress = out, batch, progress
        is_labels = translator.config.translator.head == "labels"
        self.palette = tuple(spec.color for spec in translator.config.classes) if is_labels else ()
        self.path = out / f"translated-{Path(translator.config.name or 'photos').name}.zip"
        self.archive = zipfile.ZipFile(self.path, "w", zipfile.ZIP_STORED)

    def add(self, written: "Written") -> None:
        target = written.job.target
        name = target.relative_to(self.out / "full").as_posix()
        self.archive.write(target, name)
        shown = preview(name, written.job.source, target, self.palette, self.out / f"{len(self.batch.shown)}")
        target.unlink()
        self.batch.shown.append(shown)
        self.progress.tell(Step(self.progress.done, self.progress.total, shown))

    def close(self) -> None:
        self.archive.close()


def _usable(translator: "Translator", jobs: Sequence["Job"], scale: Any, batch: Batch) -> list["Job"]:
    """The jobs whose photo can be opened; the others are named as failed.

    Raises: ConfigError where all together are more work than the page takes.
    """
    usable, pixels = [], 0.0
    for job in jobs:
        try:
            if job.is_clip:
                raise ConfigError("is a clip; give it to the Video tab")
            header = images.header(job.source)
            factor = translator.factor(header.height, header.width, scale)
        except TranslateError as error:
            batch.failed.append((job.source.name, str(error).removeprefix(f"{job.source}: ")))
            continue
        pixels += header.width * header.height * max(1.0, factor**2)
        usable.append(job)
    if pixels > MAX_MEGAPIXELS * 10**6:
        raise ConfigError(
            f"these photos are {pixels / 1e6:.0f} megapixels of work together; "
            f"this page takes {MAX_MEGAPIXELS} at a time"
        )
    return usable


def _small(picture: Image.Image) -> tuple[Image.Image, tuple[int, int]]:
    factor = min(1.0, SHOWN_SIDE / max(picture.size))
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.LANCZOS), size


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
