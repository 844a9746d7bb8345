"""Apply a model to files: translate in batches, go on where a run stopped, report bad files at the end."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from translate import images
from translate.errors import ConfigError, ImageError, TranslateError
from translate.inference.files import Job, Options
from translate.inference.finishing import blend
from translate.inference.tiling import tile_side
from translate.inference.translator import Array, Progress, Translation, Translator
from translate.inference.video import translate_clip

LABEL_SUFFIXES = {".png", ".bmp", ".tif", ".tiff"}
PIXELS_AT_ONCE = 24_000_000
"""Photos of a batch are decoded together; this bounds what they take in memory."""
DEFAULTS = Options()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """A finished output."""

    job: Job
    width: int
    height: int
    scale: float
    tile: int | None
    kept_detail: bool
    seconds: float
    shares: dict[str, float]
    frames: int | None = None
    """Of a clip."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be translated, and why in one line."""

    path: Path
    reason: str


@dataclass(slots=True)
class Summary:
    """What became of every job; `seconds` is the whole time, reading and writing included."""

    written: list[Written] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False
    """Whether it was ended before every job had been dealt with."""


class _Stopped(Exception):
    """Ends the picture or clip that is under way."""


@dataclass(frozen=True, slots=True)
class _Watch:
    """Who is told of what, and who may end the work."""

    report: Callable[[int], object]
    tiles: Progress | None
    frames: Progress | None
    finished: Callable[[Written], object] | None
    cancelled: Callable[[], bool]

    def tile(self, done: int, total: int) -> None:
        self._tell(self.tiles, done, total)

    def frame(self, done: int, total: int) -> None:
        self._tell(self.frames, done, total)

    def _tell(self, whom: Progress | None, done: int, total: int) -> None:
        if self.cancelled():
            raise _Stopped
        if whom is not None:
            whom(done, total)


def apply(
    translator: Translator,
    jobs: Sequence[Job],
    options: Options = DEFAULTS,
    *,
    report: Callable[[int], object] | None = None,
    tiles: Progress | None = None,
    frames: Progress | None = None,
    finished: Callable[[Written], object] | None = None,
    cancelled: Callable[[], bool] = bool,
) -> Summary:
    """Carry out `jobs`; outputs that are there already are skipped, a bad picture does not stop the others.

    Each output appears whole or not at all, so an interrupted run goes on where it stopped. `report` is told how many
    more jobs have been dealt with, `tiles` how many tiles (done, in all) of a picture that is translated in such,
    `frames` how many frames (done, about how many in all) of a clip, `finished` each output as it is written.
    `cancelled` is asked before every batch, tile, frame and output. Clips come after the pictures.
    Raises: ConfigError for options out of range.
    """
    _check(translator, jobs, options)
    began, summary = time.perf_counter(), Summary()
    watch = _Watch(report or (lambda _: None), tiles, frames, finished, cancelled)
    todo: list[Job] = []
    for job in jobs:
        (summary.skipped if job.target.exists() and not options.overwrite else todo).append(job)
    watch.report(len(summary.skipped))
    try:
        _pictures(translator, [job for job in todo if not job.is_clip], options, summary, watch)
        for job in (job for job in todo if job.is_clip):
            _clip(translator, job, options, summary, watch)
            watch.report(1)
    except _Stopped:
        summary.stopped = True
    summary.seconds = time.perf_counter() - began
    return summary


def _check(translator: Translator, jobs: Sequence[Job], options: Options) -> None:
    for name, strength in (("overlay", options.overlay), ("smooth", options.smooth)):
        if strength is not None and not 0 <= strength <= 1:
            raise ConfigError(f"{name} is {strength}; it is a strength between 0 and 1")
    if translator.config.translator.head == "labels" and options.overlay is None:
        _refuse_lossy_labels([job for job in jobs if not job.is_clip])
    translator.factor(1, 1, options.scale)
    tile_side(1, 1, translator.config.translator, options.tile)


def _pictures(translator: Translator, jobs: Sequence[Job], options: Options, summary: Summary, watch: _Watch) -> None:
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        # Two batches at most are in memory: one is read while the other is translated.
        batches = _batches(jobs, options.batch_size or translator.best_batch_size, summary, watch.report)
        ahead = _read(pool, translator, next(batches, []))
        while ahead:
            current, ahead = ahead, _read(pool, translator, next(batches, []))
            _finish(translator, current, options, summary, watch)
            watch.report(len(current))


def _clip(translator: Translator, job: Job, options: Options, summary: Summary, watch: _Watch) -> None:
    if watch.cancelled():
        raise _Stopped
    try:
        clip = translate_clip(translator, job.source, job.target, options, frames=watch.frame, tiles=watch.tile)
    except TranslateError as error:
        summary.failed.append(_failure(job.source, error))
        return
    done = Written(
        job, clip.width, clip.height, clip.scale, clip.tile, clip.kept_detail, clip.seconds, clip.shares, clip.frames
    )
    _record(done, summary, watch)


Reading = list[tuple[Job, Future[Array]]]


def _read(pool: ThreadPoolExecutor, translator: Translator, batch: Sequence[Job]) -> Reading:
    return [(job, pool.submit(translator.read, job.source)) for job in batch]


def _finish(translator: Translator, batch: Reading, options: Options, summary: Summary, watch: _Watch) -> None:
    scale, tile = options.scale, options.tile
    readable = []
    for job, future in batch:
        try:
            readable.append((job, future.result()))
        except TranslateError as error:
            summary.failed.append(_failure(job.source, error))
    if watch.cancelled():
        raise _Stopped
    results: list[Translation | TranslateError]
    try:
        results = [
            *translator.run_many(
                [a for _, a in readable], scale=scale, tile=tile, batch_size=max(1, len(readable)), progress=watch.tile
            )
        ]
    except TranslateError:
        # One of them is to blame, or all are too many for the memory: one by one.
        results = [_attempt(translator, array, options, watch) for _, array in readable]
    for (job, array), result in zip(readable, results, strict=True):
        if watch.cancelled():
            raise _Stopped
        try:
            if isinstance(result, TranslateError):
                raise result
            _write(result, array, job.target, options.overlay)
        except TranslateError as error:
            summary.failed.append(_failure(job.source, error))
            continue
        height, width = array.shape[:2]
        facts = (result.scale, result.tile, result.kept_detail, result.seconds, result.shares)
        _record(Written(job, width, height, *facts), summary, watch)


def _record(done: Written, summary: Summary, watch: _Watch) -> None:
    summary.written.append(done)
    if watch.finished is not None:
        watch.finished(done)


def _write(result: Translation, photo: Array, path: Path, overlay: float | None) -> None:
    if overlay is not None:
        picture = images.array_to_pil(images.to_bytes(photo))
        images.save(blend(picture, _shown(result), overlay), path)
    elif result.labels is not None:
        images.save(result.image, path)
    elif result.pixels.dtype == np.uint16 and path.suffix.lower() not in images.DEEP:
        _log.info("%s: written with 8 bits of 16, for such a file holds no more", path)
        images.save(images.to_bytes(result.pixels), path)
    else:
        images.save(result.pixels, path)


def _shown(result: Translation) -> Image.Image:
    return result.image if result.labels is not None else images.array_to_pil(images.to_bytes(result.pixels))


def _attempt(translator: Translator, array: Array, options: Options, watch: _Watch) -> Translation | TranslateError:
    if watch.cancelled():
        raise _Stopped
    try:
        return translator.run(array, scale=options.scale, tile=options.tile, progress=watch.tile)
    except TranslateError as error:
        return error


def _failure(path: Path, error: TranslateError) -> Failure:
    return Failure(path, str(error).removeprefix(f"{path}: "))


def _batches(
    jobs: Sequence[Job], batch_size: int, summary: Summary, report: Callable[[int], object]
) -> Iterator[list[Job]]:
    """Jobs whose pictures have one size, at most `batch_size` and PIXELS_AT_ONCE together."""
    waiting: dict[tuple[int, int], list[Job]] = {}
    for job in jobs:
        try:
            header = images.header(job.source)
        except ImageError as error:
            summary.failed.append(_failure(job.source, error))
            report(1)
            continue
        group = waiting.setdefault((header.width, header.height), [])
        group.append(job)
        if len(group) == batch_size or (len(group) + 1) * header.width * header.height > PIXELS_AT_ONCE:
            yield group[:]
            group.clear()
    yield from (group for group in waiting.values() if group)


def _refuse_lossy_labels(jobs: Sequence[Job]) -> None:
    for suffix in {job.target.suffix.lower() for job in jobs} - LABEL_SUFFIXES:
        raise ConfigError(f"a {suffix} file can't hold class numbers exactly; write png, or a picture with --overlay 1")
