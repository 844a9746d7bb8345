"""One clip for the page: what it is before anything starts, and its translation as a file."""

import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from translate.errors import ConfigError, ImageError
from translate.inference.files import CLIPS, Options
from translate.ui.guard import own_folder
from translate.ui.models import Models

MAX_FRAMES, MAX_FRAMES_PUBLIC = 3000, 500
"""Two minutes at 25 a second; of strangers, who share one accelerator, twenty seconds."""
NO_PYAV = "Clips need PyAV, which is not installed here: pip install 'translate-images[video]', then start again."


@dataclass(frozen=True)
class Facts:
    """What an uploaded clip says of itself."""

    width: int
    height: int
    frames: int
    seconds: float


@dataclass(frozen=True)
class Finished:
    """A translated clip, whole; None where it was ended before."""

    file: Path | None
    width: int = 0
    height: int = 0
    frames: int = 0
    seconds: float = 0.0
    device: str = ""


class _Stopped(Exception):
    """Ends the clip that is under way."""


def is_available() -> bool:
    """Whether clips can be read on this machine."""
    return find_spec("av") is not None


def look(path: Path, most: int = MAX_FRAMES) -> Facts:
    """Size and length of a clip of at most `most` frames, by its header.

    Raises: ConfigError where it is longer than the page takes, and ImageError for what is no clip.
    """
    from translate.inference.clip_file import ClipReader

    if path.suffix.lower() not in CLIPS:
        raise ImageError(f"{path.name}: is no clip this page takes ({' '.join(sorted(CLIPS))})")
    with ClipReader(path) as reader:
        context = reader.video.codec_context
        facts = Facts(context.width, context.height, reader.expected, reader.expected / float(reader.rate))
    _check_length(path, facts.frames, most)
    return facts


def translate_clip(
    models: Models, name: object, source: Path, smooth: float, overlay: float,
    tell: Callable[[tuple[int, int]], object], cancelled: Callable[[], bool], *, most: int = MAX_FRAMES,
) -> Finished:  # fmt: skip
    """Translate a clip; `overlay` 1 shows the result alone, `tell` is given (frames done, about how many).

    Raises: TranslateError for a model or clip that won't do; a clip that was cancelled leaves no file.
    """
    from translate.inference.video import translate_clip as translated

    look(source, most)
    began, translator = time.perf_counter(), models.load(name)
    out = Path(tempfile.mkdtemp(prefix="clip-", dir=own_folder()))
    stem = re.sub(r"[^\w.-]+", "-", source.stem)[:32].strip("-.") or "clip"
    target = out / f"{stem}-{Path(str(name)).name}{CLIPS[source.suffix.lower()]}"

    def tiles(_done: int, _total: int) -> None:
        if cancelled():
            raise _Stopped

    def frames(done: int, total: int) -> None:
        tiles(done, total)
        _check_length(source, done, most)  # a header may say anything
        tell((done, total))

    options = Options(smooth=smooth, overlay=None if overlay == 1 else overlay)
    try:
        clip = translated(translator, source, target, options, frames=frames, tiles=tiles)
    except _Stopped:
        return Finished(None)
    seconds = time.perf_counter() - began
    return Finished(target, clip.width, clip.height, clip.frames, seconds, str(translator.device))


def _check_length(path: Path, frames: int, most: int) -> None:
    if frames > most:
        raise ConfigError(f"{path.name}: {frames} frames; this page takes {most} of a clip, cut it first")
